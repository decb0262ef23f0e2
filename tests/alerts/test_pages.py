"""Alerts through the front door: set, seen, edited, paused, tried out, deleted; by whom, and once."""

from django.core import mail
from django.utils import timezone

from accounts.models import AuditEvent
from alerts import models
from alerts.evaluation import evaluate
from alerts.models import Alert, AlertEvent, Delivery
from tests.alerts.making import make_alert
from tests.alerts.receiver import running
from tests.analytics.usage import record

CREATE = "/alerts/create/?condition=errors"


def page_of(alert: Alert, action: str = "") -> str:
    return f"/alerts/{alert.public_id}/{action}"


def verbs() -> list[str]:
    return list(AuditEvent.objects.filter(verb__startswith="alert.").order_by("pk").values_list("verb", flat=True))


def test_from_the_page_of_a_key_to_an_alert_that_is_set(cast, ada):
    key_page = ada.get(f"/keys/{cast.key.public_id}/")
    (link,) = key_page.tree.xpath("//a[text()='Alerts for this key']/@href")
    empty = ada.get(link)
    assert "No alert is set." in empty
    choose = ada.get(empty.one(".empty a").get("href"))
    assert len(choose.all(".ledger > li")) == 5
    form = choose.all(".ledger a")[0].get("href")
    page = ada.submit(form, name="Too many errors", threshold="7", minutes="15", follow=True)
    alert = Alert.objects.get()
    assert page.one("h1").text_content().startswith("Too many errors")
    assert "7 % or more of the requests fail within 15 minutes, of at least 100." in page
    assert (alert.key, alert.organization, alert.created_by) == (cast.key, cast.northwind, cast.ada)
    assert (alert.threshold, alert.sends_mail, alert.webhook_secret) == (7, True, None)
    assert verbs() == ["alert.created"]
    assert "Alerts" in ada.get("/analytics/").texts("a[href='/alerts/']")
    story = ada.get("/activity/")
    assert "set the alert Too many errors" in story


def test_a_viewer_sees_and_changes_nothing_and_others_find_nothing(cast, as_user):
    alert = make_alert(cast.key, webhook_url="https://hooks.example.com/path-secret")
    vera, mallory = as_user(cast.vera), as_user(cast.mallory)
    page = vera.get(page_of(alert))
    assert page.status == 200
    assert page.all("main .actions, main .icon-button") == []
    assert "hooks.example.com" in page
    assert "path-secret" not in page.source
    assert vera.get("/alerts/").all("main .button") == []
    for action in ("edit/", "pause/", "test/", "secret/", "delete/"):
        assert vera.post(page_of(alert, action)).status == 403
        assert mallory.post(page_of(alert, action)).status == 404
    assert mallory.get(page_of(alert)).status == 404
    assert "Many errors" not in mallory.get("/alerts/")
    assert verbs() == ["alert.created"]


def test_another_customers_key_cannot_be_chosen(cast, ada):
    page = ada.submit(CREATE, scope=cast.other_key.public_id)
    assert page.status == 422
    assert not Alert.objects.exists()
    assert cast.other_key.name not in ada.get(f"/alerts/create/?condition=errors&key={cast.other_key.public_id}")


def test_a_wrong_value_is_said_at_its_field(cast, ada):
    sent = ada.get(CREATE).fields("main form[method=post]")
    wrong = [
        ("threshold", "0"), ("threshold", "101"), ("threshold", "many"), ("minutes", "7"), ("least_requests", "0"), ("name", ""),
        ("webhook_url", "http://"), ("webhook_url", "https://127.0.0.1/"), ("webhook_url", "https://user:pw@example.com/"),
    ]  # fmt: skip
    for name, value in wrong:
        page = ada.post("/alerts/create/", sent | {name: value}, htmx=True)
        assert page.status == 422, (name, value)
        assert len(page.all(f"[name={name}][aria-invalid=true]")) == 1, (name, value)
    assert not Alert.objects.exists()


def test_an_alert_that_tells_nobody_is_refused(cast, ada):
    data = ada.get(CREATE).fields("main form[method=post]")
    del data["sends_mail"]
    page = ada.post("/alerts/create/", data)
    assert page.status == 422
    assert "Choose mail, a webhook, or both." in page


def test_the_signing_secret_is_shown_once_and_kept_sealed(cast, ada):
    data = ada.get(CREATE).fields("main form[method=post]") | {"webhook_url": "https://hooks.example.com/path-secret"}
    page = ada.post("/alerts/create/", data)
    secret = page.one(".revealed code").text
    alert = Alert.objects.get()
    assert secret.startswith("whsec_")
    assert page["Cache-Control"] == "no-store, private"
    assert alert.secret() == secret
    assert secret.encode() not in bytes(alert.webhook_secret)
    again = ada.post("/alerts/create/", data, follow=True)  # the same form, sent twice
    assert Alert.objects.count() == 1
    for source in (again.source, ada.get(page_of(alert)).source, ada.get("/activity/").source):
        assert secret not in source
    facts = AuditEvent.objects.get(verb="alert.created").after
    assert facts["webhook"] == "hooks.example.com"
    assert "path-secret" not in str(facts)
    newer = ada.submit(page_of(alert, "secret/")).one(".revealed code").text
    alert.refresh_from_db()
    assert alert.secret() == newer != secret
    ada.submit(page_of(alert, "edit/"), webhook_url="")
    alert.refresh_from_db()
    assert (alert.webhook_secret, alert.webhook_url) == (None, "")


def test_editing_says_what_changed_and_an_old_form_is_refused(cast, ada):
    alert = make_alert(cast.key)
    old = ada.get(page_of(alert, "edit/")).fields("main form[method=post]")
    ada.submit(page_of(alert, "edit/"), threshold="33", scope="")
    alert.refresh_from_db()
    assert (alert.threshold, alert.key, alert.condition) == (33, None, "errors")
    event = AuditEvent.objects.get(verb="alert.edited")
    assert set(event.after) == {"condition", "key"}
    page = ada.post(page_of(alert, "edit/"), old)
    assert page.status == 422
    assert str(models.STALE) in page
    alert.refresh_from_db()
    assert alert.threshold == 33


def test_what_fires_is_seen_and_pausing_ends_it(cast, ada):
    alert = make_alert(cast.key)
    record(cast.key, "search", timezone.now(), 100, s500_ok=44)
    evaluate()
    page = ada.get(page_of(alert))
    assert "Firing" in page.texts("h1")[0]
    assert "44.0 % of 100 requests failed within 10 minutes." in page.texts(".history li")[0]
    assert "Firing" in ada.get("/alerts/")
    ada.submit(page_of(alert, "pause/"), follow=True)
    assert "Paused" in ada.get(page_of(alert)).texts("h1")[0]
    ada.submit(page_of(alert, "resume/"))
    alert.refresh_from_db()
    assert alert.state == "ok"
    assert verbs() == ["alert.created", "alert.paused", "alert.resumed"]


def test_the_test_button_mails_who_presses_it_and_sends_the_webhook(cast, as_user, settings):
    settings.ALERT_WEBHOOK_NETWORKS = ["127.0.0.1/32"]
    ben = as_user(cast.ben)
    with running() as receiver:
        receiver.text = "<b>taken</b>"
        alert = make_alert(cast.key, webhook_url=f"http://127.0.0.1:{receiver.port}/")
        page = ben.submit(page_of(alert, "test/"), follow=True)
        page = ben.get(page_of(alert))
    assert [(message.to, message.subject) for message in mail.outbox] == [
        (["ben@northwind.example"], "Test of the alert Many errors")
    ]
    assert [message["type"] for message in receiver.messages] == ["alert.test"]
    assert Delivery.objects.get().state == "taken"
    assert "status 200" in page.texts(".history li")[0]
    assert "<b>taken</b>" in page.one(".history code").text
    alert.refresh_from_db()
    assert alert.state == "ok"


def test_tests_are_limited_for_an_hour(cast, ada, monkeypatch):
    monkeypatch.setattr(models, "TESTS_PER_HOUR", 1)
    alert = make_alert(cast.key, sends_mail=True)
    assert ada.submit(page_of(alert, "test/")).status == 302
    refused = ada.submit(page_of(alert, "test/"))
    assert refused.status == 422
    assert "Try again later." in refused
    assert AlertEvent.objects.count() == 1


def test_deleting_takes_the_history_along(cast, ada):
    alert = make_alert(cast.key)
    alert.try_out(by=cast.ada)
    page = ada.submit(page_of(alert, "delete/"), follow=True)
    assert "Many errors is deleted." in page
    assert not AlertEvent.objects.exists()
    assert verbs()[-1] == "alert.deleted"
    assert "deleted the alert Many errors" in ada.get("/activity/?kind=alerts")


def test_an_organisation_has_so_many_alerts_and_no_more(cast, ada, monkeypatch):
    monkeypatch.setattr(models, "MOST", 1)
    make_alert(cast.key)
    page = ada.submit(CREATE)
    assert page.status == 422
    assert "can have 1 alerts" in page
    assert Alert.objects.count() == 1


def test_the_list_takes_the_same_queries_however_long_it_is(cast, ada, django_assert_max_num_queries):
    for number in range(5):
        make_alert(cast.key, name=f"Alert {number}")
    with django_assert_max_num_queries(9):
        page = ada.get("/alerts/")
    assert len(page.all("tbody tr")) == 5
