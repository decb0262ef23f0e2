"""What support keeps for itself."""

from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import AuditEvent, User


class SupportNote(models.Model):
    """What staff should know about a person, an organisation or a key. No customer sees it; the database refuses to change it.

    `about` is the ID of what it is about, for people `user_` and a number, as in the audit log.
    """

    about = models.CharField(max_length=24)
    text = models.TextField(max_length=2000)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    author_label = models.CharField(max_length=254)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = gettext_lazy("note")
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["about", "-created_at"], name="notes_about")]

    def __str__(self) -> str:
        return _("Note about %(about)s") % {"about": self.about}

    @classmethod
    def write(cls, *, target: Any, text: str, by: User) -> "SupportNote":
        """Keep a note about something with a `public_id`. That it was written is audited, outside of any customer's log."""
        with transaction.atomic():
            note = cls.objects.create(about=target.public_id, text=text, author=by, author_label=by.email)
            AuditEvent.record("support.noted", organization=None, actor=by, target=target, as_staff=True)
        return note
