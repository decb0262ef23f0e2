"""The commands of docs/operations.md that back up and restore, and what a restore brings back."""

import datetime as dt
import os
import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from django.utils import timezone

from accounts.models import User
from dashboard import postgres
from keys import vault
from keys.models import ApiKey, GatewayFeed, GatewayNode, Product, Route
from tests.factories import KeyFactory, products, string_of
from tests.gateway.processes import ROOT, wait_until

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "operations.md"
PATH = "/map/1/x"


def command(program: str) -> str:
    """The line of the page that calls a program."""
    (found,) = re.findall(rf"^{program} .*$", GUIDE.read_text(), re.MULTILINE)
    return found


def run(line: str, url: str, folder: Path) -> None:
    programs = Path(postgres.program("pg_dump")).parent
    environment = {"PATH": f"{programs}:{os.defpath}", "DATABASE_URL": url, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        ["bash", "-ec", line], env=environment, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def everything(connection: psycopg.Connection) -> dict[str, str]:
    """A digest of each table, and of what guards them."""
    tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    rows = "SELECT coalesce(md5(string_agg(each::text, ';' ORDER BY each::text)), '') FROM \"{}\" AS each"
    found = {table: connection.execute(rows.format(table)).fetchone()[0] for (table,) in tables}
    triggers = connection.execute("SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal")
    return found | {"triggers": str(sorted(triggers.fetchall()))}


@pytest.fixture
def beside(people, postgres_server, own_gateway):
    """A gateway on a server with the cast; nothing is counted, so that the tables stand still."""
    return own_gateway(DATABASE_URL=postgres_server.fill().url, GATEWAY_SHIPPER="0").start()


def test_a_restore_brings_everything_back_also_what_was_revoked_since(people, postgres_server, beside, tmp_path):
    string = string_of(people.key)
    wait_until(lambda: beside.http().ask(PATH, x_api_key=string).status == 404, what="the sample API is asked")
    with postgres_server.connect() as connection:
        before = everything(connection)
        run(command("pg_dump"), postgres_server.url, tmp_path)
        connection.execute("UPDATE keys_apikey SET disabled_at = now() WHERE id = %s", (people.key.pk,))
        connection.execute("DELETE FROM keys_keyproduct WHERE key_id = %s", (people.other_key.pk,))
    wait_until(lambda: beside.http().ask(PATH, x_api_key=string).code == "disabled_key", what="the key is refused")
    run(command("pg_restore"), postgres_server.url, tmp_path)
    with postgres_server.connect() as connection:
        after = everything(connection)
        assert {name for name in before if after.get(name) != before[name]} <= {"gateway_node", "gateway_ack"}
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("UPDATE accounts_auditevent SET verb = 'nothing'")
        statement = "SELECT sealed, number FROM keys_keysecret WHERE key_id = %s"
        sealed, number = connection.execute(statement, (people.key.pk,)).fetchone()
        place = {"organization": people.northwind.public_id, "key": people.key.public_id, "number": number}
        assert vault.open_sealed(bytes(sealed), **place) == string
    wait_until(lambda: beside.http().ask(PATH, x_api_key=string).status == 404, what="the key works again")
    assert "taking a new snapshot" in beside.log()


def manage(url: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *map(str, arguments)],
        env={**os.environ, "DATABASE_URL": url}, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


def edit(key: ApiKey, by: User, *codes: str, domains: list[str]) -> None:
    key.edit(by=by, version=key.version, name=key.name, products=products(*codes), allowed_domains=domains)


def test_what_a_gateway_knew_as_taken_away_is_taken_again(people, postgres_server, own_gateway):
    """The copy of the database stands for a backup that was restored: it knows nothing of what comes after it."""
    ada = people.ada
    disabled, deleted, rotated, retired, kept = (KeyFactory(organization=people.northwind) for _ in range(5))
    old = string_of(retired)
    retired.rotate(by=ada, version=retired.version, delay=dt.timedelta(days=1))
    rotating, ending = (KeyFactory(organization=people.northwind) for _ in range(2))
    narrowed, widened, moved = (
        KeyFactory(organization=people.northwind, allowed_domains=domains)
        for domains in ([], ["example.com", "*.example.org"], ["old.example"])
    )
    suspended = KeyFactory()
    strings = {
        key: string_of(key)
        for key in (disabled, deleted, rotated, suspended, retired, kept, rotating, ending, narrowed, widened, moved)
    }
    restored = postgres_server.fill().url
    knowing = own_gateway("knowing", GATEWAY_SHIPPER="0").start()
    saved = knowing.folder / "policy"
    command = ("revoke_again", saved, "--by", people.sam.email)

    def is_known() -> bool:
        number = GatewayFeed.objects.get().number
        return saved.exists() and GatewayNode.objects.get(name="knowing").applied_number == number

    wait_until(is_known)
    refused = manage(restored, *command)
    assert (refused.returncode, "they know no more" in refused.stderr) == (1, True), refused.stderr
    disabled.disable(by=ada)
    deleted.mark_deleted(by=ada)
    rotated.rotate(by=ada, version=rotated.version, delay=dt.timedelta(0))
    retired.retire_old_string(by=ada, version=retired.version)
    rotating.rotate(by=ada, version=rotating.version, delay=dt.timedelta(days=1))
    old_ends = rotating.secret_in_grace.expires_at
    end = timezone.now() + dt.timedelta(days=9)
    ending.edit(
        by=ada, version=ending.version, name=ending.name, products=ending.products.all(),
        allowed_domains=ending.allowed_domains, expires_at=end,
    )  # fmt: skip
    suspended.organization.suspend(by=people.sam, reason="Unpaid.")
    edit(narrowed, ada, "map-display", domains=["example.com"])
    narrowed.key_products.update(qps_limit=3)
    edit(widened, ada, "map-display", "search", "traffic", domains=["example.com", "a.example.org", "example.net"])
    widened.key_products.filter(product__code="map-display").update(qps_limit=5000)
    edit(moved, ada, "map-display", "search", domains=["new.example"])
    Product.objects.filter(code="search").update(default_qps=4)
    Route.objects.create(product=Product.objects.get(code="search"), path_prefix="/find/")
    wait_until(is_known)
    assert knowing.stop() == 0
    # The gateway that other tests share follows this database, too; of the catalogue it is told by changes alone.
    Product.objects.filter(code="search").update(default_qps=5)
    Route.objects.filter(path_prefix="/find/").delete()
    draft = saved.with_name("policy-1.draft")  # of a gateway that has the folder in use
    draft.touch()
    before = saved.read_bytes()

    tried = manage(restored, *command, "--dry-run")
    assert tried.returncode == 0, tried.stderr
    done = manage(restored, *command)
    assert done.returncode == 0, done.stderr
    assert (draft.exists(), saved.read_bytes()) == (True, before)
    assert sorted(done.stdout.splitlines()) == sorted([
        f"{suspended.organization.public_id} suspended",
        f"{disabled.public_id} disabled",
        f"{deleted.public_id} deleted",
        f"{rotated.public_id} disabled: its string was replaced",
        f"{retired.public_id} old string retired",
        f"{rotating.public_id} ends {old_ends:%Y-%m-%d %H:%M} UTC",
        f"{ending.public_id} ends {end:%Y-%m-%d %H:%M} UTC",
        f"{narrowed.public_id} without Search API, Map Display API 3 QPS instead of 1000, only from example.com",
        f"{widened.public_id} only from example.com, a.example.org",
        f"{widened.public_id} not given back: Traffic API, Map Display API 5000 QPS instead of 1000, "
        "from example.net",
        f"{moved.public_id} disabled: no domain of the backup is still allowed",
        f"{moved.public_id} not given back: from new.example",
        "search default_qps 4",
        "route /find/ not changed: it was search last of all and is of no product here",
    ])  # fmt: skip
    assert tried.stdout == f"{done.stdout}Nothing was changed: this was a dry run.\n"
    with psycopg.connect(restored) as connection:
        statement = """
            SELECT p.code, coalesce(kp.qps_limit, p.default_qps) FROM keys_keyproduct kp
            JOIN keys_product p ON p.id = kp.product_id WHERE kp.key_id = %s"""
        assert connection.execute(statement, (narrowed.pk,)).fetchall() == [("map-display", 3)]
        assert dict(connection.execute(statement, (widened.pk,)).fetchall()) == {"map-display": 1000, "search": 4}
        statement = "SELECT verb, as_staff, count(*) FROM accounts_auditevent WHERE target_id = %s GROUP BY 1, 2"
        found = connection.execute(statement, (narrowed.public_id,)).fetchall()
        assert found == [("key.created", False, 1), ("key.edited", True, 1)]
    http = own_gateway("after", DATABASE_URL=restored, GATEWAY_SHIPPER="0").start().http()
    assert {key.name: http.ask(PATH, x_api_key=string).code for key, string in strings.items()} == {
        disabled.name: "disabled_key", deleted.name: "unknown_key", rotated.name: "disabled_key",
        suspended.name: "suspended", retired.name: "not_found", kept.name: "not_found",
        rotating.name: "not_found", ending.name: "not_found", narrowed.name: "domain_not_allowed",
        widened.name: "domain_not_allowed", moved.name: "disabled_key",
    }  # fmt: skip
    assert (
        http.ask("/search/2/x", x_api_key=strings[narrowed], origin="https://example.com").code == "product_not_allowed"
    )
    assert http.ask(PATH, x_api_key=strings[widened], origin="https://a.example.org").code == "not_found"
    assert http.ask(PATH, x_api_key=strings[widened], origin="https://b.example.org").code == "domain_not_allowed"
    assert http.ask(PATH, x_api_key=old).code == "expired_key"

    wrong = saved.with_name("cut")
    wrong.write_bytes(saved.read_bytes()[:200])
    for arguments, why in (
        ((wrong, "--by", people.sam.email), "cannot be used"),
        ((saved, "--by", ada.email), "Nobody of the staff"),
    ):
        refused = manage(restored, "revoke_again", *arguments)
        assert (refused.returncode, why in refused.stderr) == (1, True), refused.stderr
