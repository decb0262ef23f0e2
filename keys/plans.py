"""What another plan of an organisation means for its keys."""

from dataclasses import dataclass

from django.db import transaction

from accounts.models import AuditEvent, Organization, User
from keys.models import ApiKey, BillingType, QpsRequest


@dataclass(frozen=True, slots=True)
class Consequences:
    """How many keys got another billing type, which one, and how many waiting QPS requests were withdrawn."""

    moved: int
    billing_type: str
    withdrawn: int


def follow(organization: Organization, *, by: User) -> Consequences:
    """Make the keys fit the organisation's plan, as staff, in one transaction. Safe to repeat.

    Keys of a billing type that the plan lacks get its usual one; where the plan has no QPS management, requests that wait
    are withdrawn. Limits that were granted stay. Deleted keys keep what they were billed as.
    """
    with transaction.atomic():
        plan = organization.lock().plan
        allowed = BillingType.of_plan(plan)
        strange = organization.keys.kept().exclude(billing_type__in=allowed).order_by("pk")
        moved = sum(_move(key, allowed[0], by) for key in strange)
        pending = QpsRequest.objects.pending().filter(key__organization=organization).order_by("key_id", "pk")
        waiting = [] if organization.is_enterprise else list(pending.select_related("key__organization", "product"))
        for wish in waiting:
            wish.withdraw(by=by, as_staff=True)
    return Consequences(moved, allowed[0].label, len(waiting))


def _move(found: ApiKey, wanted: BillingType, by: User) -> bool:
    key = found.lock()
    if key.deleted_at is not None or key.billing_type == wanted:
        return False
    before = key.get_billing_type_display()
    key.billing_type, key.version = wanted, key.version + 1
    key.save(update_fields=["billing_type", "version"])
    AuditEvent.record(
        "key.edited", organization=key.organization, actor=by, target=key, as_staff=True,
        before={"billing type": before}, after={"billing type": wanted.label},
    )  # fmt: skip
    return True
