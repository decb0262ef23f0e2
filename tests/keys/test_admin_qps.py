"""QPS requests in the admin: approved and rejected together, audited, and told to who asked."""

import pytest
from django.core import mail
from django.urls import reverse

from accounts.models import AuditEvent, Membership
from keys.models import KeyProduct, QpsRequest
from notices.models import Letter
from tests.factories import products, string_of
from tests.jobs import run_jobs
from tests.support.staff import staff_with

REQUESTS = "/admin/keys/qpsrequest/"


@pytest.fixture
def sam(cast, as_user):
    return as_user(cast.sam)


@pytest.fixture
def wishes(cast):
    """Two of Northwind, asked by Ada and Ben, and one of the other customer; what Sam was told about them is out."""
    search, display = products("search")[0], products("map-display")[0]
    wishes = [
        QpsRequest.submit(key=cast.key, product=search, requested=50, reason="Autocomplete goes live", by=cast.ada),
        QpsRequest.submit(key=cast.key, product=display, requested=2000, reason="Black Friday", by=cast.ben),
        QpsRequest.submit(key=cast.other_key, product=search, requested=20, reason="Growth", by=cast.mallory),
    ]
    run_jobs()
    mail.outbox.clear()
    return wishes


def act(browser, action, *wishes, **fields):
    data = {"action": action, "_selected_action": [wish.pk for wish in wishes], "index": "0", **fields}
    return browser.post(REQUESTS, data, follow=True)


def limit(wish):
    return KeyProduct.objects.get(key=wish.key, product=wish.product).limit


def states(wishes):
    return [QpsRequest.objects.get(pk=wish.pk).state for wish in wishes]


def test_approving_shows_what_was_chosen_and_asks_for_a_note(cast, sam, wishes):
    page = act(sam, "approve_chosen", *wishes)
    assert "3 QPS requests" in page
    assert "50 QPS for Search API" in page
    assert page.one("textarea[name=note]") is not None
    assert states(wishes) == ["pending"] * 3


def test_approving_sets_every_limit_and_tells_each_requester(cast, sam, wishes):
    page = act(sam, "approve_chosen", *wishes, answered="1", note="Valid from now on.")
    assert "3 requests are approved." in page
    assert [limit(wish) for wish in wishes] == [50, 2000, 20]
    events = AuditEvent.objects.filter(verb="qps.approved")
    assert [(e.as_staff, e.actor, e.after["note"]) for e in events] == [(True, cast.sam, "Valid from now on.")] * 3
    assert sorted(message.to[0] for message in mail.outbox) == [cast.ada.email, cast.ben.email, cast.mallory.email]
    told = next(message for message in mail.outbox if message.to == [cast.ada.email])
    assert told.subject == "QPS request approved: Search API for Fleet tracking"
    for text in (
        "50 queries per second was approved",
        cast.key.public_id,
        "Limit before   5",
        "Limit now      50",
        "Valid from now on.",
    ):
        assert text in told.body
    assert "Other Maps" not in told.body
    assert string_of(cast.key) not in told.body
    assert told.content_subtype == "plain"
    assert [kind for _, kind in told.alternatives] == ["text/html"]


def test_rejecting_needs_a_note_and_leaves_the_limits(cast, sam, wishes):
    page = act(sam, "reject_chosen", *wishes, answered="1", note="")
    assert page.status == 422
    assert states(wishes) == ["pending"] * 3
    page = act(sam, "reject_chosen", *wishes, answered="1", note="Ask your account manager.")
    assert "3 requests are rejected." in page
    assert [limit(wish) for wish in wishes] == [5, 1000, 5]
    assert {message.subject.partition(":")[0] for message in mail.outbox} == {"QPS request rejected"}
    assert all("Ask your account manager." in message.body for message in mail.outbox)
    assert all("Limit now      50" not in message.body for message in mail.outbox)


def test_a_request_decided_meanwhile_is_reported_and_left_as_it_is(cast, sam, wishes):
    wishes[0].withdraw(by=cast.ada)
    page = act(sam, "approve_chosen", *wishes, answered="1")
    assert "2 requests are approved." in page
    assert f"({wishes[0].public_id}): This request was withdrawn already." in page
    assert states(wishes) == ["withdrawn", "approved", "approved"]
    assert limit(wishes[0]) == 5
    assert cast.ada.email not in [message.to[0] for message in mail.outbox]


def test_a_request_for_a_product_that_is_gone_stays_undecided(cast, sam, wishes):
    KeyProduct.objects.filter(key=wishes[0].key, product=wishes[0].product).delete()
    page = act(sam, "approve_chosen", *wishes, answered="1")
    assert "is no longer assigned to the key" in page
    assert states(wishes) == ["pending", "approved", "approved"]
    assert len(mail.outbox) == 2


def test_any_other_error_undoes_all_and_sends_nothing(cast, sam, wishes, monkeypatch):
    real = QpsRequest.approve

    def breaks(self, **details):
        if self.pk == wishes[2].pk:
            raise RuntimeError("the disk is full")
        real(self, **details)

    monkeypatch.setattr(QpsRequest, "approve", breaks)
    with pytest.raises(RuntimeError):
        act(sam, "approve_chosen", *wishes, answered="1")
    assert states(wishes) == ["pending"] * 3
    assert [limit(wish) for wish in wishes] == [5, 1000, 5]
    assert mail.outbox == []


def test_a_mail_that_cannot_be_sent_does_not_undo_the_decision_and_is_tried_again(cast, sam, wishes, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    page = act(sam, "approve_chosen", wishes[0], answered="1")
    assert "1 request is approved." in page
    assert limit(wishes[0]) == 50
    letter = Letter.objects.get(to=cast.ada.email)
    assert (letter.state, letter.attempts) == ("retrying", 1)
    assert "ConnectionRefusedError" in letter.error


def test_who_left_the_organisation_is_told_nothing(cast, sam, wishes):
    Membership.objects.filter(user=cast.ben).delete()
    act(sam, "approve_chosen", *wishes, answered="1")
    assert sorted(message.to[0] for message in mail.outbox) == [cast.ada.email, cast.mallory.email]


def test_names_with_line_breaks_forge_no_header(cast, sam, wishes):
    type(cast.key).objects.filter(pk=cast.key.pk).update(name="Fleet\nBcc: mallory@other.example")
    act(sam, "approve_chosen", wishes[0], answered="1")
    assert mail.outbox[0].recipients() == [cast.ada.email]
    assert "\n" not in mail.outbox[0].subject


def test_a_note_with_a_key_in_it_is_refused(cast, sam, wishes):
    page = act(sam, "approve_chosen", wishes[0], answered="1", note=f"Use {string_of(cast.key)}")
    assert "must not be kept here" in page
    assert states(wishes[:1]) == ["pending"]


def test_deciding_needs_the_permission_to_change(cast, as_user, wishes):
    browser = as_user(staff_with("keys.view_qpsrequest"))
    assert browser.get(REQUESTS).status == 200
    for action in ("approve_chosen", "reject_chosen"):
        act(browser, action, *wishes, answered="1", note="Mischief")
    assert states(wishes) == ["pending"] * 3
    browser = as_user(staff_with("keys.change_qpsrequest", email="theo@latchkey.example"))
    assert "1 request is approved." in act(browser, "approve_chosen", wishes[0], answered="1")


def test_a_request_is_never_edited(cast, sam, wishes):
    address = reverse("admin:keys_qpsrequest_change", args=[wishes[0].pk])
    page = sam.get(address)
    assert not page.all("input[name=_save], input[name=_continue]")
    sam.post(address, {"state": "approved", "requested": "99999", "note": "Mine"})
    assert QpsRequest.objects.filter(pk=wishes[0].pk).values_list("state", "requested", "note").get() == (
        "pending",
        50,
        "",
    )


def test_those_that_wait_come_first(cast, sam, wishes):
    wishes[2].approve(by=cast.sam)
    assert sam.get(REQUESTS).texts("#result_list .field-state") == ["Waiting", "Waiting", "Approved"]
