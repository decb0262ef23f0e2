"""Staff view the dashboard as a customer sees it: as a viewer would, for 30 minutes, and nothing can be sent meanwhile.

A visit is two entries of the person's session, and what makes them a viewer is made anew for each request and never saved:
staff do not become members. Begin and end are in the customer's log.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.models import AuditEvent, Membership, Organization, Role, User

SESSION_KEY = "visit"
LASTS = dt.timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Visit:
    """Which customer is viewed by whom, until when."""

    organization: Organization
    person: User
    ends_at: dt.datetime

    @property
    def membership(self) -> Membership:
        """What the pages take the person for: a viewer. It is no row, and saving it is refused with everything else."""
        return Membership(user=self.person, organization=self.organization, role=Role.VIEWER)


def begin(request: Any, organization: Organization) -> None:
    """Let a member of staff see what the customer sees, from the next request on."""
    request.session[SESSION_KEY] = {
        "organization": organization.public_id,
        "ends_at": (timezone.now() + LASTS).isoformat(),
    }
    _record("support.visit_started", organization, request.user)


def current(request: Any) -> Visit | None:
    """Return the visit of the session. One that is over, or of a person who is no longer staff, is ended and audited."""
    kept = request.session.get(SESSION_KEY)
    if kept is None:
        return None
    organization = Organization.objects.filter(public_id=kept["organization"]).first()
    if organization is None:
        del request.session[SESSION_KEY]
        return None
    visit = Visit(organization, request.user, dt.datetime.fromisoformat(kept["ends_at"]))
    if timezone.now() >= visit.ends_at:
        end(request, visit, why=gettext_noop("The time was over"))
        return None
    if not (request.user.is_active and request.user.is_staff):
        end(request, visit, why=gettext_noop("The right to it ended"))
        return None
    return visit


def end(request: Any, visit: Visit, *, why: str) -> None:
    """End the visit. `why` is kept in the customer's log."""
    request.session.pop(SESSION_KEY, None)
    _record("support.visit_ended", visit.organization, visit.person, why)
    messages.info(request, _("The view as %(organization)s has ended.") % {"organization": visit.organization})


def note_sign_out(request: HttpRequest, visit: Visit) -> None:
    """Audit the end of a visit whose session was ended by signing out."""
    if not request.user.is_authenticated:
        _record("support.visit_ended", visit.organization, visit.person, gettext_noop("Signed out"))


def _record(verb: str, organization: Organization, person: User, why: str = "") -> None:
    AuditEvent.record(
        verb, organization=organization, actor=person, target=organization, after={"why": why} if why else None,
        as_staff=True,
    )  # fmt: skip
