"""The list of notices, one notice, and the person's choices."""

import pytest
from django.utils import timezone

from accounts.models import Membership, Role
from notices import outbox
from notices.models import Notice, Preference
from tests.factories import KeyFactory, OrganizationFactory, UserFactory, join

LIST, CHOICES = "/notices/", "/notices/choices/"


@pytest.fixture
def notice(cast):
    """What Ada was told: Sam disabled her key."""
    cast.key.disable(by=cast.sam, reason="<img src=x onerror=alert(1)>", as_staff=True)
    return Notice.objects.get(person=cast.ada)


def url(notice) -> str:
    return f"{LIST}{notice.public_id}/"


def bell(page) -> str:
    return page.one(".bell").get("aria-label")


def test_disabling_by_staff_is_told_to_who_manages_keys_and_not_to_who_only_looks(cast, notice):
    assert set(Notice.objects.values_list("person__email", flat=True)) == {cast.ada.email, cast.ben.email}


def test_who_disables_a_key_needs_no_telling(cast):
    cast.key.disable(by=cast.ada, reason="test")
    cast.key.enable(by=cast.ada)
    told = Notice.objects.values_list("person__email", "kind", "context__actor").order_by("pk")
    assert list(told) == [(cast.ben.email, "key.disabled", "Ada Nowak"), (cast.ben.email, "key.enabled", "Ada Nowak")]


def test_the_bell_counts_what_waits_and_leads_to_the_list(cast, ada, notice):
    page = ada.get("/keys/")
    assert bell(page) == "Notices, 1 not read"
    page = ada.get(page.one(".bell").get("href"))
    assert page.texts(".notices a") == ["Key disabled: Fleet tracking"]
    assert page.one(".notices > li").get("data-unread") is not None
    assert page.one(".notices a").get("href") == url(notice)


def test_looking_reads_nothing_opening_does_and_leads_to_the_key(cast, ada, notice):
    page = ada.get(url(notice))
    assert "Reason: <img src=x onerror=alert(1)>" in page.text
    assert page.all("main img") == []
    assert bell(ada.get(LIST)) == "Notices, 1 not read"
    assert ada.submit(url(notice))["Location"] == f"/keys/{cast.key.public_id}/"
    assert bell(ada.get(LIST)) == "Notices"
    read_at = Notice.objects.get(pk=notice.pk).read_at
    ada.submit(url(notice))
    assert Notice.objects.get(pk=notice.pk).read_at == read_at


def test_opening_works_in_the_organisation_that_it_is_about(cast, ada):
    second = OrganizationFactory(name="Second", owner=cast.mallory)
    join(second, cast.ada, Role.DEVELOPER)
    key = KeyFactory(organization=second, name="Elsewhere")
    key.disable(by=cast.sam, reason="test", as_staff=True)
    assert ada.get(f"/keys/{key.public_id}/").status == 404
    page = ada.submit(url(Notice.objects.get(person=cast.ada)), follow=True)
    assert page.one("h1").text_content().startswith("Elsewhere")


def test_all_are_marked_read_at_once(cast, ada, notice):
    Notice.objects.filter(person=cast.ben).update(read_at=None)
    assert ada.submit(LIST, selector="form[action$='/read/']")["Location"] == LIST
    assert Notice.objects.get(pk=notice.pk).read_at <= timezone.now()
    assert Notice.objects.get(person=cast.ben).read_at is None


@pytest.mark.parametrize("who", ["ben", "mallory", "sam"])
def test_anothers_notice_is_not_there(cast, as_user, notice, who):
    browser = as_user(getattr(cast, who))
    assert browser.get(url(notice)).status == 404
    assert browser.post(url(notice)).status == 404
    assert Notice.objects.get(pk=notice.pk).read_at is None


def test_who_has_left_sees_nothing_of_it_any_more(cast, ada, notice):
    join(cast.northwind, UserFactory(), Role.OWNER)
    Membership.objects.filter(user=cast.ada).delete()
    page = ada.get(LIST)
    assert "Nothing yet." in page
    assert bell(page) == "Notices"
    assert ada.get(url(notice)).status == 404


def test_the_list_needs_few_queries(cast, ada, django_assert_max_num_queries):
    for _ in range(40):
        outbox.post(
            "key.enabled", organization=cast.northwind, people=[cast.ada], context={"key": "K", "actor": "Ben"},
            about=cast.key.public_id,
        )  # fmt: skip
    with django_assert_max_num_queries(7):
        page = ada.get(LIST)
    assert len(page.all(".notices > li")) == 30
    assert "1 to 30 of 40" in page


def test_choices_are_kept_and_shown(cast, ada):
    page = ada.get(CHOICES)
    assert page.fields() == dict.fromkeys(("keys", "ends", "qps", "traffic", "alerts"), "at_once") | {
        "csrfmiddlewaretoken": page.fields()["csrfmiddlewaretoken"]
    }
    for mail in ("daily", "never"):
        assert "Your choices are kept." in ada.submit(CHOICES, keys=mail, follow=True)
    assert ada.get(CHOICES).fields()["keys"] == "never"
    assert list(Preference.objects.filter(group="keys").values_list("person__email", "mail")) == [
        (cast.ada.email, "never")
    ]


def test_a_choice_that_is_none_and_a_group_that_is_always_mailed_are_refused(cast, ada):
    assert ada.submit(CHOICES, keys="sometimes").status == 422
    ada.submit(CHOICES, account="never", desk="never")
    assert not Preference.objects.filter(group__in=["account", "desk"]).exists()


def test_staff_choose_about_requests_to_decide(cast, as_user):
    assert "desk" in as_user(cast.sam).get(CHOICES).fields()


def test_suspending_and_resuming_a_customer_is_told(cast):
    cast.northwind.suspend(by=cast.sam, reason="The invoice of May is open.")
    cast.northwind.resume(by=cast.sam)
    told = Notice.objects.filter(person=cast.ada).order_by("pk").values_list("kind", "context__reason")
    assert list(told) == [("organization.suspended", "The invoice of May is open."), ("organization.resumed", "")]
