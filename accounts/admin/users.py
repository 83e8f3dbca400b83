# ruff: noqa: ARG002  (hooks keep the signatures of Django's admin)
from __future__ import annotations

from importlib import import_module
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from accounts.admin.base import ReadOnlyAdmin, actor_of
from accounts.admin.places import PlaceFormSet, PlacesInline, save_places
from accounts.domain import audit, people
from accounts.domain.audit import Action
from accounts.models import User

for theirs in ("allauth.account.admin", "allauth.mfa.admin"):
    import_module(theirs)  # registers
admin.site.unregister(EmailAddress)  # a person's address is User.email
admin.site.unregister(Authenticator)  # its form shows the secret


FLAGS = ("is_active", "is_staff", "is_superuser")


class NewUserForm(AdminUserCreationForm):  # type: ignore[type-arg]  # none at run time
    class Meta:
        model = User
        fields = ("email", "name")
        field_classes: dict[str, type] = {}

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


class UserForm(UserChangeForm):  # type: ignore[type-arg]  # none at run time
    class Meta:
        model = User
        fields = "__all__"  # the admin chooses
        field_classes: dict[str, type] = {}

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


class PlaceInline(PlacesInline[User]):
    formset = PlaceFormSet
    other = "account"
    verbose_name_plural = "accounts"


def powers_of(user: User) -> dict[str, Any]:  # Any: JSON
    """Give the names of a person's groups and permissions."""
    return {
        "groups": sorted(user.groups.values_list("name", flat=True)),
        "user_permissions": sorted(user.user_permissions.values_list("codename", flat=True)),
    }


@admin.register(User)
class UserAdmin(DjangoUserAdmin):  # type: ignore[type-arg]  # none at run time
    """People.  Only superusers make staff, or touch other superusers."""

    form = UserForm
    add_form = NewUserForm
    inlines = (PlaceInline,)
    ordering = ("email",)
    list_display = ("email", "name", "is_active", "is_staff", "last_login", "date_joined")
    list_filter = ("is_active", "is_staff", "is_superuser")
    show_facets = admin.ShowFacets.NEVER
    search_fields = ("email", "name")
    readonly_fields = ("last_login", "date_joined")
    powers = ("is_staff", "is_superuser", "groups", "user_permissions")
    fieldsets = (
        (None, {"fields": ("email", "name", "password", "is_active")}),
        ("Powers", {"fields": powers}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "usable_password", "password1", "password2")}),)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:  # Any: either form
        super().save_model(request, obj, form, change)
        if not change or "email" in form.changed_data:
            people.vouch(obj)

    def get_inlines(self, request: HttpRequest, obj: User | None) -> Any:  # Any: Django's type
        return self.inlines if obj else ()

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:  # Any: Django's type
        powers = () if request.user.is_superuser else self.powers
        return (*self.readonly_fields, *powers)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # Any: made forms
        with transaction.atomic():
            before = powers_of(form.instance) if change else {}
            super().save_related(request, form, formsets, change)
            changed = {name: form.initial.get(name) for name in form.changed_data if name in ("email", "name", *FLAGS)}
            after = audit.snapshot(form.instance, changed) | powers_of(form.instance)
            if not change or changed or before != after:
                action = Action.USER_CHANGED if change else Action.USER_MADE
                audit.record(
                    action=action,
                    actor=actor_of(request),
                    target=form.instance,
                    before=before | changed if change else None,
                    after=after if change else {"email": form.instance.email},
                )

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:  # Any: made forms
        save_places(request, formset)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        answer: HttpResponse = super().user_change_password(request, id, form_url)
        if request.method == "POST" and answer.status_code == 302:
            audit.record(action=Action.PASSWORD_CHANGED, actor=actor_of(request), target=User.objects.get(pk=id))
        return answer

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        if obj is not None and obj.is_superuser and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False  # made inactive, instead


@admin.register(Authenticator)
class SecondFactorAdmin(ReadOnlyAdmin[Authenticator]):
    """Second factors: taken away when a person has lost theirs, never shown."""

    list_display = ("user", "type", "created_at", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("user__email",)
    fields = ("user", "type", "created_at", "last_used_at")

    def has_delete_permission(self, request: HttpRequest, obj: Authenticator | None = None) -> bool:
        if obj is not None and obj.user.is_superuser and not request.user.is_superuser:
            return False
        return bool(admin.ModelAdmin.has_delete_permission(self, request, obj))

    def delete_model(self, request: HttpRequest, obj: Authenticator) -> None:
        with transaction.atomic():
            gone = {"type": obj.type}
            audit.record(action=Action.FACTOR_REMOVED, actor=actor_of(request), target=obj.user, before=gone)
            obj.delete()


class PowersAdmin(GroupAdmin):
    """Groups of staff: what a group may do is what its people may."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # Any: made forms
        group = form.instance
        with transaction.atomic():
            before = sorted(group.permissions.values_list("codename", flat=True))
            super().save_related(request, form, formsets, change)
            after = sorted(group.permissions.values_list("codename", flat=True))
            audit.record(
                action=Action.GROUP_CHANGED,
                actor=actor_of(request),
                target=group,
                before={"permissions": before},
                after={"permissions": after},
            )


admin.site.unregister(Group)
admin.site.register(Group, PowersAdmin)
