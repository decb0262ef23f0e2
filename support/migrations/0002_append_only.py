"""Notes of support are not changed: the database refuses it."""

from django.db import migrations

GUARD = """
CREATE FUNCTION support_notes_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Notes of support are append-only: % refused.', TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON support_supportnote
    FOR EACH ROW EXECUTE FUNCTION support_notes_are_append_only();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON support_supportnote
    FOR EACH STATEMENT EXECUTE FUNCTION support_notes_are_append_only();
"""
UNGUARD = """
DROP TRIGGER append_only ON support_supportnote;
DROP TRIGGER append_only_truncate ON support_supportnote;
DROP FUNCTION support_notes_are_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("support", "0001_initial")]
    operations = [migrations.RunSQL(GUARD, UNGUARD)]
