"""IDs of memberships, deleted organisations, invitations."""

import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import accounts.models.invitation
import accounts.models.membership


def give_ids(apps, schema_editor):
    memberships = apps.get_model("accounts", "Membership")
    for membership in memberships.objects.filter(public_id=None).iterator():
        membership.public_id = accounts.models.membership.make_membership_id()
        membership.save(update_fields=["public_id"])


def public_id(**options):
    make = accounts.models.membership.make_membership_id
    return models.CharField(default=make, editable=False, max_length=24, verbose_name="ID", **options)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_words")]
    operations = [
        # Without default: PostgreSQL would give one and the same ID to all that exist.
        migrations.AddField("membership", "public_id", models.CharField(max_length=24, editable=False, null=True)),
        migrations.RunPython(give_ids, migrations.RunPython.noop),
        migrations.AlterField("membership", "public_id", public_id(unique=True)),
        migrations.AddField("organization", "deleted_at", models.DateTimeField(blank=True, editable=False, null=True)),
        migrations.AddField(
            "organization",
            "deleted_by",
            models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "public_id",
                    models.CharField(
                        default=accounts.models.invitation.make_invitation_id,
                        editable=False,
                        max_length=24,
                        unique=True,
                        verbose_name="ID",
                    ),
                ),
                ("email", models.EmailField(max_length=254, verbose_name="e-mail address")),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("owner", "Owner"),
                            ("admin", "Admin"),
                            ("developer", "Developer"),
                            ("viewer", "Viewer"),
                        ],
                        default="developer",
                        max_length=20,
                    ),
                ),
                ("token_digest", models.CharField(editable=False, max_length=64, unique=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("expires_at", models.DateTimeField()),
                ("accepted_at", models.DateTimeField(null=True)),
                ("withdrawn_at", models.DateTimeField(null=True)),
                (
                    "accepted_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "invited_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="invitations",
                        to="accounts.organization",
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "-pk"],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("organization"),
                        django.db.models.functions.text.Lower("email"),
                        condition=models.Q(("accepted_at", None), ("withdrawn_at", None)),
                        name="one_pending_invitation_per_address",
                    )
                ],
            },
        ),
    ]
