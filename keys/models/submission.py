"""Forms that act once, however often they are sent."""

import uuid
from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User


class Submission(models.Model):
    """The token of a form that has acted. A double click or a retry after a lost answer finds it and does not act again."""

    token = models.UUIDField(_("token"), primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.CASCADE, related_name="+"
    )
    target_id = models.CharField(_("about what"), max_length=24, blank=True)
    at = models.DateTimeField(_("at"), default=timezone.now, db_index=True)

    class Meta:
        verbose_name, verbose_name_plural = _("submitted form"), _("submitted forms")

    def __str__(self) -> str:
        return str(self.token)

    @classmethod
    def claim(cls, token: uuid.UUID, *, user: User, action: str) -> tuple[Self, bool]:
        """Return the submission and whether this is its first time. Call it in the transaction of the act.

        A second request with the token waits for the first one's transaction. The same token in another person's form, or
        in the form of another `action` (its address), is another submission.
        """
        return cls.objects.get_or_create(token=uuid.uuid5(token, f"{user.pk} {action}"), defaults={"user": user})

    def remember(self, target_id: str) -> None:
        """Note what the form made, to show it again to a repeated submit."""
        self.target_id = target_id
        self.save(update_fields=["target_id"])
