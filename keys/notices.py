"""What people are told about keys. Called by the verbs, in their transaction."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.contrib.auth.backends import ModelBackend

from notices import outbox

if TYPE_CHECKING:
    from accounts.models import User
    from keys.models import ApiKey, QpsRequest

DECIDE = "keys.change_qpsrequest"


def tell_managers(kind: str, key: "ApiKey", *, by: "User | None" = None, **details: Any) -> None:
    """Tell who manages the keys of the organisation, apart from the person who did it. `details` may name `once` and `at`."""
    people = [person for person in key.organization.key_managers() if person != by]
    once, at = details.pop("once", ""), details.pop("at", None)
    outbox.post(
        kind, organization=key.organization, people=people, context={"key": key.name, **details}, about=key.public_id,
        once=once, at=at,
    )  # fmt: skip


def tell_state(kind: str, key: "ApiKey", *, by: "User", as_staff: bool, at: Any = None, **why: str) -> None:
    """Tell that a key was disabled or enabled, and why."""
    tell_managers(kind, key, by=by, actor="The provider" if as_staff else by.label, at=at, **why)


def tell_requested(wish: "QpsRequest", *, by: "User", at: Any = None) -> None:
    """Tell the provider's people who decide that a customer asks for another limit."""
    context = _facts(wish) | {"requester": by.label, "reason": wish.reason}
    people = [person for person in _deciders() if person != by]
    outbox.post(
        "qps_request.received", organization=wish.key.organization, people=people, context=context,
        about=wish.key.public_id, at=at,
    )  # fmt: skip


def tell_decided(wish: "QpsRequest", *, by: "User", at: Any = None) -> None:
    """Tell who asked what became of it, unless they decided it themselves or have left the organisation."""
    person = wish.requested_by
    if person is None or person == by or not person.memberships.filter(organization=wish.key.organization_id).exists():
        return
    context = _facts(wish) | {"decision": wish.state, "note": wish.note}
    if wish.state == wish.State.APPROVED:
        context["limit"] = wish.requested if wish.granted is None else wish.granted
    elif assigned := wish.key.key_products.filter(product=wish.product).select_related("product").first():
        context["limit"] = assigned.limit
    outbox.post(
        "qps_request.decided", organization=wish.key.organization, people=[person], context=context,
        about=wish.key.public_id, at=at,
    )  # fmt: skip


def _facts(wish: "QpsRequest") -> dict[str, Any]:
    return {
        "key": wish.key.name,
        "product": wish.product.name,
        "current": wish.current,
        "requested": wish.requested,
    }


def _deciders() -> "Iterable[User]":
    """Staff who may decide QPS requests, whether by themselves or through a group."""
    return ModelBackend().with_perm(DECIDE).filter(is_staff=True)
