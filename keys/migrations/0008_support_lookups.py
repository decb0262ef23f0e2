"""Indexes for what support types: names, hints by both ends, domains; and for the queue of QPS requests. Built without stopping anybody."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models.functions import Lower, Reverse


def beginnings(expression, name):
    return models.Index(OpClass(expression, name="text_pattern_ops"), name=name)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("keys", "0007_support_granted")]
    operations = [
        AddIndexConcurrently("apikey", beginnings(Lower("name"), "keys_by_name")),
        AddIndexConcurrently("apikey", GinIndex(fields=["allowed_domains"], name="keys_by_domain")),
        AddIndexConcurrently("keysecret", beginnings(Lower("hint"), "secret_by_hint")),
        AddIndexConcurrently("keysecret", beginnings(Reverse(Lower("hint")), "secret_by_end_of_hint")),
        AddIndexConcurrently(
            "qpsrequest",
            models.Index(condition=models.Q(state="pending"), fields=["created_at", "id"], name="qps_requests_waiting"),
        ),
        AddIndexConcurrently(
            "qpsrequest",
            models.Index(
                condition=models.Q(state__in=["approved", "rejected"]),
                fields=["-decided_at"],
                name="qps_requests_decided",
            ),
        ),
    ]
