"""What happens to a person's sign-in: written to the audit log, and told to the person.

allauth tells by signals; this module alone listens. Rows of authenticators are watched themselves, so that an event is
in the transaction of what it records, whoever changes it. The events belong to no organisation: their target is the person.
"""

from typing import Any

from allauth.account import signals as account_signals
from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.core import context
from allauth.mfa import signals as mfa_signals
from allauth.mfa.models import Authenticator
from allauth.socialaccount import signals as social_signals
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.models import AuditEvent, User
from accounts.signin import devices, sessions
from notices import outbox
from notices.sayings import saying

Type = Authenticator.Type
ADDED = {
    Type.TOTP: ("second_factor.added", gettext_noop("An authenticator app was set up.")),
    Type.WEBAUTHN: ("passkey.added", gettext_noop("A passkey was added: “%(name)s”.")),
    Type.RECOVERY_CODES: (
        "recovery_codes.made",
        gettext_noop("Recovery codes were made; older ones do not work any more."),
    ),
}
REMOVED = {
    Type.TOTP: ("second_factor.removed", gettext_noop("The authenticator app was removed.")),
    Type.WEBAUTHN: ("passkey.removed", gettext_noop("A passkey was removed: “%(name)s”.")),
}


def connect() -> None:
    """Listen; called once at start."""
    post_save.connect(_authenticator_saved, sender=Authenticator, dispatch_uid="audit")
    post_delete.connect(_authenticator_deleted, sender=Authenticator, dispatch_uid="audit")
    mfa_signals.authenticator_used.connect(_authenticator_used, dispatch_uid="audit")
    social_signals.social_account_added.connect(_sign_on_linked, dispatch_uid="audit")
    account_signals.email_changed.connect(_address_changed, dispatch_uid="audit")
    for signal in (account_signals.password_changed, account_signals.password_set, account_signals.password_reset):
        signal.connect(_password_changed, dispatch_uid="audit")


def record(
    verb: str, person: User, *, before: dict[str, Any] | None = None, after: dict[str, Any] | None = None
) -> None:
    """Write one event about a person's sign-in; who acts is the person of the request, who mostly is the same."""
    asking = getattr(context.request, "user", None)
    actor = asking if isinstance(asking, User) else person
    AuditEvent.record(
        verb, organization=None, actor=actor, target=person, before=before, after=after, as_staff=actor != person
    )


def signed_in(request: HttpRequest, person: User, *, is_first: bool) -> None:
    """Tell that a person signed in on a device that they had not used before; the first sign-in of all is no news."""
    if is_first or devices.is_known(request, person):
        return
    place = _place()
    with transaction.atomic():
        record("device.added", person, after=place)
        told = {"device": place["device"], "address": place["network"], "signed_in_at": timezone.now().isoformat()}
        outbox.post("signin.new_device", organization=None, people=[person], context=told)


def _place() -> dict[str, Any]:
    """The device and the network of the request; what the shell does comes from neither."""
    request = context.request
    if request is None:
        return {"device": devices.SERVER, "network": ""}
    adapter = get_adapter(request)
    return {
        "device": devices.in_words(adapter.get_http_user_agent(request)),
        "network": adapter.get_client_ip(request),
    }


def _authenticator_saved(instance: Authenticator, created: bool, **_: Any) -> None:
    if created:
        verb, sentence = ADDED[Type(instance.type)]
        record(verb, instance.user, after=_name_of(instance))
        _tell_change(instance, sentence)


def _authenticator_deleted(instance: Authenticator, **_: Any) -> None:
    if instance.type in REMOVED:
        verb, sentence = REMOVED[Type(instance.type)]
        record(verb, instance.user, before=_name_of(instance))
        _tell_change(instance, sentence)


def _tell_change(authenticator: Authenticator, sentence: str) -> None:
    told = {
        "change": saying(sentence, **_name_of(authenticator) or {}),
        "changed_at": timezone.now().isoformat(),
        "address": _place()["network"],
    }
    outbox.post("security.second_factor_changed", organization=None, people=[authenticator.user], context=told)


def _name_of(authenticator: Authenticator) -> dict[str, Any] | None:
    return {"name": authenticator.data["name"]} if authenticator.type == Type.WEBAUTHN else None


def _authenticator_used(request: HttpRequest, user: User, authenticator: Authenticator, **told: Any) -> None:
    if authenticator.type == Type.RECOVERY_CODES:
        why = gettext_noop("to confirm that it is them") if told["reauthenticated"] else gettext_noop("to sign in")
        record("recovery_code.used", user, after={"why": why} | _place())


def _sign_on_linked(request: HttpRequest, sociallogin: Any, **_: Any) -> None:
    record("sign_on.linked", sociallogin.user, after={"provider": sociallogin.account.provider})


def _address_changed(user: User, from_email_address: Any, to_email_address: Any, **_: Any) -> None:
    before = {"email": from_email_address.email} if from_email_address else None
    record("address.changed", user, before=before, after={"email": to_email_address.email})


def _password_changed(request: HttpRequest, user: User, **_: Any) -> None:
    """Record it, and end every session but the one that changed it: who knew the old password is out.

    So does a change of the address that is under way: the link of its mail would move the account without the new password.
    """
    record("password.changed", user)
    EmailAddress.objects.filter(user=user, primary=False, verified=False).delete()
    sessions.end_others(user, keep=request.session.session_key if request.user == user else None)
