"""Pages of an account that are about its people and its keys, below /a/<account>/."""

from __future__ import annotations

from django.urls import path

from accounts.web import account_views, key_views, team_views

urlpatterns = [
    path("account", account_views.account_settings, name="account_settings"),
    path("account/close", account_views.close, name="close_account"),
    path("keys", key_views.all_keys, name="keys"),
    path("keys/new", key_views.new_key, name="new_key"),
    path("keys/<int:key_id>", key_views.key, name="key"),
    path("keys/<int:key_id>/rotate", key_views.rotate, name="rotate_key"),
    path("keys/<int:key_id>/end-previous", key_views.end_previous, name="end_previous_secret"),
    path("keys/<int:key_id>/revoke", key_views.revoke, name="revoke_key"),
    path("team", team_views.members, name="team"),
    path("team/invite", team_views.invite, name="invite"),
    path("team/invitations/<int:invitation_id>/resend", team_views.resend, name="resend_invitation"),
    path("team/invitations/<int:invitation_id>/revoke", team_views.revoke, name="revoke_invitation"),
    path("team/<int:member_id>/role", team_views.change_role, name="change_role"),
    path("team/<int:member_id>/remove", team_views.remove, name="remove_member"),
    path("team/leave", team_views.leave, name="leave_account"),
    path("team/transfer", team_views.transfer, name="transfer_ownership"),
]
