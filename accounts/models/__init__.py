"""People and customers: who signs in, for which organisation, with which role, and who did what."""

from accounts.models.audit import AuditEvent, Target
from accounts.models.invitation import Invitation
from accounts.models.membership import MANAGERS, Membership, Role, make_membership_id
from accounts.models.organization import KeyPolicy, Organization, Plan, check_time_zone, make_organization_id
from accounts.models.sign_in_policy import Sensitive
from accounts.models.user import User, UserManager

__all__ = [
    "MANAGERS",
    "AuditEvent",
    "Invitation",
    "KeyPolicy",
    "Membership",
    "Organization",
    "Plan",
    "Role",
    "Sensitive",
    "Target",
    "User",
    "UserManager",
    "check_time_zone",
    "make_membership_id",
    "make_organization_id",
]
