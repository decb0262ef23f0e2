"""Rows of any customer by the ID in an address; 404 where there is none."""

import re

from django.http import Http404
from django.shortcuts import get_object_or_404

from accounts.models import Organization, User
from dashboard import public_ids
from keys.models import ApiKey, QpsRequest
from keys.queries import with_state

_PERSON = re.compile(r"user_([0-9]{1,18})\Z")


def key(public_id: str) -> ApiKey:
    """Return a key, deleted ones too, with its organisation and the people on its page."""
    people = ("organization", "created_by", "disabled_by", "deleted_by")
    keys = with_state(ApiKey.objects.filter(public_id=public_ids.normalise(public_id, "key"))).select_related(*people)
    found: ApiKey = get_object_or_404(keys)
    return found


def organization(public_id: str) -> Organization:
    """Return a customer."""
    return get_object_or_404(Organization, public_id=public_ids.normalise(public_id, "org"))


def person(public_id: str) -> User:
    """Return a person."""
    if not (number := _PERSON.match(public_id)):
        raise Http404
    return get_object_or_404(User, pk=number[1])


def qps_request(public_id: str) -> QpsRequest:
    """Return a QPS request with its key, customer, product and people."""
    related = ("key__organization", "product", "requested_by", "decided_by")
    requests = QpsRequest.objects.select_related(*related)
    return get_object_or_404(requests, public_id=public_ids.normalise(public_id, "req"))


def anything(public_id: str) -> ApiKey | Organization | User:
    """Return what a note can be about: a key, a customer or a person."""
    if public_id.startswith("key_"):
        return key(public_id)
    if public_id.startswith("org_"):
        return organization(public_id)
    return person(public_id)
