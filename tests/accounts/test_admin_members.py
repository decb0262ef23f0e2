"""Members in the admin: what the verbs of their own page do and refuse, they do and refuse here."""

import pytest
from django.core import mail

from accounts.models import AuditEvent, Invitation, Membership, Role
from notices.models import Notice
from tests.accounts.test_admin import change, form_of, page_of
from tests.factories import UserFactory, join
from tests.jobs import run_jobs

pytestmark = pytest.mark.django_db


@pytest.fixture
def sam(cast, as_user):
    return as_user(cast.sam)


def form_for(cast, sam):
    return sam.get(page_of(cast.northwind)).fields(form_of(cast.northwind))


def row_of(cast, sam, user):
    """What the names of the fields of one member begin with."""
    membership = str(cast.northwind.memberships.get(user=user).pk)
    names = [name for name, value in form_for(cast, sam).items() if name.endswith("-id") and value == membership]
    return names[0].rpartition("-")[0]


def roles(cast):
    return dict(cast.northwind.memberships.values_list("user__email", "role"))


def the_event(verb):
    event = AuditEvent.objects.get(verb=verb)
    assert event.as_staff
    return event.target_label, event.before, event.after


def test_a_role_changes_as_by_the_page_of_members(cast, sam):
    assert change(sam, cast.northwind, **{f"{row_of(cast, sam, cast.vera)}-role": "admin"}).status == 302
    assert roles(cast)[cast.vera.email] == Role.ADMIN
    assert the_event("member.role_changed") == (cast.vera.email, {"role": "viewer"}, {"role": "admin"})
    assert not AuditEvent.objects.filter(verb="organization.edited").exists()
    told = Notice.objects.get(person=cast.vera)
    assert told.context["details"]["text"] == "The provider changed it. It was %(old_role)s before."
    assert cast.sam.email not in str(told.context)


def test_owners_are_told_what_the_provider_decided_about_members(cast, sam):
    nora = UserFactory(email="nora@northwind.example")
    number = int(form_for(cast, sam)["memberships-TOTAL_FORMS"])
    added = {
        "memberships-TOTAL_FORMS": str(number + 1),
        f"memberships-{number}-user": nora.pk,
        f"memberships-{number}-role": "developer",
        f"memberships-{number}-organization": cast.northwind.pk,
    }
    assert change(sam, cast.northwind, **added).status == 302
    change(sam, cast.northwind, **{f"{row_of(cast, sam, nora)}-role": "admin"})
    change(sam, cast.northwind, **{f"{row_of(cast, sam, nora)}-DELETE": "on"})
    run_jobs()
    assert [message.subject for message in mail.outbox if message.to == [cast.ada.email]] == [
        "The provider made nora@northwind.example a member of Northwind Routing",
        "The provider changed the role of nora@northwind.example in Northwind Routing",
        "The provider removed nora@northwind.example from Northwind Routing",
    ]
    assert not any(cast.sam.email in message.body for message in mail.outbox)
    assert {address for message in mail.outbox for address in message.to} == {cast.ada.email, nora.email}


def test_staff_make_themselves_no_member_of_a_customer(cast, sam):
    number = int(form_for(cast, sam)["memberships-TOTAL_FORMS"])
    added = {
        "memberships-TOTAL_FORMS": str(number + 1),
        f"memberships-{number}-user": cast.sam.pk,
        f"memberships-{number}-role": "viewer",
        f"memberships-{number}-organization": cast.northwind.pk,
    }
    page = change(sam, cast.northwind, **added)
    assert (page.status, "Nobody makes themselves a member" in page) == (200, True)
    join(cast.northwind, cast.sam, Role.VIEWER)
    row = row_of(cast, sam, cast.sam)
    assert "changes their own role" in change(sam, cast.northwind, **{f"{row}-role": "owner"})
    assert roles(cast)[cast.sam.email] == Role.VIEWER
    assert change(sam, cast.northwind, **{f"{row}-DELETE": "on"}).status == 302
    assert cast.sam.email not in roles(cast)


@pytest.mark.parametrize("how", ["role", "DELETE"])
def test_invitations_end_with_the_right_to_send_them(cast, sam, how):
    una = join(cast.northwind, UserFactory(email="una@northwind.example"), Role.ADMIN)
    invitation, token = Invitation.send(organization=cast.northwind, email="new@x.example", role="viewer", by=una)
    changed = {f"{row_of(cast, sam, una)}-{how}": "developer" if how == "role" else "on"}
    assert change(sam, cast.northwind, **changed).status == 302
    invitation.refresh_from_db()
    assert not invitation.works(token)
    assert the_event("invitation.withdrawn") == ("new@x.example", None, {"role": "viewer"})


def test_an_owner_who_becomes_an_admin_keeps_the_invitations_that_an_admin_sends(cast, sam):
    sent = {
        role: Invitation.send(organization=cast.northwind, email=f"{role}@x.example", role=role, by=cast.ada)
        for role in ("owner", "viewer")
    }
    roles_to_be = {row_of(cast, sam, cast.ada): "admin", row_of(cast, sam, cast.ben): "owner"}
    changed = {f"{row}-role": role for row, role in roles_to_be.items()}
    assert change(sam, cast.northwind, **changed).status == 302
    for invitation, _token in sent.values():
        invitation.refresh_from_db()
    assert {role: invitation.works(token) for role, (invitation, token) in sent.items()} == {
        "owner": False,
        "viewer": True,
    }
    assert roles(cast)[cast.ben.email] == Role.OWNER


def test_removing_a_member_is_audited_and_counts_at_the_next_click(cast, sam, as_user):
    ben = as_user(cast.ben)
    assert ben.get(f"/keys/{cast.key.public_id}/").status == 200
    change(sam, cast.northwind, **{f"{row_of(cast, sam, cast.ben)}-DELETE": "on"})
    assert ben.get(f"/keys/{cast.key.public_id}/").status == 404
    assert the_event("member.removed") == (cast.ben.email, {"role": "developer"}, None)


@pytest.mark.parametrize("wrong", [{"DELETE": "on"}, {"role": "viewer"}])
def test_removing_the_last_owner_is_refused(cast, sam, wrong):
    row = row_of(cast, sam, cast.ada)
    page = change(sam, cast.northwind, **{f"{row}-{name}": value for name, value in wrong.items()})
    assert "at least one owner" in page
    assert roles(cast)[cast.ada.email] == Role.OWNER


def test_a_role_that_the_customer_changed_meanwhile_is_kept(cast, sam):
    form = form_for(cast, sam)
    cast.northwind.memberships.get(user=cast.ben).change_role(by=cast.ada, role="viewer")
    assert sam.post(page_of(cast.northwind), form | {"name": "Northwind"}).status == 302
    assert roles(cast)[cast.ben.email] == Role.VIEWER
    cast.northwind.memberships.get(user=cast.ben).change_role(by=cast.ada, role="owner")
    cast.northwind.memberships.get(user=cast.ada).change_role(by=cast.ada, role="admin")
    row = next(name.rpartition("-")[0] for name in form if name.endswith("-role") and form[name] == "developer")
    page = sam.post(page_of(cast.northwind), form | {f"{row}-DELETE": "on"})
    assert "at least one owner" in page  # although the form still says that Ada is one
    assert roles(cast)[cast.ben.email] == Role.OWNER


def test_a_member_does_not_become_somebody_else(cast, sam):
    row = row_of(cast, sam, cast.ben)
    changed = {f"{row}-user": cast.mallory.pk, f"{row}-role": "admin"}
    assert change(sam, cast.northwind, **changed).status == 302
    assert cast.mallory.email not in roles(cast)
    assert roles(cast)[cast.ben.email] == Role.ADMIN


def test_adding_a_member_is_audited_and_told(cast, sam):
    nora = UserFactory(email="nora@northwind.example")
    number = form_for(cast, sam)["memberships-TOTAL_FORMS"]
    added = {
        "memberships-TOTAL_FORMS": str(int(number) + 1),
        f"memberships-{number}-user": nora.pk,
        f"memberships-{number}-role": "developer",
        f"memberships-{number}-organization": cast.northwind.pk,
    }
    assert change(sam, cast.northwind, **added).status == 302
    assert roles(cast)[nora.email] == Role.DEVELOPER
    assert the_event("member.added") == (nora.email, None, {"role": "developer"})
    assert Notice.objects.get(person=nora).context["details"]["text"] == "The provider made you a member."
    again = added | {"memberships-TOTAL_FORMS": str(int(number) + 2), f"memberships-{int(number) + 1}-user": nora.pk}
    again |= {f"memberships-{int(number) + 1}-role": "owner"}
    assert sam.post(page_of(cast.northwind), form_for(cast, sam) | again).status == 200
    assert Membership.objects.filter(user=nora).count() == 1
