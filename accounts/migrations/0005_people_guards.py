"""An organisation keeps an owner, whoever writes; gateways learn of deleted organisations like of suspended ones.

The guard runs at commit and locks the organisation's row first: of two owners who leave at the same moment the second one
waits, sees that it would be the last, and is refused. An organisation that is itself removed needs no owner.
"""

from django.db import migrations

OWNER = """
CREATE FUNCTION organization_keeps_an_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM accounts_organization WHERE id = OLD.organization_id FOR NO KEY UPDATE;
    IF FOUND AND NOT EXISTS (
        SELECT 1 FROM accounts_membership WHERE organization_id = OLD.organization_id AND role = 'owner'
    ) THEN
        RAISE EXCEPTION 'An organisation has at least one owner.'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'at_least_one_owner', TABLE = 'accounts_membership';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER at_least_one_owner AFTER DELETE OR UPDATE OF role, organization_id ON accounts_membership
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.role = 'owner') EXECUTE FUNCTION organization_keeps_an_owner();
"""
NO_OWNER = """
DROP TRIGGER at_least_one_owner ON accounts_membership;
DROP FUNCTION organization_keeps_an_owner();
"""


def feed(columns: str) -> str:
    return f"""
DROP TRIGGER gateway_feed ON accounts_organization;
CREATE CONSTRAINT TRIGGER gateway_feed AFTER INSERT OR DELETE OR UPDATE OF {columns} ON accounts_organization
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION gateway_organization_changed();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_people_organizations"), ("keys", "0003_gateway_feed")]
    operations = [
        migrations.RunSQL(OWNER, NO_OWNER),
        migrations.RunSQL(feed("public_id, suspended_at, deleted_at"), feed("public_id, suspended_at")),
    ]
