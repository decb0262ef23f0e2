"""The page of members: roles and removal, and what ends with them."""

import threading

import pytest
from django.db import connection

from accounts.models import AuditEvent, Invitation, Membership, Role
from keys.refusals import Refusal
from tests.factories import UserFactory, join

pytestmark = pytest.mark.django_db


@pytest.fixture
def una(cast):
    """An admin of Northwind."""
    return join(cast.northwind, UserFactory(email="una@northwind.example"), Role.ADMIN)


def page_of(cast):
    return f"/organizations/{cast.northwind.public_id}/members/"


def member(cast, user):
    return cast.northwind.memberships.get(user=user)


def url(cast, user, action):
    return f"{page_of(cast)}{member(cast, user).public_id}/{action}/"


def test_the_page_lists_everybody_owners_first(cast, ada, una):
    rows = ada.get(page_of(cast)).texts("tbody tr")
    assert [row.split()[0] for row in rows] == ["Ada", "una", "ben", "vera"]
    assert "ada@northwind.example Owner" in rows[0]


def test_everybody_sees_the_people_and_only_managers_what_to_do_with_them(cast, as_user, una):
    for user, links in ((cast.vera, 0), (cast.ben, 0), (una, 4), (cast.ada, 6)):
        page = as_user(user).get(page_of(cast))
        assert page.status == 200
        assert len(page.all("table .menu a")) == links, user
        assert bool(page.all("a[href$='/invite/']")) == bool(links)


def test_the_number_of_queries_does_not_grow_with_the_members(cast, ada, django_assert_max_num_queries):
    for _ in range(20):
        join(cast.northwind, UserFactory(), Role.VIEWER)
    with django_assert_max_num_queries(10):
        ada.get(page_of(cast))


def test_another_role_counts_from_the_next_request_of_an_open_session(cast, ada, as_user):
    vera = as_user(cast.vera)
    assert vera.get("/keys/create/").status == 403
    assert ada.submit(url(cast, cast.vera, "role"), role="developer").status == 302
    assert vera.get("/keys/create/").status == 200
    ada.submit(url(cast, cast.vera, "role"), role="viewer")
    assert vera.post(f"/keys/{cast.key.public_id}/reveal/").status == 403
    event = AuditEvent.objects.filter(verb="member.role_changed").first()
    assert (event.target_label, event.before, event.after) == (
        cast.vera.email,
        {"role": "developer"},
        {"role": "viewer"},
    )


def test_giving_the_same_role_again_writes_no_event(cast, ada):
    ada.submit(url(cast, cast.vera, "role"), role="viewer")
    assert not AuditEvent.objects.filter(verb="member.role_changed").exists()


def test_an_admin_neither_touches_owners_nor_makes_any(cast, as_user, una):
    browser = as_user(una)
    assert "at least one owner" not in browser.get(page_of(cast))
    for action, fields in (("role", {"role": "viewer"}), ("remove", {})):
        page = browser.submit(url(cast, cast.ada, action), **fields)
        assert page.status == 422
        assert "Only owners change owners" in page
    assert browser.submit(url(cast, cast.ben, "role"), role="owner").status == 422
    assert cast.northwind.role_of(cast.ada) == "owner"
    assert cast.northwind.role_of(cast.ben) == "developer"


def test_the_last_owner_is_neither_removed_nor_made_less(cast, ada):
    for action, fields in (("role", {"role": "admin"}), ("remove", {})):
        page = ada.submit(url(cast, cast.ada, action), **fields)
        assert page.status == 422
        assert "at least one owner" in page


def test_a_removed_members_next_click_finds_nothing(cast, ada, as_user):
    ben = as_user(cast.ben)
    assert ben.get(f"/keys/{cast.key.public_id}/").status == 200
    page = ada.submit(url(cast, cast.ben, "remove"), follow=True)
    assert "ben is removed." in page
    assert ben.get(page_of(cast)).status == 404
    assert ben.post(f"/keys/{cast.key.public_id}/reveal/").status == 404
    assert "You belong to no organisation" in ben.get("/keys/")
    assert ada.post(url_gone := page_of(cast) + "mem_0000000000000000/remove/").status == 404, url_gone


@pytest.mark.parametrize("how", ["remove", "role", "leave"])
def test_invitations_end_with_the_right_to_send_them(cast, una, how):
    invitation, token = Invitation.send(organization=cast.northwind, email="new@x.example", role="viewer", by=una)
    mine = member(cast, una)
    if how == "remove":
        mine.remove(by=cast.ada)
    elif how == "role":
        mine.change_role(by=cast.ada, role="developer")
    else:
        mine.leave()
    invitation.refresh_from_db()
    assert not invitation.works(token)
    assert AuditEvent.objects.filter(verb="invitation.withdrawn").exists()


def test_who_has_handed_over_does_not_come_back_as_an_owner_by_an_invitation_sent_before(cast, una):
    invitations = [
        Invitation.send(organization=cast.northwind, email=f"{role}@x.example", role=role, by=cast.ada)
        for role in ("owner", "viewer")
    ]
    member(cast, cast.ada).hand_over(to=member(cast, una))
    for invitation, _ in invitations:
        invitation.refresh_from_db()
    assert [invitation.works(token) for invitation, token in invitations] == [False, True]


def test_an_invitation_of_somebody_else_stays(cast, una):
    invitation, token = Invitation.send(organization=cast.northwind, email="new@x.example", role="viewer", by=cast.ada)
    member(cast, una).remove(by=cast.ada)
    invitation.refresh_from_db()
    assert invitation.works(token)


@pytest.mark.parametrize("who", ["ben", "vera", "mallory"])
def test_the_verbs_refuse_who_manages_nobody(cast, una, who):
    actor = getattr(cast, who)
    with pytest.raises(Refusal, match="Only owners and admins"):
        member(cast, una).remove(by=actor)
    with pytest.raises(Refusal, match="Only owners and admins"):
        member(cast, una).change_role(by=actor, role="viewer")
    assert cast.northwind.role_of(una) == "admin"


def test_who_is_inactive_has_no_rights(cast, una):
    una.is_active = False
    una.save(update_fields=["is_active"])
    with pytest.raises(Refusal):
        member(cast, cast.ben).remove(by=una)


@pytest.mark.parametrize("name", ["<b>x</b>", '"><img src=x>'])
def test_markup_in_a_name_stays_text(cast, ada, name):
    cast.ben.first_name = name
    cast.ben.save(update_fields=["first_name"])
    for where in (page_of(cast), url(cast, cast.ben, "remove"), url(cast, cast.ben, "role")):
        page = ada.get(where)
        assert name in page.one("main").text_content()
        assert page.all("main b, main img") == []


@pytest.mark.django_db(transaction=True)
def test_two_admins_who_remove_each_other_do_not_both_stay_nor_both_go(cast, una):
    ned = join(cast.northwind, UserFactory(), Role.ADMIN)
    barrier, endings = threading.Barrier(2), []

    def act(actor, target):
        found = Membership.objects.select_related("organization", "user").get(user=target)
        barrier.wait()
        try:
            found.remove(by=actor)
            endings.append("removed")
        except Refusal:
            endings.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=act, args=pair) for pair in ((una, ned), (ned, una))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(endings) == ["refused", "removed"]
