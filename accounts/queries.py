"""What the page of members shows."""

import datetime as dt
from dataclasses import dataclass

from allauth.mfa.models import Authenticator

from accounts.models import MANAGERS, Invitation, Membership, Organization, Role


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A member. `is_changeable` by who looks."""

    public_id: str
    label: str
    email: str
    role: str
    since: dt.datetime
    signed_in_at: dt.datetime | None
    has_second_factor: bool
    is_self: bool
    is_changeable: bool


def members(organization: Organization, seen_by: Membership) -> list[MemberRow]:
    """Return the organisation's people, owners first, then by address."""
    found = list(organization.memberships.select_related("user").filter(user__is_active=True))
    secured = _with_second_factor([member.user_id for member in found])
    found.sort(key=lambda member: (list(Role).index(Role(member.role)), member.user.email))
    return [
        MemberRow(
            public_id=member.public_id,
            label=member.user.label,
            email=member.user.email,
            role=member.get_role_display(),
            since=member.created_at,
            signed_in_at=member.user.last_login,
            has_second_factor=member.user_id in secured,
            is_self=member.pk == seen_by.pk,
            is_changeable=may_change(seen_by, member),
        )
        for member in found
    ]


def may_change(actor: Membership, member: Membership) -> bool:
    """Whether a person may change or remove a member: owners everybody, admins all but owners."""
    return actor.role in MANAGERS and (actor.role == Role.OWNER or member.role != Role.OWNER)


def invitations(organization: Organization) -> list[Invitation]:
    """Return those that wait, the newest first; expired ones too, to send them again."""
    return list(organization.invitations.pending().select_related("invited_by"))


def _with_second_factor(user_ids: list[int]) -> set[int]:
    authenticators = Authenticator.objects.filter(user_id__in=user_ids)
    return set(authenticators.exclude(type="recovery_codes").values_list("user_id", flat=True))
