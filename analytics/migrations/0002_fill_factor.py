"""Usage rows are added to in place: free space in each page keeps those updates HOT, without touching an index."""

from django.db import migrations

TABLES = ("usage_minute", "usage_hour", "usage_day", "usage_error")


class Migration(migrations.Migration):
    dependencies = [("analytics", "0001_initial")]
    operations = [
        migrations.RunSQL(f"ALTER TABLE {table} SET (fillfactor = 50)", f"ALTER TABLE {table} RESET (fillfactor)")
        for table in TABLES
    ]
