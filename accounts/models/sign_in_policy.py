"""What an organisation asks of its members' sign-in."""

import datetime as dt
from typing import TYPE_CHECKING, Any, cast

from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.models.audit import AuditEvent
from accounts.models.user import User
from keys.refusals import Refusal, StaleVersion

if TYPE_CHECKING:
    from accounts.models.organization import Organization


class Sensitive(models.TextChoices):
    """What an organisation may want a recent sign-in for."""

    COPY = "copy", gettext_lazy("Copying keys")
    ROTATE = "rotate", gettext_lazy("Rotating keys and retiring old strings")
    DELETE = "delete", gettext_lazy("Deleting keys and the organisation")
    MEMBERS = "members", gettext_lazy("Inviting, changing and removing members, and handing over")

    @property
    def said(self) -> str:
        """The action inside a list of them."""
        return str(_SAID[self])


_SAID = {
    Sensitive.COPY: pgettext_lazy("in a list", "copying keys"),
    Sensitive.ROTATE: pgettext_lazy("in a list", "rotating keys and retiring old strings"),
    Sensitive.DELETE: pgettext_lazy("in a list", "deleting keys and the organisation"),
    Sensitive.MEMBERS: pgettext_lazy("in a list", "inviting, changing and removing members, and handing over"),
}


class SignInPolicy(models.Model):
    """The part of an organisation that says how its members sign in."""

    asks_again_for = ArrayField(
        models.CharField(max_length=20, choices=Sensitive),
        verbose_name=gettext_lazy("asks again for"),
        default=list,
        db_default=[],
        blank=True,
    )
    requires_second_factor_at = models.DateTimeField(
        gettext_lazy("second factor required since"), null=True, blank=True
    )

    class Meta:
        abstract = True

    @property
    def sign_in_policy(self) -> dict[str, Any]:
        """What holds now, in the order of `Sensitive`: equal policies are equal values."""
        return {
            "asks_again_for": [action.value for action in Sensitive if action in self.asks_again_for],
            "requires_second_factor": self.requires_second_factor_at is not None,
        }

    def change_sign_in_policy(
        self,
        *,
        by: User,
        seen: dict[str, Any],
        asks_again_for: list[str],
        requires_second_factor: bool,
        at: dt.datetime | None = None,
    ) -> None:
        """Set what members are asked for; `seen` is the `sign_in_policy` that the form was made from.

        Raises StaleVersion if another owner changed it since, and Refusal if the person who wants to require a second
        factor has none: the next request would lock them out.
        """
        from accounts.signin.factors import has_second_factor

        with transaction.atomic():
            locked = type(self)._default_manager.select_for_update(no_key=True).get(pk=self.pk)
            before = locked.sign_in_policy
            if before != seen:
                raise StaleVersion(_("Someone else changed this a moment ago. Look at it again, then save."))
            if requires_second_factor and not before["requires_second_factor"] and not has_second_factor(by):
                raise Refusal(_("Set up a second factor for yourself first."))
            self.asks_again_for = [action.value for action in Sensitive if action in asks_again_for]
            self.requires_second_factor_at = (
                (locked.requires_second_factor_at or at or timezone.now()) if requires_second_factor else None
            )
            after = self.sign_in_policy
            if after == before:
                return
            self.save(update_fields=["asks_again_for", "requires_second_factor_at"])
            organization = cast("Organization", self)
            AuditEvent.record(
                "organization.sign_in_changed",
                organization=organization,
                actor=by,
                target=organization,
                before={name: before[name] for name in before if before[name] != after[name]},
                after={name: after[name] for name in after if before[name] != after[name]},
            )
