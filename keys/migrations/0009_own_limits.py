"""The few limits of their own are found without reading all."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("keys", "0008_support_lookups"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="keyproduct",
            index=models.Index(condition=models.Q(("qps_limit__isnull", False)), fields=["key"], name="own_limits"),
        ),
    ]
