"""Alerts are a group of notices that people choose mails for."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("notices", "0002_notices_occasions"),
    ]

    operations = [
        migrations.AlterField(
            model_name="preference",
            name="group",
            field=models.CharField(
                choices=[
                    ("account", "Your account"),
                    ("keys", "Keys disabled and enabled"),
                    ("ends", "Ends of keys and old strings"),
                    ("qps", "QPS requests"),
                    ("traffic", "Unusual traffic"),
                    ("alerts", "Alerts"),
                    ("desk", "QPS requests to decide"),
                ],
                max_length=20,
            ),
        ),
    ]
