"""People and customers: who signs in, for which organisation, with which role, and who did what."""

from accounts.models.audit import AuditEvent
from accounts.models.membership import Membership, Role
from accounts.models.organization import KeyPolicy, Organization, Plan, check_time_zone, make_organization_id
from accounts.models.user import User, UserManager

__all__ = [
    "AuditEvent",
    "KeyPolicy",
    "Membership",
    "Organization",
    "Plan",
    "Role",
    "User",
    "UserManager",
    "check_time_zone",
    "make_organization_id",
]
