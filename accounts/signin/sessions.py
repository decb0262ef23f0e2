"""Where a person is signed in, and how that ends."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.models import AuditEvent, User
from accounts.requests import PersonRequest
from accounts.signin import devices

SEEN_AGAIN_AFTER = dt.timedelta(minutes=1)
REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class SignedIn:
    """One place where a person is signed in."""

    public_id: str
    device: str
    network: str
    since: dt.datetime
    seen_at: dt.datetime
    is_here: bool


def public_id(session: UserSession) -> str:
    """Return how addresses name a session: neither its key nor a number that counts."""
    return salted_hmac("accounts.signin.session", session.session_key, algorithm="sha256").hexdigest()[:20]


def signed_in(request: PersonRequest) -> list[SignedIn]:
    """List where the person is signed in, this place first, then the one seen last."""
    here = request.session.session_key
    found = [
        SignedIn(
            public_id(session),
            devices.said(devices.in_words(session.user_agent)),
            session.ip,
            session.created_at,
            session.last_seen_at,
            session.session_key == here,
        )
        for session in _alive(request.user)
    ]
    return sorted(found, key=lambda place: (place.is_here, place.seen_at), reverse=True)


def find(request: PersonRequest, wanted: str) -> UserSession | None:
    """Return the person's own session with this public ID, unless it is the one that asks."""
    here = request.session.session_key
    own = (session for session in _alive(request.user) if session.session_key != here)
    return next((session for session in own if public_id(session) == wanted), None)


def _alive(person: User) -> list[UserSession]:
    kept = Session.objects.filter(expire_date__gt=timezone.now()).values("session_key")
    return list(UserSession.objects.filter(user=person, session_key__in=kept))


def count_alive(person: User) -> int:
    """Return in how many places a person is signed in."""
    return len(_alive(person))


def end(session: UserSession, *, by: User) -> None:
    """Sign one place out: its next request is a stranger's."""
    with transaction.atomic():
        _delete([session])
        device = {"device": devices.in_words(session.user_agent), "network": session.ip}
        AuditEvent.record("session.ended", organization=None, actor=by, target=by, before=device)


def end_others(person: User, *, keep: str | None) -> int:
    """Sign a person out everywhere but in the session with the key `keep`; return how many places that were."""
    with transaction.atomic():
        others = list(UserSession.objects.filter(user=person).exclude(session_key=keep or ""))
        _delete(others)
        if others:
            AuditEvent.record(
                "sessions.ended", organization=None, actor=person, target=person, before={"places": len(others)}
            )
    return len(others)


def _delete(sessions: list[UserSession]) -> None:
    keys = [session.session_key for session in sessions]
    Session.objects.filter(session_key__in=keys).delete()
    UserSession.objects.filter(session_key__in=keys).delete()


def note_activity(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Keep when and from which address each session was last seen, to the minute, with a query a minute.

    The first request that a process sees of a session costs nothing: most often the session was just made.
    """
    noted: dict[str, dt.datetime] = {}

    def middleware(request: Any) -> HttpResponse:
        key, now = request.session.session_key, timezone.now()
        if request.user.is_authenticated and now - noted.setdefault(key, now) >= SEEN_AGAIN_AFTER:
            noted[key] = now
            seen = UserSession.objects.filter(session_key=key, last_seen_at__lte=now - SEEN_AGAIN_AFTER)
            seen.update(last_seen_at=now, ip=get_adapter(request).get_client_ip(request))
        if len(noted) > REMEMBERED:
            noted.clear()
        return get_response(request)

    return middleware
