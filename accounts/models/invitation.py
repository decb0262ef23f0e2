"""Invitations: a link by mail that makes its reader a member."""

import datetime as dt
import hashlib
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models.audit import AuditEvent, Target
from accounts.models.membership import Membership, Role, check_may_manage
from accounts.models.user import User
from dashboard import languages, public_ids
from keys.refusals import Refusal
from notices import outbox

if TYPE_CHECKING:
    from accounts.models.organization import Organization

LIFETIME = dt.timedelta(days=7)
LinkTo = Callable[[str], str]
DEAD = gettext_lazy("This invitation does not work any more.")


def make_invitation_id() -> str:
    """Return a new public ID of an invitation."""
    return public_ids.make("inv")


def digest_of(token: str) -> str:
    """Return what the database keeps of a link: 256 random bits need no salt."""
    return hashlib.sha256(token.encode()).hexdigest()


class InvitationQuerySet(models.QuerySet["Invitation"]):
    """Narrowings of invitations."""

    def pending(self) -> Self:
        """Those that were neither accepted nor withdrawn; some may have expired."""
        return self.filter(accepted_at=None, withdrawn_at=None)


class Invitation(models.Model):
    """An address that was invited. Only the digest of the link's token is kept."""

    public_id = models.CharField("ID", max_length=24, unique=True, default=make_invitation_id, editable=False)
    organization = models.ForeignKey(
        "accounts.Organization",
        on_delete=models.CASCADE,
        related_name="invitations",
        verbose_name=gettext_lazy("organisation"),
    )
    email = models.EmailField(gettext_lazy("e-mail address"))
    role = models.CharField(gettext_lazy("role"), max_length=20, choices=Role, default=Role.DEVELOPER)
    token_digest = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(
        User, null=True, on_delete=models.SET_NULL, related_name="+", verbose_name=gettext_lazy("invited by")
    )
    created_at = models.DateTimeField(gettext_lazy("created at"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(gettext_lazy("expires at"))
    accepted_at = models.DateTimeField(gettext_lazy("accepted at"), null=True)
    accepted_by = models.ForeignKey(
        User, null=True, on_delete=models.SET_NULL, related_name="+", verbose_name=gettext_lazy("accepted by")
    )
    withdrawn_at = models.DateTimeField(gettext_lazy("withdrawn at"), null=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = gettext_lazy("invitation"), gettext_lazy("invitations")
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                "organization",
                Lower("email"),
                condition=models.Q(accepted_at=None, withdrawn_at=None),
                name="one_pending_invitation_per_address",
            )
        ]

    def __str__(self) -> str:
        return self.email

    @classmethod
    def send(
        cls, *, organization: "Organization", email: str, role: str, by: User, link_to: LinkTo = str
    ) -> tuple["Invitation", str]:
        """Invite an address by mail and return the link's token, of which the database keeps the digest only.

        `link_to` makes the mail's link of the token; it is erased when the mail has gone.
        Raises Refusal to who may not, for a member, for an address that was invited already and still can accept, and past
        INVITATIONS_PER_HOUR of the organisation or the person.
        """
        with transaction.atomic():
            organization.lock()
            check_may_manage(organization.role_of(by), role)
            if organization.memberships.filter(user__email__iexact=email).exists():
                raise Refusal(_("%(email)s is a member already.") % {"email": email})
            earlier = organization.invitations.pending().filter(email__iexact=email).first()
            if earlier is not None and not earlier.is_expired:
                raise Refusal(
                    _("%(email)s is invited already. Send that invitation again, or withdraw it.") % {"email": email}
                )
            cls._check_hour(organization, by)
            if earlier is not None:
                earlier.end(by=by)
            token = secrets.token_urlsafe(32)
            invitation = cls.objects.create(
                organization=organization,
                email=email.lower(),
                role=role,
                token_digest=digest_of(token),
                invited_by=by,
                expires_at=timezone.now() + LIFETIME,
            )
            invitation._record("invitation.sent", by)
            invitation._post(link_to(token), by)
        return invitation, token

    def resend(self, *, by: User, link_to: LinkTo = str) -> str:
        """Mail and return the token of a new link; the old one is dead, and the week begins again. Raises Refusal like `send`."""
        with self._locked(by):
            self._check_hour(self.organization, by)
            token = secrets.token_urlsafe(32)
            self.token_digest, self.expires_at, self.invited_by = digest_of(token), timezone.now() + LIFETIME, by
            self.save(update_fields=["token_digest", "expires_at", "invited_by"])
            self._record("invitation.resent", by)
            self._post(link_to(token), by)
        return token

    def withdraw(self, *, by: User) -> None:
        """Make the link dead. Raises Refusal to who may not, and when it was accepted or withdrawn meanwhile."""
        with self._locked(by):
            self.end(by=by)

    def end(self, *, by: User, as_staff: bool = False) -> None:
        """Withdraw without asking who may; for what ends invitations along with itself, under the organisation's lock."""
        self.withdrawn_at = timezone.now()
        self.save(update_fields=["withdrawn_at"])
        self._record("invitation.withdrawn", by, as_staff=as_staff)

    def accept(self, *, by: User, token: str) -> Membership:
        """Make the person a member; who is one already keeps the role. Raises Refusal for a dead link and another address.

        The address counts only once it is confirmed.
        """
        with transaction.atomic():
            organization = self.organization.lock()
            fresh = Invitation.objects.get(pk=self.pk)
            if not fresh.works(token) or organization.deleted_at is not None:
                raise Refusal(str(DEAD))
            if not by.has_confirmed(fresh.email):
                raise Refusal(
                    _("This invitation is for %(email)s, which is not the confirmed address of your account.")
                    % {"email": fresh.email}
                )
            membership, _made = Membership.objects.get_or_create(
                user=by, organization=organization, defaults={"role": fresh.role}
            )
            fresh.accepted_at, fresh.accepted_by = timezone.now(), by
            fresh.save(update_fields=["accepted_at", "accepted_by"])
            fresh._record("invitation.accepted", by)
        return membership

    def works(self, token: str) -> bool:
        """Whether this link can be accepted now."""
        is_pending = self.accepted_at is None and self.withdrawn_at is None
        return is_pending and not self.is_expired and secrets.compare_digest(self.token_digest, digest_of(token))

    @property
    def said_role(self) -> str:
        """The role inside a sentence."""
        return Role(self.role).said

    @property
    def is_expired(self) -> bool:
        """Whether its week is over."""
        return self.expires_at <= timezone.now()

    # Within -----------------------------------------------------------------------------------------------------------
    @contextmanager
    def _locked(self, by: User) -> Iterator[None]:
        with transaction.atomic():
            self.organization.lock()
            self.refresh_from_db()
            check_may_manage(self.organization.role_of(by), self.role)
            if self.accepted_at is not None:
                raise Refusal(_("%(email)s has accepted meanwhile.") % {"email": self.email})
            if self.withdrawn_at is not None:
                raise Refusal(_("This invitation was withdrawn meanwhile."))
            yield

    @staticmethod
    def _check_hour(organization: "Organization", by: User) -> None:
        """Refuse what floods a mailbox, also from many organisations of one person."""
        recent = {
            "verb__in": ["invitation.sent", "invitation.resent"],
            "at__gt": timezone.now() - dt.timedelta(hours=1),
        }
        if organization.audit_events.filter(**recent).count() >= settings.INVITATIONS_PER_HOUR:
            raise Refusal(_("Your organisation sent many invitations in the last hour. Try again later."))
        if by.audit_events.filter(**recent).count() >= settings.INVITATIONS_PER_HOUR:
            raise Refusal(_("You sent many invitations in the last hour. Try again later."))

    def _post(self, link: str, by: User) -> None:
        """Tell the address: in its owner's language, else in that of who invites, who mostly share one."""
        reader = User.objects.filter(email__iexact=self.email).first()
        context = {
            "language": languages.of(reader, otherwise=languages.current()),
            "organization": str(self.organization),
            "invited_by": f"{by.label} ({by.email})",
            "role": self.role,
            "expires_at": self.expires_at.isoformat(),
        }
        outbox.post(
            "invitation", organization=None, people=[self.email], context=context, about=self.public_id, link=link
        )

    def _record(self, verb: str, by: User, *, as_staff: bool = False) -> None:
        AuditEvent.record(
            verb, organization=self.organization, actor=by, target=Target(self.public_id, self.email),
            after={"role": self.role}, as_staff=as_staff,
        )  # fmt: skip
