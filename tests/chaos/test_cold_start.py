"""A million keys: how long until the gateway is ready, from PostgreSQL and from disk, and how much memory a key takes."""

import time
from pathlib import Path

from tests.chaos.figures import record, rounds
from tests.factories import string_of
from tests.gateway.postgres_server import Postgres
from tests.gateway.processes import Gateway, wait_until

PATH = "/map/1/x"


def make_keys(postgres: Postgres, count: int) -> None:
    """Add keys of a thousand organisations, each with a string, two products, every third with a domain; as one change."""
    with postgres.connect() as raw:
        raw.execute("SET session_replication_role = replica")
        raw.execute("""
            INSERT INTO accounts_organization (public_id, name, slug, plan, time_zone, created_at, suspended_reason)
            SELECT 'org_' || lpad(n::text, 16, '0'), 'Customer ' || n, 'c' || n, 'enterprise', 'UTC', now(), ''
            FROM generate_series(1, 1000) n
        """)
        raw.execute(
            """
            INSERT INTO keys_apikey
                (public_id, organization_id, name, billing_type, allowed_domains, disabled_reason, version, created_at)
            SELECT 'key_' || lpad(n::text, 16, '0'), (SELECT max(id) FROM accounts_organization) - n %% 1000, 'Key ' || n,
                   'paying', CASE WHEN n %% 3 = 0 THEN '{www.example.com}'::varchar[] ELSE '{}' END, '', 1, now()
            FROM generate_series(1, %s) n
            """,
            (count,),
        )
        raw.execute("""
            INSERT INTO keys_keysecret (key_id, number, digest, hint, created_at)
            SELECT id, 1, sha256(id::text::bytea), 'lk', now() FROM keys_apikey k
            WHERE NOT EXISTS (SELECT FROM keys_keysecret WHERE key_id = k.id)
        """)
        raw.execute("""
            INSERT INTO keys_keyproduct (key_id, product_id)
            SELECT k.id, p.id FROM keys_apikey k, keys_product p WHERE p.code IN ('map-display', 'search')
            ON CONFLICT DO NOTHING
        """)
        raw.execute("ANALYZE")


def resident_bytes(gateway: Gateway) -> int:
    assert gateway.process is not None
    status = Path(f"/proc/{gateway.process.pid}/status").read_text()
    return 1024 * int(status.partition("VmRSS:")[2].split()[0])


def start(gateway: Gateway) -> float:
    """Start a gateway and return the seconds until it was ready."""
    began = time.monotonic()
    gateway.start(until_ready=False)
    wait_until(lambda: gateway.is_listening() and gateway.http().ask("/readyz").status == 200, within_s=120)
    return time.monotonic() - began


def test_a_million_keys(people, postgres_server, own_gateway):
    string, count = string_of(people.key), rounds(1_000_000)
    postgres_server.fill()
    gateway = own_gateway(DATABASE_URL=postgres_server.url, GATEWAY_SHIPPER="0")
    start(gateway)
    before = resident_bytes(gateway)
    assert gateway.stop() == 0
    make_keys(postgres_server, count)
    ready_s = start(gateway)
    per_key = (resident_bytes(gateway) - before) / count
    http = gateway.http()
    assert http.ask(PATH, x_api_key=string).code == "not_found"
    kept = gateway.folder / "policy"
    wait_until(kept.exists, within_s=60, what="the keys are on disk")
    time.sleep(1.5)  # and marked as right
    postgres_server.kill()
    gateway.kill()
    from_disk_s = start(gateway)
    assert gateway.http().ask(PATH, x_api_key=string).code == "not_found"
    print(
        f"{count} keys: ready in {ready_s:.1f} s, from disk ({kept.stat().st_size / 1e6:.0f} MB) in {from_disk_s:.1f} s, "
        f"{per_key:.0f} bytes of memory a key"
    )
    record(
        cold_start_keys=count, cold_start_s=round(ready_s, 1), cold_start_from_disk_s=round(from_disk_s, 1),
        bytes_per_key=round(per_key),
    )  # fmt: skip
    assert ready_s <= 10
    assert from_disk_s <= 10
    assert per_key <= 500
