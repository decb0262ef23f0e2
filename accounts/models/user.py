"""People who sign in."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.contrib.postgres.indexes import OpClass
from django.db import models, transaction
from django.db.models import Value
from django.db.models.functions import Concat, Lower
from django.utils.translation import gettext_lazy

LOWER_NAME = Lower(Concat("first_name", Value(" "), "last_name"))
"""First and last name as people search for them; an index has the same expression."""


class UserManager(BaseUserManager["User"]):
    """Make people by their e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Return a new, saved user. Raises ValueError without an address."""
        if not email:
            raise ValueError("A user needs an e-mail address.")
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Return a new admin who may do everything."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, email: str | None) -> "User":
        """Find a person whatever the case of the address."""
        return self.get(email__iexact=email)


class User(AbstractUser):
    """A person. The e-mail address is the name to sign in with; its case does not matter."""

    username = None  # type: ignore[assignment]
    email = models.EmailField(gettext_lazy("e-mail address"))
    # A code of settings.LANGUAGES; empty: pages as the browser asks, mails in English.
    language = models.CharField(max_length=10, blank=True, default="")

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]  # the base class names people

    class Meta:
        verbose_name, verbose_name_plural = gettext_lazy("user"), gettext_lazy("users")
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_unique")]
        indexes = [  # for the beginnings of what support types
            models.Index(OpClass(Lower("email"), name="text_pattern_ops"), name="user_by_email"),
            models.Index(OpClass(LOWER_NAME, name="text_pattern_ops"), name="user_by_name"),
            models.Index(OpClass(Lower("last_name"), name="text_pattern_ops"), name="user_by_last_name"),
        ]

    def __str__(self) -> str:
        return self.email

    def choose_language(self, code: str) -> None:
        """Read pages and mails in this language from now on. Empty: pages as the browser asks, mails in LANGUAGE_CODE."""
        self.language = code
        self.save(update_fields=["language"])

    def rename(self, *, name: str) -> None:
        """Have other people see this name; its last word is the last name. Safe to repeat."""
        from accounts.models.audit import AuditEvent  # which needs this model first

        with transaction.atomic():
            before = type(self).objects.select_for_update().get(pk=self.pk).get_full_name()
            if name == before:
                return
            self.first_name, _, self.last_name = name.rpartition(" ") if " " in name else (name, "", "")
            self.save(update_fields=["first_name", "last_name"])
            AuditEvent.record(
                "name.changed", organization=None, actor=self, target=self,
                before={"name": before}, after={"name": name},
            )  # fmt: skip

    def has_confirmed(self, email: str) -> bool:
        """Whether the person has proven to read this address."""
        from allauth.account.models import EmailAddress  # which needs this model first

        return EmailAddress.objects.filter(user=self, email__iexact=email, verified=True).exists()

    @property
    def public_id(self) -> str:
        """What a person is called where others have an ID of their own: in addresses, notes and the audit log."""
        return f"user_{self.pk}"

    @property
    def label(self) -> str:
        """What other people see: the name, else what stands before the @."""
        return self.get_full_name() or self.email.partition("@")[0]

    @property
    def initials(self) -> str:
        """Two letters for the avatar."""
        parts = self.get_full_name().split() or self.email.partition("@")[0].replace(".", " ").split()
        return "".join(part[0] for part in parts[:2]).upper()
