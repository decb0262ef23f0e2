"""People and customers in the admin: what staff change is audited with before and after."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.urls import reverse

from accounts.models import AuditEvent, Invitation, Membership, Organization, Role, User
from keys.models import QpsRequest
from keys.refusals import Refusal
from tests.factories import KeyFactory, OrganizationFactory, UserFactory, join, products, string_of
from tests.support.staff import staff_with

ORGANIZATIONS = "/admin/accounts/organization/"


@pytest.fixture
def sam(cast, as_user):
    return as_user(cast.sam)


def page_of(row):
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def form_of(row):
    return f"#{row._meta.model_name}_form"


def change(browser, row, **fields):
    return browser.submit(page_of(row), selector=form_of(row), **fields)


def act(browser, address, action, *rows, **fields):
    data = {"action": action, "_selected_action": [row.pk for row in rows], "index": "0", **fields}
    return browser.post(address, data, follow=True)


def make_inactive(browser, person):
    fields = browser.get(page_of(person)).fields(form_of(person))
    fields.pop("is_active", None)
    return browser.post(page_of(person), fields)


def test_changing_a_plan_is_audited_with_before_and_after(cast, sam):
    assert change(sam, cast.northwind, plan="freemium", time_zone="Europe/Oslo").status == 302
    event = AuditEvent.objects.get(verb="organization.edited")
    assert (event.before, event.after) == (
        {"plan": "enterprise"},
        {"plan": "freemium"},  # not the time zone: the days of the past would have to be counted anew
    )
    assert (event.actor, event.as_staff, event.target_id) == (cast.sam, True, cast.northwind.public_id)
    assert event.organization == cast.northwind


def test_keys_follow_a_new_plan_and_staff_read_how(cast, sam):
    gone = KeyFactory(organization=cast.northwind, name="Gone")
    gone.mark_deleted(by=cast.ada)
    (search,) = products("search")
    wish = QpsRequest.submit(key=cast.key, product=search, requested=70, reason="Autumn", by=cast.ada)
    change(sam, cast.northwind, plan="freemium")
    said = sam.get(ORGANIZATIONS)
    assert "Keys that are billed as Freemium from now on: 1." in said
    assert "Waiting QPS requests that were withdrawn, as the plan has no QPS management: 1." in said
    for row in (cast.key, gone, wish):
        row.refresh_from_db()
    assert (cast.key.billing_type, gone.billing_type, wish.state) == ("freemium", "paying", "withdrawn")
    event = AuditEvent.objects.get(verb="key.edited")
    assert (event.before, event.after) == ({"billing type": "Paying"}, {"billing type": "Freemium"})
    assert AuditEvent.objects.get(verb="qps.withdrawn").as_staff
    change(sam, cast.northwind, plan="enterprise")
    cast.key.refresh_from_db()
    assert cast.key.billing_type == "paying"
    assert "Waiting QPS requests" not in sam.get(ORGANIZATIONS)


def test_saving_without_a_change_writes_no_event(cast, sam):
    before = AuditEvent.objects.count()
    assert change(sam, cast.northwind).status == 302
    assert AuditEvent.objects.count() == before


def test_what_the_customer_changed_meanwhile_is_kept(cast, sam):
    form = sam.get(page_of(cast.northwind)).fields(form_of(cast.northwind))
    cast.northwind.suspend(by=cast.sam, reason="Invoice 7 is open")
    sam.post(page_of(cast.northwind), form | {"name": "Northwind"})
    cast.northwind.refresh_from_db()
    assert (cast.northwind.name, cast.northwind.suspended_reason) == ("Northwind", "Invoice 7 is open")


def test_a_key_in_a_name_is_refused(cast, sam):
    page = change(sam, cast.northwind, name=string_of(cast.key))
    assert "must not be kept here" in page
    cast.northwind.refresh_from_db()
    assert cast.northwind.name == "Northwind Routing"


def test_suspending_asks_for_a_reason_then_suspends_all_chosen(cast, sam):
    page = act(sam, ORGANIZATIONS, "suspend_chosen", cast.northwind, cast.other)
    assert page.one("input[name=reason]") is not None
    assert not Organization.objects.exclude(suspended_at=None).exists()
    page = act(
        sam, ORGANIZATIONS, "suspend_chosen", cast.northwind, cast.other, answered="1", reason="Invoices are open"
    )
    assert "2 organisations are suspended." in page
    assert set(Organization.objects.values_list("suspended_reason", flat=True)) == {"Invoices are open"}
    events = AuditEvent.objects.filter(verb="organization.suspended")
    assert [(e.as_staff, e.actor) for e in events] == [(True, cast.sam)] * 2
    page = act(sam, ORGANIZATIONS, "resume_chosen", cast.northwind, cast.other)
    assert "2 organisations are resumed." in page
    assert not Organization.objects.exclude(suspended_at=None).exists()


def test_suspending_twice_keeps_the_first_reason(cast, sam):
    cast.northwind.suspend(by=cast.sam, reason="First")
    page = act(sam, ORGANIZATIONS, "suspend_chosen", cast.northwind, answered="1", reason="Second")
    assert "1 of the chosen were suspended already" in page
    cast.northwind.refresh_from_db()
    assert cast.northwind.suspended_reason == "First"


def test_bulk_actions_need_the_permission_to_change(cast, as_user):
    browser = as_user(staff_with("accounts.view_organization"))
    act(browser, ORGANIZATIONS, "suspend_chosen", cast.northwind, answered="1", reason="Mischief")
    cast.northwind.refresh_from_db()
    assert cast.northwind.suspended_at is None
    assert browser.get(page_of(cast.northwind)).status == 200
    assert browser.post(page_of(cast.northwind), {"name": "Mine"}).status == 403


@pytest.mark.parametrize("found_by", [str, str.lower, lambda text: text.replace("0", "o"), lambda text: text[4:]])
def test_an_organisation_is_found_by_its_id_as_people_type_it(cast, sam, found_by):
    page = sam.get(ORGANIZATIONS, q=found_by(cast.northwind.public_id))
    assert page.texts("#result_list tbody th") == ["Northwind Routing"]


def test_an_organisation_is_found_by_a_members_address(cast, sam):
    assert sam.get(ORGANIZATIONS, q="vera@northwind").texts("#result_list tbody th") == ["Northwind Routing"]


def test_nobody_deletes_customers_people_or_the_log(cast, sam):
    for row in (cast.northwind, cast.ada, AuditEvent.objects.first()):
        assert sam.post(page_of(row).replace("change", "delete"), {"post": "yes"}).status == 403
        assert "delete_selected" not in sam.get(page_of(row).rsplit("/", 3)[0] + "/").source


def test_the_audit_log_can_only_be_read(cast, sam):
    event = AuditEvent.objects.first()
    assert sam.post(page_of(event), {"verb": "nothing.happened"}).status == 403
    assert sam.get("/admin/accounts/auditevent/add/").status == 403
    assert sam.get("/admin/accounts/auditevent/", q=cast.key.public_id.lower()).texts("#result_list .field-verb") == [
        "key.created"
    ]


def test_making_a_person_inactive_is_audited(cast, sam):
    assert make_inactive(sam, cast.ben).status == 302
    event = AuditEvent.objects.get(verb="user.edited")
    assert (event.before, event.after, event.target_label) == (
        {"is_active": True},
        {"is_active": False},
        cast.ben.email,
    )


def test_the_last_owner_who_can_sign_in_is_not_made_inactive(cast, sam):
    third = OrganizationFactory(name="Third Maps", owner=cast.ada)
    OrganizationFactory(name="Gone", owner=cast.ada).mark_deleted(by=cast.ada)
    join(cast.northwind, UserFactory(email="old@northwind.example", is_active=False), Role.OWNER)
    page = make_inactive(sam, cast.ada)
    said = "Nobody else who can sign in owns Northwind Routing, Third Maps. Make somebody else an owner first"
    assert (page.status, said in page) == (200, True)
    cast.ada.refresh_from_db()
    assert cast.ada.is_active
    assert not AuditEvent.objects.filter(verb="user.edited").exists()
    third.memberships.get().hand_over(to=Membership.objects.create(organization=third, user=cast.mallory))
    cast.northwind.memberships.get(user=cast.ben).change_role(by=cast.ada, role=Role.OWNER)
    assert make_inactive(sam, cast.ada).status == 302
    assert make_inactive(sam, cast.ben).status == 200, "now he is the last"
    assert list(User.objects.filter(is_active=True, pk__in=[cast.ada.pk, cast.ben.pk])) == [cast.ben]


def test_an_inactive_owner_is_none_who_lets_others_leave_or_takes_over(cast, sam, as_user):
    ben = cast.northwind.memberships.get(user=cast.ben)
    ben.change_role(by=cast.ada, role=Role.OWNER)
    assert make_inactive(sam, cast.ben).status == 302
    ada = cast.northwind.memberships.get(user=cast.ada)
    members = f"/organizations/{cast.northwind.public_id}/members"
    browser = as_user(cast.ada)
    refused = [
        browser.submit(f"/organizations/{cast.northwind.public_id}/leave/"),
        browser.submit(f"{members}/{ada.public_id}/role/", role="viewer"),
        browser.submit(f"{members}/{ada.public_id}/remove/"),
    ]
    for page in refused:
        assert (page.status, "at least one owner who can sign in" in page) == (422, True), page.text
    offered = browser.get(f"/organizations/{cast.northwind.public_id}/hand-over/")
    assert cast.ben.label not in offered.one("main form").text_content()
    with pytest.raises(Refusal):
        ada.hand_over(to=ben)
    assert cast.northwind.role_of(cast.ada) == Role.OWNER


def test_a_suspended_customers_last_owner_is_shut_out_and_it_is_not_resumed_without_one(cast, sam):
    cast.northwind.suspend(by=cast.sam, reason="Abuse")
    assert make_inactive(sam, cast.ada).status == 302
    assert change(sam, cast.northwind, name="Northwind Spam").status == 302
    said = "Nobody who can sign in owns Northwind Spam. Make somebody an owner first."
    assert said in act(sam, ORGANIZATIONS, "resume_chosen", cast.northwind)
    page = sam.post(f"/support/organizations/{cast.northwind.public_id}/resume/", follow=True)
    assert (page.status, said in page) == (200, True)
    cast.northwind.refresh_from_db()
    assert cast.northwind.suspended_at is not None
    change(sam, cast.ada, is_active="on")
    act(sam, ORGANIZATIONS, "resume_chosen", cast.northwind)
    cast.northwind.refresh_from_db()
    assert cast.northwind.suspended_at is None


def test_who_is_made_inactive_does_not_come_back_by_an_invitation_sent_before(cast, sam):
    join(cast.northwind, UserFactory(email="una@northwind.example"), Role.OWNER)
    invitation, token = Invitation.send(organization=cast.northwind, email="new@x.example", role="owner", by=cast.ada)
    make_inactive(sam, cast.ada)
    invitation.refresh_from_db()
    assert not invitation.works(token)
    event = AuditEvent.objects.get(verb="invitation.withdrawn")
    assert (event.actor, event.as_staff, event.organization) == (cast.sam, True, cast.northwind)


def test_nobody_locks_themselves_out(cast, sam):
    fields = sam.get(page_of(cast.sam)).fields(form_of(cast.sam))
    assert not {"is_active", "is_staff", "is_superuser"} & set(fields)
    assert sam.post(page_of(cast.sam), fields | {"first_name": "Samuel"}).status == 302
    cast.sam.refresh_from_db()
    assert (cast.sam.first_name, cast.sam.is_active, cast.sam.is_staff, cast.sam.is_superuser) == (
        "Samuel",
        True,
        True,
        True,
    )


def test_a_new_person_has_no_password(sam):
    sam.submit("/admin/accounts/user/add/", selector="#user_form", email="tess@latchkey.example", is_staff="on")
    tess = User.objects.get(email="tess@latchkey.example")
    assert not tess.has_usable_password()
    assert AuditEvent.objects.get(verb="user.created").after["is_staff"] is True


def test_a_password_is_on_no_page(cast, sam):
    source = sam.get(page_of(cast.ada)).source
    assert cast.ada.password not in source
    assert 'name="password"' not in source


def test_staff_do_not_give_themselves_rights(cast, as_user):
    tess = staff_with("accounts.change_user", "accounts.view_user")
    browser = as_user(tess)
    assert browser.post(page_of(tess), {"is_superuser": "on"}).status == 403
    assert browser.post(page_of(cast.sam), {"is_active": ""}).status == 403
    ben = browser.get(page_of(cast.ben)).fields(form_of(cast.ben))
    browser.post(
        page_of(cast.ben),
        ben | {"first_name": "Benjamin", "is_superuser": "on", "is_staff": "on", "email": "x@x.example"},
    )
    cast.ben.refresh_from_db()
    assert (cast.ben.first_name, cast.ben.is_superuser, cast.ben.is_staff) == ("Benjamin", False, False)
    assert cast.ben.email == "ben@northwind.example"


def test_changing_a_group_and_removing_it_are_audited(sam):
    group = Group.objects.create(name="First line")
    wanted = Permission.objects.get(codename="view_apikey")
    change(sam, group, permissions=[wanted.pk])
    assert AuditEvent.objects.get(verb="group.edited").after == {"permissions": ["keys.view_apikey"]}
    sam.post(page_of(group).replace("change", "delete"), {"post": "yes"})
    assert not Group.objects.exists()
    assert AuditEvent.objects.get(verb="group.removed").before == {
        "name": "First line",
        "permissions": ["keys.view_apikey"],
    }


def test_a_group_gives_rights_so_superusers_alone_change_it(cast, as_user):
    sue = staff_with("auth.view_group", "auth.add_group", "auth.change_group", "auth.delete_group")
    group = Group.objects.create(name="First line")
    group.user_set.add(sue)
    browser = as_user(sue)
    wanted = Permission.objects.get(codename="change_apikey")
    assert browser.get(page_of(group)).status == 200
    data = {"name": group.name, "permissions": [wanted.pk]}
    for page in ("change", "delete"):
        assert browser.post(page_of(group).replace("change", page), data | {"post": "yes"}).status == 403
    assert browser.post("/admin/auth/group/add/", data | {"name": "Mine"}).status == 403
    assert list(Group.objects.values_list("name", "permissions")) == [("First line", None)]


def test_removing_several_groups_at_once_writes_an_event_for_each(sam):
    groups = [Group.objects.create(name=name) for name in ("One", "Two")]
    act(sam, "/admin/auth/group/", "delete_selected", *groups, post="yes")
    assert AuditEvent.objects.filter(verb="group.removed").count() == 2
