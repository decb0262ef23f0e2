"""What a migration may do while the code from before it still runs: old gateways, pages and workers go on until they are replaced."""

from collections.abc import Iterator

import pytest
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader

OURS = ("accounts", "alerts", "analytics", "keys", "notices", "support")
BEFORE_FIRST_RELEASE = {
    "accounts": 11, "alerts": 2, "analytics": 5, "keys": 12, "notices": 4, "support": 2,
}  # fmt: skip
"""The last migration of each room without users to upgrade; later ones keep to the rules."""
TAKES_AWAY = (migrations.RemoveField, migrations.DeleteModel, migrations.RenameField, migrations.RenameModel)
LARGE = {"apikey", "keysecret", "keyproduct", "auditevent", "notice", "requestrecord", "organization", "user"}
"""Tables with so many rows that an index of theirs is built while they are written to."""


def dangers(migration: migrations.Migration) -> Iterator[str]:
    """Say what old code, or a busy table, does not survive. What a release must do all the same, it does in two steps."""
    for each in migration.operations:
        said = each.describe()
        if isinstance(each, (*TAKES_AWAY, migrations.AlterModelTable)):
            yield f"{said}: old code still asks for it; take it away in the release after"
        field = getattr(each, "field", None)
        has_value = field is not None and (field.null or field.has_db_default() or field.many_to_many)
        if isinstance(each, migrations.AddField) and not has_value:
            yield f"{said}: old code writes rows without it; give it a db_default or null=True"
        large = getattr(each, "model_name", "").lower() in LARGE or str(getattr(each, "model_name", "")).startswith(
            "usage"
        )
        if type(each) is migrations.AddIndex and large and not isinstance(each, AddIndexConcurrently):
            yield f"{said}: nobody writes while it is built; use AddIndexConcurrently"
        if (
            isinstance(each, migrations.AlterField)
            and not has_value
            and "primary_key" not in each.field.deconstruct()[3]
        ):
            yield f"{said}: NULLs of old code are refused, and the table is read under a lock; give it a db_default first"


def number(name: str) -> int:
    return int(name.partition("_")[0])


def test_no_migration_breaks_what_still_runs():
    found = [
        f"{app}.{name}: {danger}"
        for (app, name), migration in MigrationLoader(None).disk_migrations.items()
        if app in OURS and number(name) > BEFORE_FIRST_RELEASE[app]
        for danger in dangers(migration)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        (migrations.RemoveField("user", "language"), "the release after"),
        (migrations.DeleteModel("Alert"), "the release after"),
        (migrations.RenameField("user", "language", "tongue"), "the release after"),
        (migrations.RenameModel("Alert", "Alarm"), "the release after"),
        (migrations.AddField("user", "colour", models.CharField(max_length=9, default="")), "db_default"),
        (migrations.AlterField("user", "language", models.CharField(max_length=9)), "db_default"),
        (migrations.AddIndex("apikey", models.Index(fields=["name"], name="x")), "AddIndexConcurrently"),
        (migrations.AddField("user", "colour", models.CharField(max_length=9, default="", db_default="")), ""),
        (migrations.AddField("user", "seen_at", models.DateTimeField(null=True)), ""),
        (AddIndexConcurrently("apikey", models.Index(fields=["name"], name="x")), ""),
        (migrations.CreateModel("Alarm", [("id", models.BigAutoField(primary_key=True))]), ""),
        (migrations.RunSQL("SELECT 1", "SELECT 1"), ""),
    ],
    ids=lambda value: value.describe() if hasattr(value, "describe") else "",
)
def test_the_rules_find_what_they_are_for(operation, words):
    made = migrations.Migration("0001_x", "accounts")
    made.operations = [operation]
    assert words in " ".join(dangers(made))
    assert bool(list(dangers(made))) == bool(words)


def test_every_migration_can_be_taken_back():
    stuck = [
        f"{app}.{name}: {each.describe()}"
        for (app, name), migration in MigrationLoader(None).disk_migrations.items()
        if app in OURS
        for each in migration.operations
        if not each.reversible
    ]
    assert stuck == []
