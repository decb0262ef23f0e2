"""Who belongs to which customer, with which role."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop, pgettext_lazy

from accounts.models.audit import AuditEvent, Target
from accounts.models.user import User
from dashboard import public_ids
from keys.refusals import Refusal
from notices import outbox
from notices.sayings import Saying, saying

if TYPE_CHECKING:
    from accounts.models.organization import Organization

NO_LONGER = gettext_lazy("This person is no longer a member.")
LAST_OWNER = gettext_lazy("An organisation has at least one owner who can sign in. Make somebody else an owner first.")


class Role(models.TextChoices):
    """What a member may do."""

    OWNER = "owner", gettext_lazy("Owner")
    ADMIN = "admin", gettext_lazy("Admin")
    DEVELOPER = "developer", gettext_lazy("Developer")
    VIEWER = "viewer", gettext_lazy("Viewer")

    @property
    def said(self) -> str:
        """The role inside a sentence."""
        return str(_SAID[self])


_SAID = {
    Role.OWNER: pgettext_lazy("role in a sentence", "owner"),
    Role.ADMIN: pgettext_lazy("role in a sentence", "admin"),
    Role.DEVELOPER: pgettext_lazy("role in a sentence", "developer"),
    Role.VIEWER: pgettext_lazy("role in a sentence", "viewer"),
}


def said_role(code: str) -> str:
    """Return a role inside a sentence by the code that logs and notices keep of it."""
    return Role(code).said if code in Role.values else code


MANAGERS = (Role.OWNER, Role.ADMIN)
"""Who manages members and invitations; an admin neither touches owners nor makes any."""


def make_membership_id() -> str:
    """Return a new public ID of a membership."""
    return public_ids.make("mem")


def check_may_manage(role: str, *touched: str) -> None:
    """Raise Refusal unless somebody with this role may give or take the roles that are touched."""
    if role not in MANAGERS:
        raise Refusal(_("Only owners and admins manage members."))
    if role != Role.OWNER and Role.OWNER in touched:
        raise Refusal(_("Only owners change owners, or make somebody an owner."))


class MembershipQuerySet(models.QuerySet["Membership"]):
    """Narrowings of memberships."""

    def kept(self) -> Self:
        """Those in organisations that are not deleted, with these."""
        return self.filter(organization__deleted_at=None).select_related("organization")

    def owners(self) -> Self:
        """Owners who can sign in: those whom the provider's people made inactive own nothing that they could care for."""
        return self.filter(role=Role.OWNER, user__is_active=True)


class Membership(models.Model):
    """A person in an organisation."""

    public_id = models.CharField("ID", max_length=24, unique=True, default=make_membership_id, editable=False)
    user = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="memberships", verbose_name=gettext_lazy("user")
    )
    organization = models.ForeignKey(
        "accounts.Organization",
        on_delete=models.CASCADE,
        related_name="memberships",
        verbose_name=gettext_lazy("organisation"),
    )
    role = models.CharField(gettext_lazy("role"), max_length=20, choices=Role, default=Role.DEVELOPER)
    created_at = models.DateTimeField(gettext_lazy("created at"), default=timezone.now, editable=False)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = gettext_lazy("membership"), gettext_lazy("memberships")
        ordering = ["created_at", "pk"]
        constraints = [models.UniqueConstraint(fields=["user", "organization"], name="one_membership_per_person")]

    def __str__(self) -> str:
        names = {"person": self.user, "role": self.said_role, "organization": self.organization}
        return _("%(person)s, %(role)s of %(organization)s") % names

    @property
    def said_role(self) -> str:
        """The role inside a sentence."""
        return Role(self.role).said

    @classmethod
    def add(cls, *, organization: "Organization", user: User, role: str, by: User) -> Self:
        """Have the provider's people make somebody a member; customers invite. Raises Refusal for who is one already."""
        with transaction.atomic():
            organization.lock()
            if organization.memberships.filter(user=user).exists():
                raise Refusal(_("%(email)s is a member already.") % {"email": user.email})
            membership = cls.objects.create(organization=organization, user=user, role=role)
            membership._record("member.added", by, after={"role": role}, as_staff=True)
            membership._tell(saying(gettext_noop("The provider made you a member.")))
            membership._tell_owners(gettext_noop("The provider made %(person)s a member of %(organization)s"))
        return membership

    def change_role(self, *, by: User, role: str, as_staff: bool = False) -> None:
        """Give the person another role. Raises Refusal to who may not, and for the last owner. Safe to repeat."""
        with self._locked():
            if not as_staff:
                check_may_manage(self.organization.role_of(by), self.role, role)
            if role == self.role:
                return
            if self.role == Role.OWNER:
                self._check_not_last_owner()
            before, self.role = self.role, role
            self.save(update_fields=["role"])
            self._end_invitations(by, as_staff=as_staff)
            self._record("member.role_changed", by, before={"role": before}, after={"role": role}, as_staff=as_staff)
            if as_staff:
                self._tell(
                    saying(gettext_noop("The provider changed it. It was %(old_role)s before."), old_role=before)
                )
                self._tell_owners(gettext_noop("The provider changed the role of %(person)s in %(organization)s"))
            else:
                changed = gettext_noop("%(person)s changed it. It was %(old_role)s before.")
                self._tell(saying(changed, person=by.label, old_role=before))

    def remove(self, *, by: User, as_staff: bool = False) -> None:
        """End the membership of somebody else. Raises Refusal to who may not, and for the last owner."""
        with self._locked():
            if not as_staff:
                check_may_manage(self.organization.role_of(by), self.role)
            self._end("member.removed", by, as_staff=as_staff)
            if as_staff:
                self._tell_owners(gettext_noop("The provider removed %(person)s from %(organization)s"))

    def shut_out(self, *, by: User) -> None:
        """Withdraw what a person has sent whom the provider's people have made inactive: it would let them in again.

        Raises Refusal for the last owner of an organisation in service.
        """
        with self._locked():
            if self.role == Role.OWNER and self.organization.is_in_service:
                self._check_not_last_owner()
            self.role = ""
            self._end_invitations(by, as_staff=True)

    @classmethod
    def check_may_shut_out(cls, person: User) -> None:
        """Raise Refusal where a person is the last owner of organisations in service, and name them."""
        owned = person.memberships.filter(role=Role.OWNER, organization__suspended_at=None).kept()
        left = [
            str(membership.organization)
            for membership in owned
            if not membership.organization.memberships.owners().exclude(pk=membership.pk).exists()
        ]
        if left:
            said = _(
                "Nobody else who can sign in owns %(organizations)s. "
                "Make somebody else an owner first, or suspend the organisation."
            )
            raise Refusal(said % {"organizations": ", ".join(left)})

    def leave(self) -> None:
        """End one's own membership. Raises Refusal for the last owner."""
        with self._locked():
            self._end("member.left", self.user)

    def hand_over(self, *, to: "Membership") -> None:
        """Make another member the owner and become an admin, in one step. Raises Refusal unless this is an owner's.

        Invitations of owners that the person has sent are withdrawn: one to another address of theirs would undo it.
        """
        with self._locked():
            if self.role != Role.OWNER:
                raise Refusal(_("Only an owner hands the organisation over."))
            heir = self.organization.memberships.filter(pk=to.pk, user__is_active=True).select_related("user").first()
            if heir is None:
                raise Refusal(str(NO_LONGER))
            if heir.pk == self.pk:
                raise Refusal(_("You are the owner already."))
            before = heir.role
            heir.role, self.role = Role.OWNER, Role.ADMIN
            heir.save(update_fields=["role"])
            self.save(update_fields=["role"])
            self._end_invitations(self.user)
            handed_over = gettext_noop("%(person)s handed the organisation over to you.")
            heir._tell(saying(handed_over, person=self.user.label))
            heir._record("organization.handed_over", self.user, before={"role": before}, after={"role": heir.role})

    # Within -----------------------------------------------------------------------------------------------------------
    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Lock the organisation, which every change of its people does first, and read the role anew."""
        with transaction.atomic():
            self.organization.lock()
            role = Membership.objects.filter(pk=self.pk).values_list("role", flat=True).first()
            if role is None:
                raise Refusal(str(NO_LONGER))
            self.role = role
            yield

    def _check_not_last_owner(self) -> None:
        if not self.organization.memberships.owners().exclude(pk=self.pk).exists():
            raise Refusal(str(LAST_OWNER))

    def _end(self, verb: str, by: User, *, as_staff: bool = False) -> None:
        if self.role == Role.OWNER:
            self._check_not_last_owner()
        before, self.role = {"role": self.role}, ""
        self._end_invitations(by, as_staff=as_staff)
        self._record(verb, by, before=before, as_staff=as_staff)
        Membership.objects.filter(pk=self.pk).delete()

    def _end_invitations(self, by: User, *, as_staff: bool = False) -> None:
        """Withdraw what the person has sent and may not send any more: rights that end leave nothing behind."""
        for invitation in self.organization.invitations.pending().filter(invited_by=self.user):
            if self.role not in MANAGERS or (invitation.role == Role.OWNER and self.role != Role.OWNER):
                invitation.end(by=by, as_staff=as_staff)

    def _tell(self, details: Saying) -> None:
        what = gettext_noop("Your role in %(organization)s is %(role)s now")
        context = {"what": saying(what, organization=str(self.organization), role=self.role), "details": details}
        outbox.post("organization.changed", organization=self.organization, people=[self.user], context=context)

    def _tell_owners(self, what: str) -> None:
        """Tell the other owners what the provider's people decided about a member: they did not."""
        owners = User.objects.filter(memberships__in=self.organization.memberships.owners()).exclude(pk=self.user_id)
        context = {
            "what": saying(what, person=self.user.email, organization=str(self.organization)),
            "details": saying(
                gettext_noop("If nobody of you asked for that, contact %(support_email)s."),
                support_email=settings.SUPPORT_EMAIL,
            ),
        }
        outbox.post("organization.changed", organization=self.organization, people=owners, context=context)

    def _record(
        self,
        verb: str,
        by: User,
        *,
        before: dict[str, str] | None = None,
        after: dict[str, str] | None = None,
        as_staff: bool = False,
    ) -> None:
        target = Target(self.public_id, self.user.email)
        AuditEvent.record(
            verb, organization=self.organization, actor=by, target=target, before=before, after=after, as_staff=as_staff
        )
