"""Create, rename, leave, hand over, delete and bring back an organisation."""

import datetime as dt
import threading

import pytest
import time_machine
from django.core import mail
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.models import AuditEvent, Membership, Organization, Role, User
from keys.models import ApiKey
from keys.refusals import Refusal
from tests.factories import UserFactory, join
from tests.jobs import run_jobs

pytestmark = pytest.mark.django_db


def url(organization, path=""):
    return f"/organizations/{organization.public_id}/{path}"


def role_of(user, organization):
    return organization.role_of(user)


def test_a_person_creates_an_organisation_with_a_first_key_and_works_in_it(cast, ada):
    page = ada.submit("/organizations/create/", name="Side Project", follow=True)
    assert page.one(".org-name").text == "Side Project"
    assert "My first API key" in page
    made = Organization.objects.get(name="Side Project")
    assert (made.plan, role_of(cast.ada, made), made.keys.count()) == ("freemium", "owner", 1)


def test_creating_sent_twice_makes_one(cast, ada):
    fields = ada.get("/organizations/create/").fields("main form") | {"name": "Twice"}
    for _ in range(2):
        assert ada.post("/organizations/create/", fields).status == 302
    assert Organization.objects.filter(name="Twice").count() == 1


def test_nobody_owns_very_many(cast, ada):
    for number in range(19):
        Organization.register(name=f"Number {number}", owner=cast.ada)
    page = ada.submit("/organizations/create/", name="One too many")
    assert page.status == 422
    assert "You own 20 organisations." in page


def test_nobody_creates_very_many_by_deleting_them_again(cast, ada):
    for number in range(19):
        Organization.register(name=f"Number {number}", owner=cast.ada).mark_deleted(by=cast.ada)
    page = ada.submit("/organizations/create/", name="One too many")
    assert page.status == 422
    assert "You created 20 organisations within a day." in page
    with time_machine.travel(timezone.now() + dt.timedelta(days=1, seconds=1)):
        assert Organization.register(name="Next day", owner=cast.ada).pk


@pytest.mark.parametrize("name", ["", "x" * 81, "a\u202eb", "Win at https://x.example", "WWW.x.example"])
def test_a_name_that_cannot_be_is_refused_at_its_field(cast, ada, name):
    page = ada.submit(url(cast.northwind, "rename/"), name=name)
    assert page.status == 422
    assert page.one("[name=name]").get("aria-invalid") == "true"
    assert Organization.objects.get(pk=cast.northwind.pk).name == "Northwind Routing"


def test_renaming_shows_everywhere_and_is_audited(cast, ada):
    page = ada.submit(url(cast.northwind, "rename/"), name="Northwind Maps", follow=True)
    assert page.one(".org-name").text == "Northwind Maps"
    event = AuditEvent.objects.get(verb="organization.renamed")
    assert (event.before, event.after) == ({"name": "Northwind Routing"}, {"name": "Northwind Maps"})


def test_the_page_offers_each_role_what_it_may(cast, ada, as_user):
    def offered(browser):
        return {link.get("href").split("/")[-2] for link in browser.get(url(cast.northwind)).all("main a[hx-get]")}

    una = as_user(join(cast.northwind, UserFactory(), Role.ADMIN))
    assert offered(ada) == {"rename", "time-zone", "leave", "hand-over", "delete"}
    assert offered(una) == {"rename", "time-zone", "leave"}
    assert offered(as_user(cast.vera)) == {"leave"}


def test_who_leaves_sees_nothing_any_more(cast, as_user):
    ben = as_user(cast.ben)
    page = ben.submit(url(cast.northwind, "leave/"), follow=True)
    assert "You have left Northwind Routing." in page
    assert ben.get(url(cast.northwind)).status == 404
    assert "Fleet" not in ben.get(f"/keys/{cast.key.public_id}/")
    assert "You belong to no organisation" in ben.get("/keys/")
    assert AuditEvent.objects.get(verb="member.left").actor == cast.ben


def test_the_last_owner_cannot_leave(cast, ada):
    page = ada.submit(url(cast.northwind, "leave/"))
    assert page.status == 422
    assert "at least one owner" in page
    assert role_of(cast.ada, cast.northwind) == "owner"


def test_handing_over_swaps_the_roles_at_once(cast, ada):
    vera = cast.northwind.memberships.get(user=cast.vera)
    page = ada.submit(url(cast.northwind, "hand-over/"), member=str(vera.pk), follow=True)
    assert "is the owner now, and you are an admin" in page
    assert (role_of(cast.ada, cast.northwind), role_of(cast.vera, cast.northwind)) == ("admin", "owner")
    assert ada.get(url(cast.northwind, "hand-over/")).status == 403
    event = AuditEvent.objects.get(verb="organization.handed_over")
    assert (event.actor, event.target_label) == (cast.ada, cast.vera.email)


def test_handing_over_to_a_stranger_is_refused(cast, ada):
    theirs = cast.other.memberships.get()
    assert ada.submit(url(cast.northwind, "hand-over/"), member=str(theirs.pk)).status == 422
    assert role_of(cast.ada, cast.northwind) == "owner"


def test_deleting_asks_for_the_name_and_hides_the_organisation_from_everybody(cast, ada, as_user):
    assert ada.submit(url(cast.northwind, "delete/"), name="Northwind").status == 422
    assert Organization.objects.get(pk=cast.northwind.pk).deleted_at is None
    page = ada.submit(url(cast.northwind, "delete/"), name="Northwind Routing", follow=True)
    assert "Northwind Routing is deleted." in page
    assert "can be brought back until" in page
    vera = as_user(cast.vera)
    for browser in (ada, vera):
        assert browser.get(url(cast.northwind)).status == 404
        assert browser.get("/keys/").status == 404
    assert "brought back" not in vera.get("/organizations/")
    assert vera.post(url(cast.northwind, "restore/")).status == 404


def test_a_deleted_organisation_is_refused_by_gateways_through_the_feed(cast, ada):
    from gateway import policy_sql

    connection.ensure_connection()

    def suspended():
        found = connection.connection.execute(f"{policy_sql._ORGANIZATIONS} WHERE id = %s", [cast.northwind.pk])
        return found.fetchone()[2]

    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SELECT number FROM gateway_feed")
        (before,) = cursor.fetchone()
        assert not suspended()
        cast.northwind.mark_deleted(by=cast.ada)
        assert suspended()
        cast.northwind.restore(by=cast.ada)
        assert not suspended()
        cursor.execute("SELECT number FROM gateway_feed")
        assert cursor.fetchone() == (before + 2,)


def test_an_owner_brings_it_back_as_it_was(cast, ada):
    cast.northwind.mark_deleted(by=cast.ada)
    page = ada.submit(url(cast.northwind, "restore/"), follow=True)
    assert "Northwind Routing is back." in page
    assert "Fleet tracking" in page
    assert list(AuditEvent.objects.order_by("pk").values_list("verb", flat=True))[-2:] == [
        "organization.deleted", "organization.restored",
    ]  # fmt: skip


def test_its_people_are_told_that_it_was_deleted_and_that_it_is_back(cast, ada, as_user):
    ada.submit(url(cast.northwind, "delete/"), name=cast.northwind.name)
    ada.submit(url(cast.northwind, "restore/"))
    run_jobs()
    assert sorted((message.subject, *message.to) for message in mail.outbox) == [
        (f"Northwind Routing is {what}", person)
        for what in ("back", "deleted")
        for person in (cast.ben.email, cast.vera.email)
    ]
    (told,) = (m for m in mail.outbox if "is deleted" in m.subject and m.to == [cast.ben.email])
    assert "Ada Nowak deleted Northwind Routing." in told.body
    assert "an owner can bring it back" in told.body
    assert "Northwind Routing is back" in as_user(cast.vera).get("/notices/")


def test_after_thirty_days_it_is_gone_for_good(cast, ada):
    cast.northwind.mark_deleted(by=cast.ada)
    Organization.objects.filter(pk=cast.northwind.pk).update(
        deleted_at=timezone.now() - dt.timedelta(days=30, minutes=1)
    )
    assert ada.get(url(cast.northwind, "restore/")).status == 404
    call_command("housekeeping")
    assert not Organization.objects.filter(pk=cast.northwind.pk).exists()
    assert list(ApiKey.objects.all()) == [cast.other_key]
    assert User.objects.filter(pk=cast.ada.pk).exists()
    assert AuditEvent.objects.filter(verb="organization.removed", target_id=cast.northwind.public_id).exists()


def test_housekeeping_leaves_what_can_still_be_brought_back(cast):
    cast.northwind.mark_deleted(by=cast.ada)
    call_command("housekeeping")
    assert Organization.objects.filter(pk=cast.northwind.pk).exists()


@pytest.mark.parametrize("who", ["ben", "vera", "mallory"])
def test_the_verbs_refuse_who_is_no_owner(cast, who):
    with pytest.raises(Refusal):
        cast.northwind.mark_deleted(by=getattr(cast, who))


def test_an_address_with_an_organisation_makes_it_the_one_to_work_in(cast, ada):
    join(cast.other, cast.ada, Role.VIEWER)
    assert ada.get(url(cast.other)).one(".org-name").text == "Other Maps"
    assert ada.get("/keys/").one(".org-name").text == "Other Maps"


@pytest.mark.parametrize(
    "statement", ["DELETE FROM accounts_membership", "UPDATE accounts_membership SET role = 'admin'"]
)
def test_the_database_keeps_an_owner_whoever_writes(cast, statement):
    with connection.cursor() as cursor, transaction.atomic():
        cursor.execute(f"{statement} WHERE role = 'owner' AND organization_id = %s", [cast.northwind.pk])
        with pytest.raises(IntegrityError, match="at least one owner"):
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        transaction.set_rollback(True)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ["leave", "raw"])
def test_of_two_owners_who_leave_at_once_one_stays(cast, how):
    una = join(cast.northwind, UserFactory(), Role.OWNER)
    barrier, endings = threading.Barrier(2), []

    def act(user):
        member = Membership.objects.select_related("organization", "user").get(user=user)
        barrier.wait()
        try:
            if how == "leave":
                member.leave()
            else:
                Membership.objects.filter(pk=member.pk).delete()
            endings.append("left")
        except (Refusal, IntegrityError):
            endings.append("stayed")
        finally:
            connection.close()

    threads = [threading.Thread(target=act, args=[user]) for user in (cast.ada, una)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(endings) == ["left", "stayed"]
    assert cast.northwind.memberships.filter(role=Role.OWNER).count() == 1
