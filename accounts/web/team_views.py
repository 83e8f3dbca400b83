"""The team of an account.  Owners and admins come to let colleagues in and out; everybody else to see whom to ask."""

from __future__ import annotations

from allauth.account.decorators import reauthentication_required
from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.db.models import Exists, OuterRef
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import mails
from accounts.domain import invitations, team
from accounts.domain.access import Permission, may
from accounts.domain.team import TeamRefused
from accounts.links import called, link_to
from accounts.models import Invitation, Role, User
from accounts.web.access import AccountRequest, account_page, page
from accounts.web.forms import InviteForm, RoleForm, TransferForm

NOT_SENT = gettext_lazy("The mail could not be sent. The invitation is kept: send it again in some minutes.")


@require_safe
@account_page(Permission.VIEW)
def members(request: AccountRequest) -> HttpResponseBase:
    """Show members and open invitations."""
    return team_page(request, InviteForm())


def team_page(request: AccountRequest, form: InviteForm) -> HttpResponse:
    account, me = request.membership.account, request.membership
    has_factor = Exists(Authenticator.objects.filter(user=OuterRef("user")))
    rows = account.memberships.select_related("user").annotate(has_factor=has_factor).order_by("user__email")
    manages = may(me.role, Permission.MANAGE_TEAM)
    context = {
        "section": "team",
        "form": form,
        "me": me,
        "members": [(row, manages and row.pk != me.pk and team.may_give(row.role, me)) for row in rows],
        "roles": RoleForm.base_fields["role"].choices,  # type: ignore[attr-defined]
        "invitations": account.invitations.open().select_related("invited_by").order_by("email") if manages else [],
        "now": timezone.now(),
    }
    return page(request, "accounts/team.html", context, status=422 if form.errors else 200)


@require_POST
@account_page(Permission.MANAGE_TEAM)
def invite(request: AccountRequest) -> HttpResponseBase:
    """Send an invitation."""
    form = InviteForm(request.POST)
    if not form.is_valid():
        return team_page(request, form)
    email, role = form.cleaned_data["email"], form.cleaned_data["role"]
    try:
        invitation, token = invitations.invite(email=email, role=role, actor=request.membership, now=timezone.now())
    except TeamRefused as refusal:
        form.add_error(None, str(refusal))
        return team_page(request, form)
    send_invitation(request, invitation, token)
    return back(request)


@require_POST
@account_page(Permission.MANAGE_TEAM)
def resend(request: AccountRequest, invitation_id: int) -> HttpResponseBase:
    """Send an invitation once more, with a new link."""
    try:
        invitation, token = invitations.resend(
            invitation_id=invitation_id, account=request.membership.account, now=timezone.now()
        )
    except invitations.InvitationGone:
        raise Http404 from None
    except TeamRefused as refusal:
        messages.error(request, str(refusal))
    else:
        send_invitation(request, invitation, token)
    return back(request)


@require_POST
@account_page(Permission.MANAGE_TEAM)
def revoke(request: AccountRequest, invitation_id: int) -> HttpResponseBase:
    """Take an invitation back; its link ends."""
    try:
        invitation = invitations.open_of(request.membership.account, invitation_id)
    except invitations.InvitationGone:
        raise Http404 from None
    invitations.revoke(invitation=invitation, actor=request.user, now=timezone.now())
    messages.success(request, gettext("The invitation of %(email)s was taken back.") % {"email": invitation.email})
    return back(request)


@require_POST
@account_page(Permission.MANAGE_TEAM)
def change_role(request: AccountRequest, member_id: int) -> HttpResponseBase:
    """Give a member another role."""
    member_of(request, member_id)
    form = RoleForm(request.POST)
    if not form.is_valid():
        messages.error(request, gettext("Choose one of the roles."))
        return back(request)
    try:
        member = team.change_role(membership_id=member_id, role=form.cleaned_data["role"], actor=request.membership)
    except TeamRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(
            request,
            gettext("%(person)s is %(role)s now.") % {"person": member.user, "role": member.get_role_display().lower()},
        )
    return back(request)


@require_POST
@account_page(Permission.MANAGE_TEAM)
def remove(request: AccountRequest, member_id: int) -> HttpResponseBase:
    """Take a member out."""
    member_of(request, member_id)
    try:
        member = team.remove(membership_id=member_id, actor=request.membership)
    except TeamRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(
            request,
            gettext("%(person)s is no longer in %(account)s.")
            % {"person": member.user, "account": request.membership.account},
        )
    return back(request)


@require_POST
@account_page(Permission.VIEW)
def leave(request: AccountRequest) -> HttpResponseBase:
    """Take oneself out."""
    try:
        team.leave(membership=request.membership)
    except TeamRefused as refusal:
        messages.error(request, str(refusal))
        return back(request)
    messages.success(request, gettext("You have left %(account)s.") % {"account": request.membership.account})
    return redirect("home")


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Permission.TRANSFER_OWNERSHIP)
@reauthentication_required
def transfer(request: AccountRequest) -> HttpResponseBase:
    """Make a member an owner, after the password was asked for once more."""
    account = request.membership.account
    others = account.memberships.exclude(pk=request.membership.pk).exclude(role=Role.OWNER).select_related("user")
    choices = [(member.pk, called(member.user)) for member in others.order_by("user__email")]
    form = TransferForm(request.POST or None, members=choices)
    if request.method == "POST" and form.is_valid():
        try:
            member = team.hand_over(
                membership_id=form.cleaned_data["member"], actor=request.membership, stay=form.cleaned_data["stay"]
            )
        except TeamRefused as refusal:
            form.add_error(None, str(refusal))
        else:
            tell_of_owner(request, member.user)
            messages.success(
                request,
                gettext("%(person)s is an owner of %(account)s now.") % {"person": member.user, "account": account},
            )
            return back(request)
    context = {"section": "team", "form": form, "choices": choices}
    return page(request, "accounts/transfer.html", context, status=422 if form.errors else 200)


def member_of(request: AccountRequest, member_id: int) -> None:
    """See that a member is of this account.  Raises Http404."""
    if not request.membership.account.memberships.filter(pk=member_id).exists():
        raise Http404


def back(request: AccountRequest) -> HttpResponse:
    return redirect("team", account=request.membership.account.slug)


def send_invitation(request: AccountRequest, invitation: Invitation, token: str) -> None:
    context = {
        "account": " ".join(invitation.account.name.split()),
        "inviter": called(request.user),
        "role": invitation.get_role_display().lower(),
        "invitation": invitation,
        "link": link_to("invitation", token=token),
    }
    if mails.send("invitation", invitation.email, context):
        messages.success(request, gettext("An invitation was sent to %(email)s.") % {"email": invitation.email})
    else:
        messages.error(request, NOT_SENT)


def tell_of_owner(request: AccountRequest, taker: User) -> None:
    """Write to everybody whom a change of owners concerns."""
    account = request.membership.account
    context = {
        "account": " ".join(account.name.split()),
        "giver": called(request.user),
        "taker": called(taker),
        "link": link_to("team", account=account.slug),
    }
    for person in {request.user, *team.owners(account)}:
        mails.send("ownership", person.email, context)
