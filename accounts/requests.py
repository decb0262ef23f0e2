"""Requests as views see them once the middleware and `accounts.access` have let them in."""

from accounts.models import Membership, Organization, User
from dashboard.htmx import HtmxRequest


class PersonRequest(HtmxRequest):
    """A request of a signed-in person; `accounts.access.staff` gives these."""

    user: User
    memberships: list[Membership]


class MemberRequest(PersonRequest):
    """A request of a member of an organisation; `accounts.access.members` and `managers` give these."""

    membership: Membership
    organization: Organization
