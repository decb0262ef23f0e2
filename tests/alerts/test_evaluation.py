"""Alerts are held against the usage: they fire once, are over once, and stay as they are where nothing can be said."""

import datetime as dt

import pytest
import time_machine
from django.core import mail
from django.db import connection
from django.utils import timezone

from alerts import deliveries, tasks
from alerts.evaluation import evaluate
from alerts.models import TESTS_PER_HOUR, Alert, AlertEvent, Delivery, Reading
from keys.models import GatewayNode
from keys.refusals import Refusal
from notices.models import Notice
from tests.alerts.making import make_alert
from tests.alerts.receiver import running
from tests.analytics.usage import add, delta, record
from tests.factories import KeyFactory
from tests.jobs import run_jobs

MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)


@pytest.fixture(autouse=True)
def _counted_until_now(db):
    now = timezone.now()
    GatewayNode.objects.create(name="a", started_at=now - 9 * DAY, seen_at=now, applied_at=now, shipped_until=now)


def history(alert: Alert) -> list[tuple[str, str]]:
    return [(event.kind, event.sentence) for event in alert.events.order_by("at", "pk")]


def kinds(alert: Alert) -> list[str]:
    return [kind for kind, _ in history(alert)]


def test_many_errors_fire_once_and_again_only_after_it_was_over(cast):
    alert = make_alert(cast.key, threshold=10)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        record(cast.key, "search", timezone.now(), 100, s404_ok=5, s503_ok=7)
        assert [evaluate(), evaluate()] == [1, 0]
        run_jobs()
        assert sorted(m.to[0] for m in mail.outbox) == ["ada@northwind.example", "ben@northwind.example"]
        assert mail.outbox[0].subject == "Alert: Many errors"
        assert "12.0 % of 100 requests failed within 10 minutes." in mail.outbox[0].body
        clock.shift(11 * MINUTE)
        record(cast.key, "search", timezone.now(), 100)
        assert [evaluate(), evaluate()] == [1, 0]
        clock.shift(11 * MINUTE)
        record(cast.key, "search", timezone.now(), 100, s500_ok=50)
        evaluate()
    assert kinds(alert) == ["fired", "recovered", "fired"]
    assert set(Notice.objects.filter(about=alert.public_id).values_list("kind", flat=True)) == {
        "alert.fired",
        "alert.recovered",
    }
    assert not Notice.objects.filter(person__in=[cast.vera, cast.mallory]).exists()


def test_a_share_of_few_requests_says_nothing_and_the_state_stays(cast):
    alert = make_alert(cast.key, least_requests=100)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        record(cast.key, "search", timezone.now(), 99, s500_ok=99)
        assert evaluate() == 0
        record(cast.key, "search", timezone.now(), 1)
        assert evaluate() == 1
        clock.shift(30 * MINUTE)
        assert evaluate() == 0
    alert.refresh_from_db()
    assert alert.state == "firing"


def test_errors_and_breaches_are_not_each_other(cast):
    errors, breaches = make_alert(cast.key), make_alert(cast.key, condition="breaches", name="Breaches")
    record(cast.key, "search", timezone.now(), 100, s429_over_qps=60)
    evaluate()
    assert (kinds(errors), kinds(breaches)) == ([], ["fired"])


def test_an_alert_of_one_key_ignores_the_others_and_one_of_all_keys_counts_them_together(cast):
    spare = KeyFactory(organization=cast.northwind, name="Spare")
    of_key = make_alert(cast.key, threshold=20)
    of_all = make_alert(cast.key, of_all=True, threshold=20)
    of_others = make_alert(cast.other_key, of_all=True, threshold=1)
    now = timezone.now()
    add([delta(cast.key, "search", now, 50), delta(spare, "search", now, 50, s404_ok=40)])
    evaluate()
    assert kinds(of_key) == kinds(of_others) == []
    assert history(of_all) == [("fired", "40.0 % of 100 requests failed within 10 minutes.")]


def test_a_peak_is_measured_against_the_limit_of_its_own_key_and_product(cast):
    near, all_keys = (make_alert(cast.key, condition="peak", threshold=80, of_all=of_all) for of_all in (False, True))
    now = timezone.now()
    record(cast.key, "map-display", now, 500, peak=700)  # 70 % of 1,000
    assert evaluate() == 0
    record(cast.key, "search", now, 10, peak=4)  # 80 % of 5
    assert evaluate() == 2
    sentence = "4 requests in one second, 80 % of the limit of 5: Search API with Fleet tracking."
    assert history(near) == history(all_keys) == [("fired", sentence)]
    with time_machine.travel(now + 11 * MINUTE, tick=False):
        assert evaluate() == 2
    assert kinds(near) == ["fired", "recovered"]


def test_silence_fires_for_what_had_requests_and_while_usage_is_current(cast):
    silent, never = (make_alert(key, condition="silence", threshold=6) for key in (cast.key, cast.other_key))
    record(cast.key, "search", timezone.now() - 7 * HOUR, 5)
    GatewayNode.objects.update(shipped_until=timezone.now() - HOUR)
    assert evaluate() == 0
    GatewayNode.objects.update(shipped_until=timezone.now())
    assert evaluate() == 1
    record(cast.key, "search", timezone.now(), 1)
    assert evaluate() == 1
    assert kinds(silent) == ["fired", "recovered"]
    assert kinds(never) == []


def test_a_disabled_key_is_silent_on_purpose(cast):
    make_alert(cast.key, condition="silence", threshold=1)
    record(cast.key, "search", timezone.now() - 3 * HOUR, 5)
    cast.key.disable(by=cast.ada, reason="", version=cast.key.version)
    assert evaluate() == 0


def test_a_volume_is_that_of_the_month_in_the_customers_zone_and_its_end_is_no_news(cast):
    cast.northwind.time_zone = "Asia/Tokyo"
    cast.northwind.save(update_fields=["time_zone"])
    alerts = [make_alert(cast.key, condition="volume", threshold=150, of_all=of_all) for of_all in (False, True)]
    with time_machine.travel(dt.datetime(2026, 11, 30, 14, 59, tzinfo=dt.UTC), tick=False) as clock:
        record(cast.key, "search", timezone.now(), 149)
        assert evaluate() == 0
        record(cast.key, "search", timezone.now(), 1)
        assert evaluate() == 2
        told = Notice.objects.count()
        clock.shift(MINUTE)  # December in Tokyo
        assert evaluate() == 2
    assert Notice.objects.count() == told
    assert [kinds(alert) for alert in alerts] == [["fired", "recovered"]] * 2


def test_what_is_paused_suspended_or_about_a_deleted_key_rests(cast):
    paused, other = make_alert(cast.key), make_alert(cast.other_key)
    spare = KeyFactory(organization=cast.northwind)
    gone = make_alert(spare)
    for key in (cast.key, spare, cast.other_key):
        record(key, "search", timezone.now(), 100, s500_ok=100)
    paused.pause(by=cast.ada)
    spare.mark_deleted(by=cast.ada)
    cast.other.suspend(by=cast.sam, reason="unpaid")
    assert evaluate() == 0
    paused.resume(by=cast.ada)
    assert evaluate() == 1
    assert kinds(gone) == kinds(other) == []


def test_what_was_measured_for_an_older_version_changes_nothing(cast):
    alert = make_alert(cast.key)
    record(cast.key, "search", timezone.now(), 100, s500_ok=100)
    older = Alert.objects.get(pk=alert.pk)
    alert.pause(by=cast.ada)
    alert.resume(by=cast.ada)
    assert not older.note(Reading(100, "no_peak", {}), is_met=True, version=older.version, now=timezone.now())
    assert evaluate() == 1


def test_many_alerts_take_as_few_statements_as_one_of_each_kind(cast, django_assert_max_num_queries):
    for number in range(8):
        for condition in ("errors", "breaches", "peak", "silence", "volume"):
            make_alert(
                cast.key if number < 4 else cast.other_key, condition=condition, of_all=bool(number % 2),
                threshold=100 if condition != "volume" else 10**9,
            )  # fmt: skip
    record(cast.key, "search", timezone.now(), 20)
    with django_assert_max_num_queries(10):
        evaluate()


def test_a_webhook_goes_out_signed_is_tried_again_and_its_fate_is_in_the_history(cast, settings):
    settings.ALERT_WEBHOOK_NETWORKS = ["127.0.0.1/32"]
    with running() as receiver:
        receiver.statuses, receiver.text = [503, 302, 204], ""
        url = f"http://127.0.0.1:{receiver.port}/in"
        alert = make_alert(cast.key, webhook_url=url, sends_mail=False)
        record(cast.key, "search", timezone.now(), 100, s500_ok=25)
        evaluate()
        delivery = Delivery.objects.get()
        for attempt, wait in ((1, MINUTE), (2, 5 * MINUTE), (3, None)):
            assert deliveries.send(delivery.pk) == wait
            delivery.refresh_from_db()
            assert delivery.attempts == attempt
        assert deliveries.send(delivery.pk) is None  # it has ended
    assert len(receiver.bodies) == 3
    assert delivery.state == "taken"
    (message,) = {body.decode() for body in receiver.bodies}
    sent = receiver.messages[0]
    assert message == delivery.body
    assert (sent["type"], sent["value"], sent["unit"]) == ("alert.fired", 25.0, "%")
    assert sent["alert"]["id"] == alert.public_id
    assert sent["key"] == {"id": cast.key.public_id, "name": "Fleet tracking"}
    assert cast.key.current_secret.hint not in message
    assert mail.outbox == []


def test_a_webhook_that_nobody_takes_has_failed_after_six_attempts(cast):
    alert = make_alert(cast.key, webhook_url="http://10.0.0.1/", sends_mail=False)
    alert.try_out(by=cast.ada)
    delivery = Delivery.objects.get()
    waits = [deliveries.send(delivery.pk) for _ in range(7)]
    assert waits == [*deliveries.WAITS, None, None]
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts, delivery.status) == ("failed", 6, None)
    assert "internal" in delivery.error
    assert AlertEvent.objects.get().kind == "test"


def test_an_organisation_tries_out_so_many_times_in_an_hour_also_with_alerts_that_it_deletes(cast):
    for _ in range(TESTS_PER_HOUR):
        alert = make_alert(cast.key, webhook_url="https://example.com/")
        alert.try_out(by=cast.ada)
        alert.discard(by=cast.ada)
    alert = make_alert(cast.key)
    with pytest.raises(Refusal, match="20 tests were sent in the last hour"):
        alert.try_out(by=cast.ada)
    make_alert(cast.other_key).try_out(by=cast.mallory)
    assert not Delivery.objects.exists()


def test_who_takes_no_webhook_delays_neither_mail_nor_those_of_other_customers(cast, monkeypatch):
    monkeypatch.setattr("alerts.models.MOST_WAITING", 2)
    url = "http://10.0.0.1/"
    alert, theirs = make_alert(cast.key, webhook_url=url), make_alert(cast.other_key, webhook_url=url)
    for _ in range(3):
        alert.try_out(by=cast.ada)
    theirs.try_out(by=cast.mallory)
    fates = [(each.event.alert, each.state) for each in Delivery.objects.select_related("event__alert").order_by("pk")]
    assert fates == [(alert, "waiting"), (alert, "waiting"), (alert, "failed"), (theirs, "waiting")]
    assert "Too many webhooks" in Delivery.objects.get(failed_at__isnull=False).error
    with connection.cursor() as cursor:
        cursor.execute("SELECT queue_name FROM procrastinate_jobs WHERE status = 'todo' ORDER BY priority DESC, id")
        assert [queue for (queue,) in cursor.fetchall()] == ["mail"] * 4 + ["webhooks"] * 3


def test_slow_receivers_leave_room_for_mail_and_their_webhooks_are_sent_later(cast, settings):
    settings.ALERT_WEBHOOK_NETWORKS = ["127.0.0.1/32"]
    with running() as receiver:
        alert = make_alert(cast.key, webhook_url=f"http://127.0.0.1:{receiver.port}/")
        with tasks.SLOTS, tasks.SLOTS:  # as many as may be are on their way
            alert.try_out(by=cast.ada)
            run_jobs()
        assert (len(mail.outbox), receiver.bodies) == (1, [])
        assert Delivery.objects.get().attempts == 0
        with connection.cursor() as cursor:
            cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = now() WHERE queue_name = 'webhooks'")
        run_jobs()
        assert len(receiver.bodies) == 1
    assert Delivery.objects.get().state == "taken"


def test_a_notice_says_what_was_measured_in_the_language_of_whoever_reads_it_then(cast, as_user):
    alert = make_alert(cast.key, of_all=True)
    record(cast.key, "search", timezone.now(), 1000, s500_ok=440)
    cast.ada.choose_language("de")
    evaluate()
    run_jobs()
    mails = {message.to[0]: message.body for message in mail.outbox}
    assert "44,0 % von 1.000 Anfragen sind innerhalb von 10 Minuten fehlgeschlagen." in mails[cast.ada.email]
    assert "44.0 % of 1,000 requests failed within 10 minutes." in mails[cast.ben.email]
    cast.ben.choose_language("de")
    for person in (cast.ada, cast.ben):
        page = as_user(person).get(f"/notices/{Notice.objects.get(person=person).public_id}/")
        assert "44,0 % von 1.000 Anfragen" in page
        assert "Alle Keys" in page
        assert alert.name in page
