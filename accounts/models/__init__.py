"""People and customers: who signs in, for which organisation, with which role, and who did what."""

from accounts.models.audit import AuditEvent
from accounts.models.membership import Membership, Role
from accounts.models.organization import Organization, Plan, check_time_zone, make_organization_id
from accounts.models.sign_in_policy import Sensitive
from accounts.models.user import User, UserManager

__all__ = [
    "AuditEvent",
    "Membership",
    "Organization",
    "Plan",
    "Role",
    "Sensitive",
    "User",
    "UserManager",
    "check_time_zone",
    "make_organization_id",
]
