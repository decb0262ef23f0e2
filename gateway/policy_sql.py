"""What the gateway asks PostgreSQL, and the one row that it writes there."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from gateway.config import ConfigError
from gateway.rules import Catalogue, Organization, Product, Rules
from keys import tokens

Connection = psycopg.Connection[tuple[Any, ...]]

CHUNK = 10_000
STATEMENT_S = 5

# One statement, so that number and changes belong to one moment.
_CHANGES = """
SELECT f.number, c.number, c.key_id, c.organization_id
FROM gateway_feed f LEFT JOIN gateway_change c ON c.number > %s
WHERE f.id = 1 ORDER BY c.number LIMIT %s
"""
_KEYS = """
SELECT key_id, key_public_id, organization_id, allowed_domains, expires_at, disabled_at, deleted_at,
       secret_numbers, secret_digests, secret_ends_at, product_ids, qps_limits
FROM gateway_policy
"""
_LINES = "COPY (SELECT * FROM gateway_policy_line) TO STDOUT"
_ORGANIZATIONS = "SELECT id, public_id, coalesce(suspended_at, deleted_at) IS NOT NULL FROM accounts_organization"
_PRODUCTS = "SELECT id, code, name, default_qps, extract(epoch FROM retired_at)::float8 FROM keys_product"
_ROUTES = "SELECT product_id, path_prefix FROM keys_route"
_ACKNOWLEDGE = """
INSERT INTO gateway_ack (node, number, at) VALUES (%s, %s, clock_timestamp()) ON CONFLICT DO NOTHING
"""
_REPORT = """
INSERT INTO gateway_node AS n (name, started_at, seen_at, applied_number, applied_at)
VALUES (%(name)s, statement_timestamp(), statement_timestamp(), %(number)s, statement_timestamp())
ON CONFLICT (name) DO UPDATE SET
    started_at = CASE WHEN %(is_first)s THEN excluded.started_at ELSE n.started_at END,
    seen_at = excluded.seen_at,
    ended_at = NULL,
    applied_at = CASE WHEN n.applied_number = excluded.applied_number AND NOT %(is_first)s
                      THEN n.applied_at ELSE excluded.applied_at END,
    applied_number = excluded.applied_number
"""
_END = "UPDATE gateway_node SET ended_at = statement_timestamp() WHERE name = %s"
_AROUND = """
SELECT (SELECT count(*) FROM gateway_node WHERE ended_at IS NULL AND seen_at > clock_timestamp() - interval '10 s'),
       (SELECT extract(epoch FROM shipped_until)::float8 FROM gateway_node WHERE name = %(name)s),
       (SELECT jsonb_object_agg(segment, "offset") FROM gateway_journal WHERE node = %(name)s)
"""


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed up to `number`. A key or organisation among the IDs without a row is gone. `is_last`: nothing is left to read."""

    number: int
    key_ids: frozenset[int] = frozenset()
    organization_ids: frozenset[int] = frozenset()
    keys: Sequence[tuple[Any, ...]] = ()
    organizations: Mapping[int, Organization] = field(default_factory=dict)
    catalogue: Catalogue | None = None
    is_last: bool = True


def connect(url: str) -> Connection:
    """Return a connection in autocommit mode. Raises psycopg.OperationalError after 2 s."""
    return psycopg.connect(
        url,
        autocommit=True,
        application_name="latchkey-gateway",
        connect_timeout=2,
        # A server that is gone without a word is noticed within some seconds.
        keepalives_idle=2,
        keepalives_interval=1,
        keepalives_count=3,
        tcp_user_timeout=4000,
    )


def check_peppers(connection: Connection, peppers: tokens.Keyring) -> None:
    """Compare the peppers with those that keys were made with. Raises ConfigError, instead of having all customers refused."""
    found = peppers.fingerprints("KEY_PEPPERS")
    rows = connection.execute("SELECT version, fingerprint FROM keys_keyringcheck WHERE purpose = 'KEY_PEPPERS'")
    for version, fingerprint in rows.fetchall():
        if version not in found:
            raise ConfigError(f"KEY_PEPPERS lacks version {version}, which keys in the database need.")
        if found[version] != fingerprint:
            raise ConfigError(f"KEY_PEPPERS version {version} is not the one that the database was made with.")


def listen(connection: Connection) -> None:
    """Ask to be woken at changes, and let no statement take longer than `STATEMENT_S`."""
    connection.execute(f"SET statement_timeout = {1000 * STATEMENT_S}")
    connection.execute("LISTEN gateway_change")


def wait(connection: Connection, seconds: float) -> None:
    """Wait for a change, at most so long. Being woken is a favour that nothing relies on."""
    for _ in connection.notifies(timeout=seconds, stop_after=1):
        pass


def read_snapshot(connection: Connection, rules: Rules) -> Rules:
    """Fill empty rules with everything as of one moment, and return them."""
    rules.number, rules.organizations, rules.catalogue = read_everything(connection, rules.put_line)
    return rules


def read_everything(
    connection: Connection, put_line: Callable[[bytes], None]
) -> tuple[int, dict[int, Organization], Catalogue]:
    """Hand out each key as a line, and return the number of the change, the organisations and the catalogue, as of one moment."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        connection.execute("SET LOCAL statement_timeout = 0")
        (number,) = connection.execute("SELECT number FROM gateway_feed WHERE id = 1").fetchone() or (0,)
        catalogue = _read_catalogue(connection)
        organizations = _read_organizations(connection.execute(_ORGANIZATIONS).fetchall())
        with connection.cursor().copy(_LINES) as copy:
            for data in copy:
                put_line(bytes(data)[:-1])
    return number, organizations, catalogue


def read_changes(connection: Connection, after: int) -> Changes | None:
    """Return what changed after a number, at most CHUNK changes; None when changes are missing."""
    rows = connection.execute(_CHANGES, (after, CHUNK)).fetchall()
    if not rows:
        return None
    feed_number = rows[0][0]
    changes = [(number, key_id, organization_id) for _, number, key_id, organization_id in rows if number is not None]
    if not changes:
        return Changes(after) if feed_number == after else None
    last = changes[-1][0]
    is_dense = last - after == len(changes)
    is_last = last == feed_number
    if not is_dense or not (is_last or len(changes) == CHUNK):
        return None
    return _read_changed(connection, last, changes, is_last=is_last)


def _read_changed(
    connection: Connection, number: int, changes: Iterable[tuple[int, int | None, int | None]], *, is_last: bool
) -> Changes:
    key_ids, organization_ids, has_catalogue = set(), set(), False
    for _, key_id, organization_id in changes:
        if key_id is not None:
            key_ids.add(key_id)
        elif organization_id is not None:
            organization_ids.add(organization_id)
        else:
            has_catalogue = True
    keys: Sequence[tuple[Any, ...]] = ()
    organizations: Mapping[int, Organization] = {}
    if key_ids:
        keys = connection.execute(f"{_KEYS} WHERE key_id = ANY(%s)", (list(key_ids),), binary=True).fetchall()
    if organization_ids:
        found = connection.execute(f"{_ORGANIZATIONS} WHERE id = ANY(%s)", (list(organization_ids),)).fetchall()
        organizations = _read_organizations(found)
    return Changes(
        number=number,
        key_ids=frozenset(key_ids),
        organization_ids=frozenset(organization_ids),
        keys=keys,
        organizations=organizations,
        catalogue=_read_catalogue(connection) if has_catalogue else None,
        is_last=is_last,
    )


def _read_catalogue(connection: Connection) -> Catalogue:
    products = [Product(*row) for row in connection.execute(_PRODUCTS).fetchall()]
    return Catalogue.make(products, ((row[0], row[1]) for row in connection.execute(_ROUTES).fetchall()))


def _read_organizations(rows: Iterable[tuple[Any, ...]]) -> dict[int, Organization]:
    return {row[0]: Organization(row[1], row[2]) for row in rows}


def acknowledge(connection: Connection, name: str, number: int) -> None:
    """Say when all changes up to a number began to hold in this gateway, by the database's clock."""
    connection.execute(_ACKNOWLEDGE, (name, number))


@dataclass(frozen=True, slots=True)
class Around:
    """What the database knows of the gateways: how many reported within 10 s; of this one, until when (seconds since 1970) its
    requests are counted, and how far each segment of its journal is.
    """

    gateways: int = 1
    until: float | None = None
    offsets: Mapping[str, int] = field(default_factory=dict)


def look_around(connection: Connection, name: str) -> Around:
    """Return what the database knows of the gateways."""
    gateways, until, offsets = connection.execute(_AROUND, {"name": name}).fetchone() or (0, None, None)
    return Around(gateways, until, offsets or {})


def report(connection: Connection, name: str, number: int, *, is_first: bool) -> None:
    """Say that this gateway is there and which change holds in it."""
    connection.execute(_REPORT, {"name": name, "number": number, "is_first": is_first})


def end(connection: Connection, name: str) -> None:
    """Say that this gateway answers no more, so that nobody waits for its word."""
    connection.execute(_END, (name,))
