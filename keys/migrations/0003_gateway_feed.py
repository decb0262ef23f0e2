"""The change feed and the view that the gateways read.

A deferred constraint trigger runs at commit, takes the next number from the one locked row of `gateway_feed` and writes the
change. The lock is held until the commit is done, so the order of numbers is the order of commits: a gateway that reads
`number > last` misses nothing and sees nothing that was rolled back. A plain sequence loses changes: a number can become
visible after a higher one.
"""

from django.db import migrations

FUNCTIONS = """
CREATE FUNCTION gateway_note_change(changed_key bigint, changed_organization bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE next_number bigint;
BEGIN
    UPDATE gateway_feed SET number = number + 1 WHERE id = 1 RETURNING number INTO next_number;
    INSERT INTO gateway_change (number, key_id, organization_id, at)
    VALUES (next_number, changed_key, changed_organization, clock_timestamp());
    PERFORM pg_notify('gateway_change', '');
END $$;

CREATE FUNCTION gateway_key_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM gateway_note_change(CASE WHEN TG_OP = 'DELETE' THEN OLD.id ELSE NEW.id END, NULL);
    RETURN NULL;
END $$;

CREATE FUNCTION gateway_part_of_key_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN PERFORM gateway_note_change(OLD.key_id, NULL); END IF;
    IF TG_OP = 'INSERT' OR (TG_OP = 'UPDATE' AND NEW.key_id <> OLD.key_id) THEN
        PERFORM gateway_note_change(NEW.key_id, NULL);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION gateway_organization_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM gateway_note_change(NULL, CASE WHEN TG_OP = 'DELETE' THEN OLD.id ELSE NEW.id END);
    RETURN NULL;
END $$;

CREATE FUNCTION gateway_catalogue_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM gateway_note_change(NULL, NULL);
    RETURN NULL;
END $$;

INSERT INTO gateway_feed (id, number) VALUES (1, 0);
"""

# Only the columns that decide: `last_used_at`, which every batch of usage moves, is not among them.
TRIGGERS = {
    "keys_apikey": (
        "gateway_key_changed",
        "public_id, organization_id, allowed_domains, expires_at, disabled_at, deleted_at",
    ),
    "keys_keysecret": ("gateway_part_of_key_changed", "key_id, number, digest, expires_at, retired_at"),
    "keys_keyproduct": ("gateway_part_of_key_changed", "key_id, product_id, qps_limit"),
    "accounts_organization": ("gateway_organization_changed", "public_id, suspended_at"),
    "keys_product": ("gateway_catalogue_changed", "code, name, default_qps, retired_at"),
    "keys_route": ("gateway_catalogue_changed", "product_id, path_prefix"),
}

VIEW = """
CREATE VIEW gateway_policy AS
SELECT k.id AS key_id,
       k.public_id AS key_public_id,
       k.organization_id,
       k.allowed_domains,
       extract(epoch FROM k.expires_at)::float8 AS expires_at,
       extract(epoch FROM k.disabled_at)::float8 AS disabled_at,
       extract(epoch FROM k.deleted_at)::float8 AS deleted_at,
       s.numbers AS secret_numbers,
       s.digests AS secret_digests,
       s.ends AS secret_ends_at,
       p.product_ids,
       p.qps_limits
FROM keys_apikey k
LEFT JOIN LATERAL (
    SELECT array_agg(number ORDER BY number) AS numbers,
           array_agg(digest ORDER BY number) AS digests,
           array_agg(CASE WHEN retired_at IS NULL THEN extract(epoch FROM expires_at)::float8 ELSE 0 END ORDER BY number) AS ends
    FROM keys_keysecret WHERE key_id = k.id
) s ON true
LEFT JOIN LATERAL (
    SELECT array_agg(product_id ORDER BY product_id) AS product_ids,
           array_agg(qps_limit ORDER BY product_id) AS qps_limits
    FROM keys_keyproduct WHERE key_id = k.id
) p ON true;

COMMENT ON VIEW gateway_policy IS
'What a gateway knows of a key. Times are seconds since 1970; a string that was retired ended at 0, so that no clock can be
behind it; a NULL limit is the default of the product.';
"""


def triggers() -> str:
    statements = []
    for table, (function, columns) in TRIGGERS.items():
        statements.append(
            f"CREATE CONSTRAINT TRIGGER gateway_feed AFTER INSERT OR DELETE OR UPDATE OF {columns} ON {table} "
            f"DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION {function}();"
        )
    return "\n".join(statements)


def drop() -> str:
    functions = ["gateway_note_change", *{function for function, _ in TRIGGERS.values()}]
    return "\n".join(
        ["DROP VIEW gateway_policy;"]
        + [f"DROP TRIGGER gateway_feed ON {table};" for table in TRIGGERS]
        + [f"DROP FUNCTION {function};" for function in functions]
        + ["DELETE FROM gateway_feed;"]
    )


class Migration(migrations.Migration):
    dependencies = [("keys", "0002_catalogue"), ("accounts", "0001_initial")]
    operations = [migrations.RunSQL(FUNCTIONS + triggers() + VIEW, drop())]
