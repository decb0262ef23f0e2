"""Indexes for what support types: the beginnings of addresses and names. Built without stopping anybody."""

from django.contrib.postgres.indexes import OpClass
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Value
from django.db.models.functions import Concat, Lower


def beginnings(expression, name):
    return models.Index(OpClass(expression, name="text_pattern_ops"), name=name)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("accounts", "0007_keylife_policy_and_log")]
    operations = [
        AddIndexConcurrently("organization", beginnings(Lower("name"), "organization_by_name")),
        AddIndexConcurrently("user", beginnings(Lower("email"), "user_by_email")),
        AddIndexConcurrently("user", beginnings(Lower(Concat("first_name", Value(" "), "last_name")), "user_by_name")),
        AddIndexConcurrently("user", beginnings(Lower("last_name"), "user_by_last_name")),
    ]
