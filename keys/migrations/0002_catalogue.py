"""The default catalogue. Data from here on: edit it in the admin."""

import json
from pathlib import Path

from django.db import migrations


def fill(apps, schema_editor):
    Product, Route = apps.get_model("keys", "Product"), apps.get_model("keys", "Route")
    entries = json.loads((Path(__file__).parent.parent / "catalogue.json").read_text())
    for position, entry in enumerate(entries):
        routes = entry.pop("routes")
        product = Product.objects.create(position=position, **entry)
        Route.objects.bulk_create([Route(product=product, path_prefix=prefix) for prefix in routes])


class Migration(migrations.Migration):
    dependencies = [("keys", "0001_initial")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
