"""Single sign-on with OpenID Connect: whom the provider vouches for, and who they are here.

A provider's word links an account that exists already only if it says that it has verified the address. Tokens are
checked against the provider's published keys, although they come straight from it. As a recent sign-in counts what the
provider says of when it asked its person (`auth_time`), not when the person came from there.
"""

import logging
from collections.abc import Callable
from typing import Any, NoReturn

from allauth.account.utils import get_next_redirect_url
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin, SocialToken
from allauth.socialaccount.providers.base.constants import AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from requests import RequestException

from accounts.models import User
from accounts.requests import PersonRequest
from accounts.signin import recent

log = logging.getLogger("latchkey.single_sign_on")
PROVIDER = {"provider_id": "oidc"}
"""The one provider, as the settings name it; allauth could have several."""
ASK_AGAIN = {"prompt": "login", "max_age": "0"}
"""OpenID Connect Core 1.0, section 3.1.2.1: to ask again, and to say when it asked."""


class SingleSignOnAdapter(DefaultSocialAccountAdapter):
    """The seam that allauth leaves for who may come in by single sign-on."""

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Refuse addresses of other domains than those of the settings, and who was to be asked again and was not."""
        if settings.OIDC_DOMAINS:
            address = next((found for found in sociallogin.email_addresses if found.verified), None)
            if address is None or address.email.rpartition("@")[2].lower() not in settings.OIDC_DOMAINS:
                _refuse(request, "is_other_domain")
        account = sociallogin.account
        recent.note_provider_sign_in(request, account.uid, account.extra_data["id_token"].get("auth_time"))
        if sociallogin.state.get("asks_again") and request.user.is_authenticated:
            if sociallogin.user != request.user:
                _refuse(request, "is_somebody_else")
            if not recent.is_recent_at_provider(request, account.uid):
                _refuse(request, "was_not_asked")

    def authenticate_by_email(self, sociallogin: SocialLogin) -> tuple[User, str] | None:
        """Find the account of a verified address; staff are never found so: their account is linked by nobody else's word."""
        found: tuple[User, str] | None = super().authenticate_by_email(sociallogin)
        return None if found is None or found[0].is_staff else found


class StrictAdapter(OpenIDConnectOAuth2Adapter):
    """OpenID Connect with the checks of OpenID Connect Core 1.0 that allauth leaves out."""

    def get_access_token_data(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Fetch the token; its signature is checked all the same (section 3.1.3.7, 6)."""
        data: dict[str, Any] = super().get_access_token_data(*args, **kwargs)
        self.did_fetch_access_token = False
        return data

    def complete_login(self, request: HttpRequest, app: SocialApp, token: SocialToken, **kwargs: Any) -> SocialLogin:
        """Refuse an answer without an ID token, or about somebody else (section 5.3.2), or with a doubtful “verified”."""
        if not kwargs["response"].get("id_token"):
            raise OAuth2Error("The provider sent no ID token.")
        login = super().complete_login(request, app, token, **kwargs)
        said = login.account.extra_data
        person = said.get("userinfo") or said["id_token"]
        if person.get("sub") != said["id_token"]["sub"]:
            raise OAuth2Error("The provider told of two different people.")
        for address in login.email_addresses:
            address.verified = person.get("email_verified") is True  # the text "false" is no yes
        return login


def provider_name() -> str:
    """Return what people call the provider, or nothing where single sign-on is off."""
    return settings.OIDC_NAME if settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"] else ""


def start(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Lead to the provider, to sign in and for nothing else.

    allauth takes more from the address: `process=connect` would give the account of who is signed in to whoever the
    provider knows the browser as, staff's too, and `auth_params` and `scope` would change what the provider is asked.
    """
    asked = {name: request.GET.get(name, "") for name in ("process", "auth_params", "scope")}
    if asked["process"] not in {"", AuthProcess.LOGIN} or asked["auth_params"] or asked["scope"]:
        raise Http404
    return _answer(OAuth2LoginView.adapter_view(StrictAdapter(request, provider_id)), request)


def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Take back who comes from the provider."""
    return _answer(OAuth2CallbackView.adapter_view(StrictAdapter(request, provider_id)), request)


def confirm(request: PersonRequest) -> HttpResponse:
    """Have the provider ask its person again, who has neither password nor second factor here; without one there is nobody to ask."""
    return _answer(_ask_again, request) if provider_name() else redirect("security")


def _ask_again(request: HttpRequest) -> HttpResponse:
    """Lead to the provider; that it was asked is kept here, beside the `state` of the way back."""
    provider = StrictAdapter(request, PROVIDER["provider_id"]).get_provider()
    wanted = {"auth_params": provider.get_auth_params() | ASK_AGAIN, "asks_again": True}
    back = get_next_redirect_url(request)
    answer: HttpResponse = provider.redirect(request, process=AuthProcess.LOGIN, next_url=back, **wanted)
    return answer


def _refuse(request: HttpRequest, reason: str) -> NoReturn:
    page = render(request, "socialaccount/authentication_error.html", {reason: True}, status=403)
    raise ImmediateHttpResponse(page)


def _answer(view: Callable[[HttpRequest], HttpResponse], request: HttpRequest) -> HttpResponse:
    try:
        return view(request)
    except SocialApp.DoesNotExist:
        raise Http404 from None
    except RequestException:
        log.exception("The provider of single sign-on does not answer")
        return render(request, "socialaccount/authentication_error.html", status=503)
