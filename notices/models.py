"""What people are told, how each wants to hear it, and the mails that go out."""

from typing import TYPE_CHECKING, ClassVar, Self

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from dashboard import public_ids
from notices.kinds import GROUPS, KINDS, MAIL_WORDS, STAFF_KINDS, Kind, Mail

if TYPE_CHECKING:
    from accounts.models import User


def make_notice_id() -> str:
    """Return a new public ID of a notice."""
    return public_ids.make("ntc")


def make_letter_id() -> str:
    """Return a new public ID of a mail."""
    return public_ids.make("ltr")


LETTER_STATES = {
    "waiting": pgettext_lazy("state of a mail", "waiting"),
    "retrying": pgettext_lazy("state of a mail", "retrying"),
    "sent": pgettext_lazy("state of a mail", "sent"),
    "failed": pgettext_lazy("state of a mail", "failed"),
    "dropped": pgettext_lazy("state of a mail", "dropped"),
}
"""What can become of a mail, in words."""


class Letter(models.Model):
    """A mail that goes out, with its fate. It carries notices, or words of its own that are erased when it has ended.

    Words of its own are those with links to confirm an address or to set a password: nothing else keeps them.
    """

    public_id = models.CharField("ID", max_length=24, unique=True, default=make_letter_id, editable=False)
    to = models.EmailField(gettext_lazy("to"))
    subject = models.CharField(gettext_lazy("subject"), max_length=250, blank=True)
    text = models.TextField(blank=True)
    html = models.TextField(blank=True)
    created_at = models.DateTimeField(gettext_lazy("created at"), default=timezone.now, db_index=True)
    attempts = models.PositiveSmallIntegerField(gettext_lazy("attempts"), default=0)
    error = models.CharField(gettext_lazy("last error"), max_length=300, blank=True)
    sent_at = models.DateTimeField(gettext_lazy("sent at"), null=True)
    failed_at = models.DateTimeField(gettext_lazy("failed at"), null=True)
    dropped_at = models.DateTimeField(gettext_lazy("dropped at"), null=True)

    class Meta:
        verbose_name, verbose_name_plural = gettext_lazy("mail"), gettext_lazy("mails")
        ordering: ClassVar[list[str]] = ["-pk"]

    def __str__(self) -> str:
        return self.subject or self.public_id

    @property
    def state(self) -> str:
        """What became of it: a key of LETTER_STATES."""
        if self.sent_at:
            return "sent"
        if self.failed_at:
            return "failed"
        if self.dropped_at:
            return "dropped"
        return "retrying" if self.attempts else "waiting"

    def end(self, how: str) -> None:
        """Note that it was sent, has failed or was dropped, and erase what only the mail held."""
        setattr(self, how, timezone.now())
        self.text = self.html = ""
        self.save(update_fields=[how, "subject", "text", "html", "attempts", "error"])
        self.notices.exclude(link="").update(link="")


class NoticeQuerySet(models.QuerySet["Notice"]):
    """Narrowings of notices."""

    def visible_to(self, person: "User") -> Self:
        """A person's own, without those of customers that they have left, or that keep them out for want of a second factor."""
        own = models.Q(organization=None) | models.Q(organization__in=person.organizations.shown_to(person))
        if person.is_staff:
            own |= models.Q(kind__in=STAFF_KINDS)
        return self.filter(own, person=person)

    def unread(self) -> Self:
        """Those that wait to be read."""
        return self.filter(read_at=None)


class Notice(models.Model):
    """Something that one person is told. Written in the transaction of what it is about; never a secret in its context."""

    public_id = models.CharField("ID", max_length=24, unique=True, default=make_notice_id, editable=False)
    organization = models.ForeignKey(
        "accounts.Organization",
        null=True,
        on_delete=models.CASCADE,
        related_name="notices",
        verbose_name=gettext_lazy("organisation"),
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.CASCADE,
        related_name="notices",
        verbose_name=gettext_lazy("person"),
    )
    email = models.EmailField(
        gettext_lazy("email"), blank=True, help_text=gettext_lazy("Of somebody who has no account yet.")
    )
    kind = models.CharField(gettext_lazy("kind"), max_length=40)
    about = models.CharField(
        gettext_lazy("about"), max_length=24, blank=True, help_text=gettext_lazy("The ID of what it is about.")
    )
    context = models.JSONField(default=dict)
    once = models.CharField(max_length=100, blank=True, editable=False)
    link = models.TextField(blank=True, editable=False)
    created_at = models.DateTimeField(gettext_lazy("created at"), default=timezone.now)
    read_at = models.DateTimeField(gettext_lazy("read at"), null=True)
    digest_due_at = models.DateTimeField(gettext_lazy("digest due at"), null=True, db_index=True)
    letter = models.ForeignKey(
        Letter, null=True, on_delete=models.SET_NULL, related_name="notices", verbose_name=gettext_lazy("letter")
    )

    objects = NoticeQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = gettext_lazy("notice"), gettext_lazy("notices")
        ordering: ClassVar[list[str]] = ["-created_at", "-pk"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["person", "-created_at"], name="notices_of_person"),
            models.Index(fields=["person"], condition=models.Q(read_at=None), name="unread_notices_of_person"),
            models.Index(fields=["once"], condition=~models.Q(once=""), name="notices_of_occasion"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["person", "once"], condition=~models.Q(once=""), name="notice_once"),
            models.CheckConstraint(
                condition=models.Q(person__isnull=False) | ~models.Q(email=""), name="notice_has_a_reader"
            ),
        ]

    def __str__(self) -> str:
        return self.kind

    @property
    def kind_of(self) -> Kind:
        """What `kinds.py` says about it."""
        return KINDS[self.kind]

    @property
    def mail_state(self) -> str:
        """What became of its mail, in a word."""
        if self.letter:
            return str(LETTER_STATES[self.letter.state])
        return _("waits for the digest") if self.digest_due_at else _("not by mail")

    def mark_read(self) -> None:
        """Note that the person has seen it; a second time changes nothing."""
        Notice.objects.filter(pk=self.pk, read_at=None).update(read_at=timezone.now())


class Preference(models.Model):
    """When a person wants the mails of a group; without a row the group's default holds."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notice_preferences")
    group = models.CharField(max_length=20, choices=[(group.code, group.name) for group in GROUPS])
    mail = models.CharField(max_length=10, choices=[(mail.value, word) for mail, word in MAIL_WORDS.items()])

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["person", "group"], name="one_preference_per_group")
        ]

    def __str__(self) -> str:
        return f"{self.group}: {MAIL_WORDS[Mail(self.mail)]}"
