"""Addresses of a person's own sign-in. Names that begin with `mfa_`, `socialaccount_` and `openid_connect_` are allauth's."""

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as app
from allauth.mfa.webauthn import views as passkeys
from allauth.socialaccount import views as social
from django.urls import path
from django.views.generic import RedirectView

from accounts.signin import single_sign_on, views
from accounts.signin.factors import Kind
from accounts.signin.views import if_confirmed, if_recent, if_there_is, in_one_transaction, of_passkey
from accounts.views import people

_to_overview = RedirectView.as_view(pattern_name="security")

urlpatterns = [
    path("security/", views.overview, name="security"),
    path("security/name/", people.own_name, name="own_name"),
    path("security/required/", views.required, name="second_factor_required"),
    path("security/app/", if_confirmed(in_one_transaction(app.activate_totp)), name="mfa_activate_totp"),
    path(
        "security/app/remove/",
        if_there_is(Kind.TOTP, in_one_transaction(app.deactivate_totp)),
        name="mfa_deactivate_totp",
    ),
    path(
        "security/codes/",
        if_there_is(Kind.RECOVERY_CODES, codes.view_recovery_codes),
        name="mfa_view_recovery_codes",
    ),
    path("security/codes/new/", in_one_transaction(codes.generate_recovery_codes), name="mfa_generate_recovery_codes"),
    path("security/passkeys/add/", if_confirmed(in_one_transaction(passkeys.add_webauthn)), name="mfa_add_webauthn"),
    path("security/passkeys/<str:public_id>/rename/", of_passkey(passkeys.edit_webauthn), name="mfa_edit_webauthn"),
    path(
        "security/passkeys/<str:public_id>/remove/",
        of_passkey(in_one_transaction(passkeys.remove_webauthn)),
        name="mfa_remove_webauthn",
    ),
    path("security/sessions/end-others/", views.end_other_sessions, name="end_other_sessions"),
    path("security/sessions/<str:public_id>/end/", views.end_session, name="end_session"),
    path("email/", if_confirmed(account.email), name="account_email"),
    # allauth asks nothing before a first password, with which all else could be confirmed.
    path("password/set/", if_recent(account.password_set), name="account_set_password"),
    path("second-factor/", mfa.authenticate, name="mfa_authenticate"),
    path("passkey/", passkeys.login_webauthn, name="mfa_login_webauthn"),
    path("reauthenticate/code/", mfa.reauthenticate, name="mfa_reauthenticate"),
    path("reauthenticate/passkey/", views.ConfirmByPasskey.as_view(), name="mfa_reauthenticate_webauthn"),
    path("reauthenticate/company/", single_sign_on.confirm, name="confirm_by_single_sign_on"),
    path("oidc/login/", single_sign_on.start, single_sign_on.PROVIDER, name="openid_connect_login"),
    path("oidc/callback/", single_sign_on.callback, single_sign_on.PROVIDER, name="openid_connect_callback"),
    path("oidc/register/", social.signup, name="socialaccount_signup"),
    path("oidc/cancelled/", social.login_cancelled, name="socialaccount_login_cancelled"),
    # Where allauth wants to lead to pages of its own.
    path("security/factors/", _to_overview, name="mfa_index"),
    path("security/passkeys/", _to_overview, name="mfa_list_webauthn"),
    path("security/linked/", _to_overview, name="socialaccount_connections"),
]
