"""Customers, people, keys and requests by the million, made in SQL, for the look-ups of support. The plans' test uses it too, with fewer."""

from typing import Any

_LETTERS = "translate(encode(sha256(%s::bytea), 'base64'), '+/=', 'xyz')"
_ID = "upper(lpad(to_hex(n), 16, '0'))"  # hexadecimal figures are letters of an ID

_FILL = f"""
SET LOCAL session_replication_role = replica;  -- neither the change feed nor an audit log of what nobody did
INSERT INTO accounts_user (password, is_superuser, first_name, last_name, is_staff, is_active, date_joined, email, language)
SELECT '!', false, (ARRAY['Ada','Ben','Cleo','Dana','Eli','Fay','Gus','Hana'])[1 + n %% 8], initcap(substr(md5(n::text), 1, 8)),
       false, true, now() - n * interval '1 minute', 'bench-person' || n || '@customer' || n / 3 || '.example', ''
FROM generate_series(1, %(organizations)s) AS n;

INSERT INTO accounts_organization (public_id, name, slug, plan, time_zone, suspended_reason, created_at)
SELECT 'org_' || {_ID}, initcap(substr(md5(n::text), 3, 7)) || (ARRAY[' Logistics',' Maps',' Mobility',' GmbH'])[1 + n %% 4], 'bench-' || n,
       'enterprise', 'UTC', '', now() - n * interval '1 minute'
FROM generate_series(1, %(organizations)s) AS n;

INSERT INTO accounts_membership (public_id, role, created_at, organization_id, user_id)
SELECT 'mem_' || {_ID}, 'owner', now(), o.id, u.id
FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM accounts_organization WHERE slug LIKE 'bench-%%') o
JOIN (SELECT id, row_number() OVER (ORDER BY id) AS n FROM accounts_user WHERE email LIKE 'bench-person%%') u USING (n);

CREATE TEMPORARY TABLE bench_key ON COMMIT DROP AS
SELECT n, nextval('keys_apikey_id_seq') AS id, (SELECT min(id) FROM accounts_organization WHERE slug LIKE 'bench-%%') + n %% %(organizations)s AS organization_id
FROM generate_series(1, %(keys)s) AS n;
INSERT INTO keys_apikey (id, public_id, organization_id, name, billing_type, allowed_domains, version, created_at, disabled_reason, last_used_at)
SELECT id, 'key_' || {_ID}, organization_id,
       (ARRAY['Production','Staging','Web shop','Fleet tracking','Mobile app','Dispatch','Test','Partner'])[1 + n %% 8] || ' ' || md5(n::text),
       'paying', CASE n %% 4 WHEN 0 THEN '{{}}'::varchar[] WHEN 1 THEN ARRAY['localhost', 'shop' || n || '.example']
       ELSE ARRAY['*.customer' || n %% %(organizations)s || '.example', 'shop' || n || '.example'] END,
       1, now() - n * interval '1 second', '', now() - n * interval '7 second'
FROM bench_key;
INSERT INTO keys_keysecret (key_id, number, digest, hint, created_at)
SELECT id, 1, sha256(('secret' || n)::bytea), 'lk' || substr({_LETTERS % "('a' || n)"}, 1, 4) || '…' || substr({_LETTERS % "('b' || n)"}, 1, 4), now()
FROM bench_key;
INSERT INTO keys_keyproduct (key_id, product_id) SELECT k.id, p.id FROM bench_key k, keys_product p WHERE p.code IN ('map-display', 'search');

INSERT INTO request_log (at, tracking_id, organization_id, key_id, product_id, secret_number, outcome, status, host, network, client)
SELECT now() - n * interval '50 milliseconds', 'trace-' || md5(n::text), k.organization_id, k.id, (SELECT min(id) FROM keys_product), 1,
       'ok', 200, 'shop.example', '203.0.113.0/24', 'curl'
FROM bench_key k WHERE n <= %(requests)s;
INSERT INTO accounts_auditevent (organization_id, actor_id, actor_label, as_staff, verb, target_id, target_label, at, request_id)
SELECT organization_id, NULL, 'Latchkey', false, 'key.created', 'key_' || {_ID}, 'Production', now() - n * interval '1 second', ''
FROM bench_key WHERE n <= %(requests)s;
INSERT INTO usage_day (organization_id, key_id, product_id, date, requests, over_qps, errors_4xx, errors_5xx, peak_qps, duration_ms_sum, duration_count)
SELECT k.organization_id, k.id, 1, current_date - d, 100, 1, 2, 3, 9, 0, 0 FROM bench_key k, generate_series(0, 29) AS d WHERE n %% 50 = 0;

INSERT INTO keys_qpsrequest (public_id, key_id, product_id, current, requested, reason, state, created_at, note, decided_at)
SELECT 'req_' || {_ID}, k.id, p.id, 5, 50, 'Growth', CASE WHEN n <= %(waiting)s THEN 'pending' ELSE 'rejected' END, now() - n * interval '1 hour', '',
       CASE WHEN n > %(waiting)s THEN now() - n * interval '1 minute' END
FROM bench_key k, keys_product p WHERE p.code = 'search' AND n <= %(waiting)s * 50;
INSERT INTO usage_minute (organization_id, key_id, product_id, minute, secret_number, requests, over_qps, errors_4xx, errors_5xx, peak_qps, duration_ms_sum, duration_count)
SELECT k.organization_id, k.id, p.id, date_trunc('minute', now()) - m * interval '1 minute', 1, 60, 0, 0, 0, (k.n * 7 + m) %% 40, 0, 0
FROM bench_key k, keys_product p, generate_series(1, %(minutes)s) AS m WHERE p.code IN ('map-display', 'search') AND k.n <= %(waiting)s;
INSERT INTO usage_hour (organization_id, key_id, product_id, hour, requests, over_qps, errors_4xx, errors_5xx, peak_qps, duration_ms_sum, duration_count)
SELECT organization_id, key_id, product_id, date_trunc('hour', minute), sum(requests), 0, 0, 0, max(peak_qps), 0, 0 FROM usage_minute GROUP BY 1, 2, 3, 4;
"""


def fill(cursor: Any, *, keys: int, organizations: int, requests: int, waiting: int, minutes: int) -> None:
    """Add rows, in the running transaction, and have the planner know them.

    As many people as organisations, one string per key; `requests` are rows of request log and audit log. `waiting` QPS requests
    wait, each of a key with `minutes` minutes of usage of two products, among fifty times as many that are decided.
    """
    counts = {
        "keys": keys,
        "organizations": organizations,
        "requests": requests,
        "waiting": waiting,
        "minutes": minutes,
    }
    for statement in _FILL.split(";\n"):
        if statement.strip():
            cursor.execute(statement, counts)
    cursor.execute("SET LOCAL session_replication_role = DEFAULT")
    cursor.execute("ANALYZE")
