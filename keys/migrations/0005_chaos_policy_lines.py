"""All keys as lines of text for a gateway that starts; and TRUNCATE, which row triggers do not see, reaches the gateways.

The view is for reading everything: it joins whole tables in the order of their indexes, a million keys in seconds, where
`gateway_policy` looks each key up. A TRUNCATE leaves a hole in the numbers of the feed, which gateways answer with a new
snapshot.
"""

from django.db import migrations

VIEW = """
CREATE VIEW gateway_policy_line AS
SELECT k.id AS key_id,
       k.public_id,
       k.organization_id,
       CASE WHEN cardinality(k.allowed_domains) = 0 THEN '' ELSE to_json(k.allowed_domains)::text END AS domains,
       coalesce(extract(epoch FROM k.expires_at)::float8::text, '') AS expires_at,
       (k.disabled_at IS NOT NULL)::int AS is_disabled,
       (k.deleted_at IS NOT NULL)::int AS is_deleted,
       coalesce(s.strings, '') AS strings,
       coalesce(p.limits, '') AS limits
FROM keys_apikey k
LEFT JOIN (
    SELECT key_id,
           string_agg(
               number || ':' || encode(digest, 'base64') || ':' || CASE
                   WHEN retired_at IS NOT NULL THEN '0'
                   ELSE coalesce(extract(epoch FROM expires_at)::float8::text, '')
               END,
               ' ' ORDER BY number
           ) AS strings
    FROM keys_keysecret GROUP BY key_id
) s ON s.key_id = k.id
LEFT JOIN (
    SELECT key_id, string_agg(product_id || ':' || coalesce(qps_limit::text, ''), ' ' ORDER BY product_id) AS limits
    FROM keys_keyproduct GROUP BY key_id
) p ON p.key_id = k.id;

COMMENT ON VIEW gateway_policy_line IS
'The same as gateway_policy, for all keys at once, in the columns of gateway/policy_lines.py.';
"""

FUNCTION = """
CREATE FUNCTION gateway_truncated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE gateway_feed SET number = number + 1 WHERE id = 1;
    PERFORM pg_notify('gateway_change', '');
    RETURN NULL;
END $$;
"""

TABLES = (
    "keys_apikey",
    "keys_keysecret",
    "keys_keyproduct",
    "accounts_organization",
    "keys_product",
    "keys_route",
)

TRIGGERS = "\n".join(
    f"CREATE TRIGGER gateway_truncated AFTER TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION gateway_truncated();"
    for table in TABLES
)
DROP = "\n".join(
    ["DROP VIEW gateway_policy_line;"]
    + [f"DROP TRIGGER gateway_truncated ON {table};" for table in TABLES]
    + ["DROP FUNCTION gateway_truncated();"]
)


class Migration(migrations.Migration):
    dependencies = [("keys", "0004_gateway_ack"), ("accounts", "0001_initial")]
    operations = [migrations.RunSQL(VIEW + FUNCTION + TRIGGERS, DROP)]
