"""Usage by organisation beside usage by key, months, and when an organisation's time zone changed. Existing usage is summed up."""

from django.db import migrations, models

TABLES = (
    "usage_month",
    "usage_organization_minute",
    "usage_organization_hour",
    "usage_organization_day",
    "usage_organization_error",
)
COUNTS = "requests, over_qps, errors_4xx, errors_5xx, duration_ms_sum, duration_count, peak_qps"
SUMS = """sum(requests), sum(over_qps), sum(errors_4xx), sum(errors_5xx), sum(duration_ms_sum), sum(duration_count),
    max(peak_qps)"""


def summed(table, source, bucket, by):
    return migrations.RunSQL(
        f"INSERT INTO {table} ({by}, product_id, {bucket}, {COUNTS}) "
        f"SELECT {by}, product_id, {bucket}, {SUMS} FROM {source} GROUP BY {by}, product_id, {bucket}",
        migrations.RunSQL.noop,
    )


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0003_chaos_usage_gap"),
        ("accounts", "0003_words"),
    ]

    operations = [
        migrations.CreateModel(
            name="OrganizationDay",
            fields=[
                ("organization_id", models.BigIntegerField()),
                ("product_id", models.BigIntegerField(default=0)),
                ("requests", models.BigIntegerField(default=0)),
                ("over_qps", models.BigIntegerField(default=0)),
                ("errors_4xx", models.BigIntegerField(default=0)),
                ("errors_5xx", models.BigIntegerField(default=0)),
                ("peak_qps", models.IntegerField(default=0)),
                ("duration_ms_sum", models.BigIntegerField(default=0)),
                ("duration_count", models.BigIntegerField(default=0)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "organization_id",
                        "date",
                        "product_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("date", models.DateField()),
            ],
            options={
                "db_table": "usage_organization_day",
            },
        ),
        migrations.CreateModel(
            name="OrganizationError",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "organization_id",
                        "date",
                        "product_id",
                        "status",
                        "outcome",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("organization_id", models.BigIntegerField()),
                ("product_id", models.BigIntegerField(default=0)),
                ("date", models.DateField()),
                ("status", models.SmallIntegerField()),
                ("outcome", models.CharField(max_length=24)),
                ("requests", models.BigIntegerField(default=0)),
                ("key_id", models.BigIntegerField()),
            ],
            options={
                "db_table": "usage_organization_error",
            },
        ),
        migrations.CreateModel(
            name="OrganizationHour",
            fields=[
                ("organization_id", models.BigIntegerField()),
                ("product_id", models.BigIntegerField(default=0)),
                ("requests", models.BigIntegerField(default=0)),
                ("over_qps", models.BigIntegerField(default=0)),
                ("errors_4xx", models.BigIntegerField(default=0)),
                ("errors_5xx", models.BigIntegerField(default=0)),
                ("peak_qps", models.IntegerField(default=0)),
                ("duration_ms_sum", models.BigIntegerField(default=0)),
                ("duration_count", models.BigIntegerField(default=0)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "organization_id",
                        "hour",
                        "product_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("hour", models.DateTimeField()),
            ],
            options={
                "db_table": "usage_organization_hour",
            },
        ),
        migrations.CreateModel(
            name="OrganizationMinute",
            fields=[
                ("organization_id", models.BigIntegerField()),
                ("product_id", models.BigIntegerField(default=0)),
                ("requests", models.BigIntegerField(default=0)),
                ("over_qps", models.BigIntegerField(default=0)),
                ("errors_4xx", models.BigIntegerField(default=0)),
                ("errors_5xx", models.BigIntegerField(default=0)),
                ("peak_qps", models.IntegerField(default=0)),
                ("duration_ms_sum", models.BigIntegerField(default=0)),
                ("duration_count", models.BigIntegerField(default=0)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "organization_id",
                        "minute",
                        "product_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("minute", models.DateTimeField()),
            ],
            options={
                "db_table": "usage_organization_minute",
            },
        ),
        migrations.CreateModel(
            name="UsageMonth",
            fields=[
                ("organization_id", models.BigIntegerField()),
                ("product_id", models.BigIntegerField(default=0)),
                ("requests", models.BigIntegerField(default=0)),
                ("over_qps", models.BigIntegerField(default=0)),
                ("errors_4xx", models.BigIntegerField(default=0)),
                ("errors_5xx", models.BigIntegerField(default=0)),
                ("peak_qps", models.IntegerField(default=0)),
                ("duration_ms_sum", models.BigIntegerField(default=0)),
                ("duration_count", models.BigIntegerField(default=0)),
                ("key_id", models.BigIntegerField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "key_id", "month", "product_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("month", models.DateField()),
            ],
            options={
                "db_table": "usage_month",
            },
        ),
        migrations.CreateModel(
            name="ZoneChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("organization_id", models.BigIntegerField()),
                ("former_zone", models.CharField(max_length=64)),
                ("zone", models.CharField(max_length=64)),
                ("counted_from", models.DateTimeField()),
                ("first_date", models.DateField()),
                ("changed_at", models.DateTimeField()),
                ("recounted_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "usage_zone_change",
            },
        ),
        migrations.AddIndex(
            model_name="requestrecord",
            index=models.Index(fields=["organization_id", "-at"], name="request_log_organization"),
        ),
        migrations.AddIndex(
            model_name="usagemonth",
            index=models.Index(fields=["organization_id", "month"], name="usage_month_organization"),
        ),
        migrations.AddIndex(
            model_name="zonechange",
            index=models.Index(fields=["organization_id", "-changed_at"], name="usage_zone_change_latest"),
        ),
        *[migrations.RunSQL(f"ALTER TABLE {table} SET (fillfactor = 50)", migrations.RunSQL.noop) for table in TABLES],
        summed("usage_organization_minute", "usage_minute", "minute", "organization_id"),
        summed("usage_organization_hour", "usage_hour", "hour", "organization_id"),
        summed("usage_organization_day", "usage_day", "date", "organization_id"),
        migrations.RunSQL(
            f"INSERT INTO usage_month (organization_id, key_id, product_id, month, {COUNTS}) "
            f"SELECT max(organization_id), key_id, product_id, date_trunc('month', date)::date, {SUMS} FROM usage_day GROUP BY 2, 3, 4",
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            """
            INSERT INTO usage_organization_error (organization_id, product_id, date, status, outcome, requests, key_id)
            SELECT e.organization_id, product_id,
                   ((hour + interval '59 minutes') AT TIME ZONE coalesce(o.time_zone, 'UTC')::text)::date, status, outcome, sum(requests), max(key_id)
            FROM usage_error e LEFT JOIN accounts_organization o ON o.id = e.organization_id GROUP BY 1, 2, 3, 4, 5
            """,
            migrations.RunSQL.noop,
        ),
    ]
