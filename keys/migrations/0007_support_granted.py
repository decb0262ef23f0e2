"""The provider may grant another limit than was asked for."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("keys", "0006_keylife_disabled_by_staff")]
    operations = [
        migrations.AddField(
            "qpsrequest", "granted", models.PositiveIntegerField(null=True, verbose_name="granted QPS")
        ),
        migrations.AddConstraint(
            "qpsrequest",
            models.CheckConstraint(
                condition=models.Q(
                    ("granted", None), models.Q(("granted__gte", 1), ("state", "approved")), _connector="OR"
                ),
                name="granted_qps_positive_and_approved",
            ),
        ),
    ]
