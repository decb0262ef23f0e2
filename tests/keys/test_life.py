"""The life of a key's strings as a state machine: after every step the gateway's verdict on every string ever issued equals an oracle's.

The verdict is what the gateway would say: the view `gateway_policy` read back, its rules, its pure decision.
"""

import datetime as dt
from dataclasses import dataclass

import hypothesis.strategies as st
import time_machine
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from gateway import verdict
from gateway.rules import Catalogue, Organization, Product, Rules
from keys import vault
from keys.models import ApiKey, KeySecret
from keys.refusals import DisabledByStaff, Refusal, StaleVersion
from tests import factories

HOUR = dt.timedelta(hours=1)
START = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


@dataclass
class Issued:
    """What the oracle knows of one string."""

    string: str
    ends_at: dt.datetime | None = None


def gateways_word(key: ApiKey, string: str, now: dt.datetime) -> str:
    """What a gateway answers to a string of the key at a moment, from what the database tells it."""
    rules = Rules(peppers=(vault.peppers().current[1],), prefix=settings.KEY_PREFIX)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM gateway_policy WHERE key_id = %s", [key.pk])
        rules.put_key([bytes(cell) if isinstance(cell, memoryview) else cell for cell in cursor.fetchone()])
    product = key.products.get(code="search")
    rules.catalogue = Catalogue.make([Product(product.pk, "search", "Search API", 5)], [(product.pk, "/search/2/")])
    rules.organizations[key.organization_id] = Organization("org", False)
    question = verdict.Question(string=string, path="/search/2/search/x.json")
    return verdict.decide(rules, question, now.timestamp()).outcome.word


class LifeOfAKey(RuleBasedStateMachine):
    """Create, rotate, retire, extend, disable, enable, expire, delete, undelete, keep house, and time."""

    def __init__(self) -> None:
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.clock = time_machine.travel(START, tick=False)
        self.traveller = self.clock.start()
        self.ends_at: dt.datetime | None = START + 400 * HOUR
        self.key = factories.KeyFactory(expires_at=self.ends_at)
        self.by = self.key.created_by
        self.issued = [Issued(self.key.new_string)]
        self.disabled = self.disabled_by_staff = False
        self.has_copy = True
        self.deleted_at: dt.datetime | None = None

    @property
    def deleted(self) -> bool:
        return self.deleted_at is not None

    def teardown(self) -> None:
        self.clock.stop()
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)

    def in_grace(self) -> Issued | None:
        alive = [each for each in self.issued[:-1] if each.ends_at and each.ends_at > timezone.now()]
        assert len(alive) <= 1
        return alive[0] if alive else None

    @rule(hours=st.sampled_from([0, 1, 3, 24, 72, 720]))
    @precondition(lambda self: not self.deleted)
    def rotate(self, hours: int) -> None:
        now = timezone.now()
        if old := self.in_grace():
            old.ends_at = now
        self.key.rotate(by=self.by, version=self.key.version, delay=hours * HOUR)
        self.issued[-1].ends_at = now + hours * HOUR
        self.issue()

    def issue(self) -> None:
        self.issued.append(Issued(self.key.new_string))
        self.has_copy = True
        assert self.key.current_string() == self.key.new_string

    @rule(hours=st.sampled_from([-1, 721]))
    @precondition(lambda self: not self.deleted)
    def rotate_out_of_bounds(self, hours: int) -> None:
        self.refused(lambda: self.key.rotate(by=self.by, version=self.key.version, delay=hours * HOUR))

    @rule()
    @precondition(lambda self: not self.deleted)
    def rotate_from_an_old_form(self) -> None:
        self.refused(lambda: self.key.rotate(by=self.by, version=self.key.version - 1), StaleVersion)

    @rule()
    @precondition(lambda self: not self.deleted)
    def retire(self) -> None:
        if old := self.in_grace():
            self.key.retire_old_string(by=self.by, version=self.key.version)
            old.ends_at = timezone.now()
        else:
            self.refused(lambda: self.key.retire_old_string(by=self.by, version=self.key.version))

    @rule(hours=st.sampled_from([1, 48, 720]))
    @precondition(lambda self: not self.deleted)
    def extend(self, hours: int) -> None:
        def act() -> None:
            self.key.extend_old_string(by=self.by, version=self.key.version, delay=hours * HOUR)

        old = self.in_grace()
        if old and old.ends_at < timezone.now() + hours * HOUR:
            act()
            old.ends_at = timezone.now() + hours * HOUR
        else:
            self.refused(act)

    @rule(hours=st.sampled_from([None, -1, 2, 100, 2000]))
    @precondition(lambda self: not self.deleted)
    def move_the_end(self, hours: int | None) -> None:
        self.ends_at = None if hours is None else timezone.now() + hours * HOUR
        self.key.edit(
            by=self.by, version=self.key.version, name="Moved", products=self.key.products.all(), allowed_domains=[],
            expires_at=self.ends_at,
        )  # fmt: skip

    @rule(as_staff=st.booleans())
    @precondition(lambda self: not self.deleted)
    def disable(self, as_staff: bool) -> None:
        self.key.disable(by=self.by, reason="incident", as_staff=as_staff)
        self.disabled, self.disabled_by_staff = True, self.disabled_by_staff or as_staff

    @rule(as_staff=st.booleans())
    @precondition(lambda self: not self.deleted)
    def enable(self, as_staff: bool) -> None:
        if self.disabled_by_staff and not as_staff:
            self.refused(lambda: self.key.enable(by=self.by), DisabledByStaff)
            return
        self.key.enable(by=self.by, as_staff=as_staff)
        self.disabled = self.disabled_by_staff = False

    @rule()
    def delete(self) -> None:
        self.key.mark_deleted(by=self.by)
        if not self.deleted:
            self.deleted_at, self.has_copy = timezone.now(), False
            if old := self.in_grace():
                old.ends_at = timezone.now()

    @rule(with_old_string=st.booleans())
    @precondition(lambda self: self.deleted)
    def undelete(self, with_old_string: bool) -> None:
        def act() -> None:
            self.key.undelete(by=self.by, version=self.key.version, with_old_string=with_old_string)

        now = timezone.now()
        is_expired = self.ends_at is not None and self.ends_at <= now
        if now >= self.deleted_at + dt.timedelta(days=30) or (with_old_string and is_expired):
            self.refused(act)
            return
        act()
        self.deleted_at = None
        if not with_old_string:
            self.issued[-1].ends_at = now
            self.issue()

    @rule()
    @precondition(lambda self: not self.deleted)
    def undelete_what_is_there(self) -> None:
        self.refused(lambda: self.key.undelete(by=self.by, version=self.key.version))

    @rule()
    def keep_house(self) -> None:
        over = self.deleted and self.deleted_at < timezone.now() - dt.timedelta(days=30)
        ended = KeySecret.objects.retire_of_deleted(timezone.now() - dt.timedelta(days=30))
        assert ended == (over and self.issued[-1].ends_at is None)
        if over and self.issued[-1].ends_at is None:
            self.issued[-1].ends_at = timezone.now()

    @rule()
    @precondition(lambda self: self.deleted)
    def act_on_a_deleted_key(self) -> None:
        version = self.key.version
        self.refused(lambda: self.key.rotate(by=self.by, version=version))
        self.refused(lambda: self.key.reveal(by=self.by))
        self.refused(lambda: self.key.disable(by=self.by))
        self.refused(lambda: self.key.enable(by=self.by, as_staff=True))
        self.refused(lambda: self.key.edit(by=self.by, version=version, name="x", products=[], allowed_domains=[]))

    @rule(minutes=st.sampled_from([1, 59, 60, 61, 180, 1440, 4320, 20_000]))
    def wait(self, minutes: int) -> None:
        self.traveller.shift(dt.timedelta(minutes=minutes))

    def refused(self, act, kind: type[Refusal] = Refusal) -> None:
        try:
            act()
        except kind:
            return
        raise AssertionError("not refused")

    @invariant()
    def every_string_is_judged_as_the_oracle_does(self) -> None:
        now = timezone.now()
        for number, each in enumerate(self.issued, start=1):
            expected = "ok"
            if self.deleted:
                expected = "deleted_key"
            elif (each.ends_at is not None and each.ends_at <= now) or (self.ends_at and self.ends_at <= now):
                expected = "expired_key"
            elif self.disabled:
                expected = "disabled_key"
            assert gateways_word(self.key, each.string, now) == expected, (number, each.ends_at, now)

    @invariant()
    def ended_strings_have_no_copy_and_numbers_are_dense(self) -> None:
        secrets = list(self.key.secrets.order_by("number"))
        assert [secret.number for secret in secrets] == list(range(1, len(self.issued) + 1))
        assert [secret.sealed is not None for secret in secrets] == [False] * (len(secrets) - 1) + [self.has_copy]


def test_every_string_ever_issued_is_judged_as_an_oracle_does(db):
    run_state_machine_as_test(
        LifeOfAKey,
        settings=hypothesis_settings(
            max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
