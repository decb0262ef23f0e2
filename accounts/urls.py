"""Addresses of organisations, their members and invitations."""

from django.urls import path

from accounts.signin import views as signin
from accounts.views import joining, members, organizations
from keys.views import policy

app_name = "accounts"
urlpatterns = [
    path("", organizations.own, name="own"),
    path("create/", organizations.create, name="create"),
    path("join/<str:token>/", joining.join, name="join"),
    path("join/<str:token>/register/", joining.register, name="join_register"),
    path("<str:organization_id>/", organizations.settings_page, name="settings"),
    path("<str:organization_id>/switch/", organizations.switch, name="switch"),
    path("<str:organization_id>/rename/", organizations.rename, name="rename"),
    path("<str:organization_id>/leave/", organizations.leave, name="leave"),
    path("<str:organization_id>/hand-over/", organizations.hand_over, name="hand_over"),
    path("<str:organization_id>/delete/", organizations.delete, name="delete"),
    path("<str:organization_id>/restore/", organizations.restore, name="restore"),
    path("<str:organization_id>/security/", signin.organization, name="security"),
    path("<str:organization_id>/keys-policy/", policy.policy, name="key_policy"),
    path("<str:organization_id>/members/", members.members, name="members"),
    path("<str:organization_id>/members/invite/", members.invite, name="invite"),
    path("<str:organization_id>/members/<str:public_id>/role/", members.change_role, name="change_role"),
    path("<str:organization_id>/members/<str:public_id>/remove/", members.remove, name="remove"),
    path("<str:organization_id>/invitations/<str:public_id>/resend/", members.resend, name="resend"),
    path("<str:organization_id>/invitations/<str:public_id>/withdraw/", members.withdraw, name="withdraw"),
]
