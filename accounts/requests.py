"""Requests as views see them once the middleware and `accounts.access` have let them in."""

from typing import Protocol

from accounts.models import Membership, Organization, User
from accounts.visits import Visit
from dashboard.htmx import HtmxRequest


class MayCall(Protocol):
    """Whether the person may call a route; see `accounts.access.may`."""

    def __call__(self, name: str, method: str = "") -> bool:
        """Ask for one method, or for all that the route has."""


class PersonRequest(HtmxRequest):
    """A request of a signed-in person, as rows for `person` and `staff` let in."""

    user: User
    may: MayCall
    memberships: list[Membership]
    organization: Organization | None
    visit: Visit | None


class MemberRequest(PersonRequest):
    """A request of a member of an organisation, as rows for roles of members let in."""

    membership: Membership
    organization: Organization
