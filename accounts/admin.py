"""People, customers and the audit log in the admin."""

from typing import Any

from allauth.account import admin as allauth_admin
from allauth.account.models import EmailAddress
from allauth.mfa import admin as mfa_admin
from allauth.socialaccount import admin as social_admin
from allauth.usersessions import admin as sessions_admin
from django.contrib import admin, messages
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group
from django.db.models import Count, ManyToManyField, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy, pgettext_lazy

from accounts import bulk, members_admin, permission_words
from accounts.audited_admin import AuditedAdmin, ReadOnlyAdmin, ReadOnlyInline, person
from accounts.models import AuditEvent, Invitation, Membership, Organization, Target, User
from accounts.signin import factors
from dashboard import public_ids, words
from keys import plans

# The pages that these apps bring keep no audit log, and some show what is nobody's to see.
admin.site.unregister([Group, allauth_admin.EmailAddress, mfa_admin.Authenticator, sessions_admin.UserSession])
admin.site.unregister([social_admin.SocialAccount, social_admin.SocialApp, social_admin.SocialToken])


class EmailAddressInline(ReadOnlyInline):
    """Addresses of a person, and whether they have proven that they read them."""

    model = EmailAddress
    fields = ("email", "primary", "verified")


@admin.register(User)
class UserAdmin(AuditedAdmin):
    """People. They set their own passwords; what gives rights is changed by superusers."""

    noun = "user"
    form = members_admin.PersonForm
    audited_fields = ("email", "first_name", "last_name", "is_active", "is_staff", "is_superuser")
    list_display = ("email", "name", "organizations_of", "is_active", "is_staff", "is_superuser", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser", "memberships__role")
    search_fields = ("email", "first_name", "last_name", "organizations__name")
    ordering = ("email",)
    fieldsets = (
        (None, {"fields": ("email", "first_name", "last_name", "is_active")}),
        (gettext_lazy("Rights"), {"fields": ("is_staff", "is_superuser", "groups", "user_permissions")}),
        (gettext_lazy("Times"), {"fields": ("last_login", "date_joined")}),
    )
    filter_horizontal = ("groups", "user_permissions")
    formfield_overrides = {ManyToManyField: {"form_class": permission_words.Choices}}
    inlines = (EmailAddressInline,)
    rights = ("is_staff", "is_superuser", "groups", "user_permissions")
    actions = ("reset_second_factors",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Load the organisations with the list."""
        return super().get_queryset(request).prefetch_related("memberships__organization")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """An address is changed by the person, who proves it; rights by superusers. Nobody locks themselves out."""
        fixed = ("last_login", "date_joined") + (("email",) if obj else ())
        if obj == request.user:
            fixed += ("is_active", "is_staff", "is_superuser")
        return fixed if request.user.is_superuser else fixed + self.rights

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Staff with the permission change customers' people, superusers everybody."""
        allowed = super().has_change_permission(request, obj)
        return allowed and (obj is None or request.user.is_superuser or not (obj.is_staff or obj.is_superuser))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: people are made inactive, so that the log keeps who they were."""
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Give a new person no password: they choose one through “Forgot password”. Who is made inactive invites nobody."""
        if not change:
            obj.set_unusable_password()
        super().save_model(request, obj, form, change)
        if "is_active" in form.changed_data and not obj.is_active:
            for membership in obj.memberships.select_related("organization").order_by("organization"):
                membership.shut_out(by=person(request))

    def facts(self, obj: User) -> dict[str, Any]:
        """Add groups and permissions."""
        permissions = obj.user_permissions.order_by("content_type__app_label", "codename")
        return super().facts(obj) | {
            "groups": list(obj.groups.order_by("name").values_list("name", flat=True)),
            "permissions": [
                f"{app}.{code}" for app, code in permissions.values_list("content_type__app_label", "codename")
            ],
        }

    def audit_organization(self, obj: User) -> None:
        """People belong to no one organisation."""

    @admin.action(description=gettext_lazy("Remove second factors…"), permissions=["change"])
    def reset_second_factors(self, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse | None:
        """Help people who have lost their app, their passkeys and their recovery codes."""
        form = bulk.answered(request, bulk.ReasonForm)
        if not form.is_valid():
            question = bulk.Question(
                "reset_second_factors",
                _("Remove second factors"),
                _("Their passwords alone sign in again. Be sure that it is they who ask. They are told."),
                _("Remove"),
            )
            return bulk.ask(self, request, queryset, form, question)
        by, reason = person(request), form.cleaned_data["reason"]
        tally = bulk.perform(queryset, lambda each: factors.reset(each, by=by, reason=reason))
        done = ngettext_lazy(
            "%(shown)s person has no second factor any more.",
            "%(shown)s people have no second factor any more.",
            "number",
        )
        none = ngettext_lazy("%(shown)s of the chosen had none.", "%(shown)s of the chosen had none.", "number")
        bulk.report(request, tally, done=done, unchanged=none)
        return None

    @admin.display(description=gettext_lazy("name"), ordering="first_name")
    def name(self, obj: User) -> str:
        """First and last name."""
        return obj.get_full_name()

    @admin.display(description=gettext_lazy("organisations"))
    def organizations_of(self, obj: User) -> str:
        """Where they are members, with their roles."""
        return ", ".join(f"{member.organization} ({member.said_role})" for member in obj.memberships.all())


@admin.register(Group)
class GroupAdmin(AuditedAdmin, auth_admin.GroupAdmin):
    """Permissions that several of the provider's people have together. They give rights, so superusers alone change them."""

    noun = "group"
    audited_fields = ("name",)
    search_fields = ("name",)
    ordering = ("name",)
    filter_horizontal = ("permissions",)
    formfield_overrides = {ManyToManyField: {"form_class": permission_words.Choices}}

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Superusers alone: others could give more to a group of their own."""
        return request.user.is_superuser

    has_add_permission = has_delete_permission = has_change_permission

    def facts(self, obj: Group) -> dict[str, Any]:
        """Add the permissions; a group that goes has them no more."""
        permissions = obj.permissions.order_by("content_type__app_label", "codename") if obj.pk else ()
        return super().facts(obj) | {"permissions": [f"{p.content_type.app_label}.{p.codename}" for p in permissions]}

    def audit_target(self, obj: Group) -> Target:
        """Groups have no public ID."""
        return Target(f"group_{obj.pk}", obj.name)


@admin.register(EmailAddress)
class EmailAddressAdmin(ReadOnlyAdmin):
    """Addresses of people."""

    list_display = ("email", "user", "primary", "verified")
    list_filter = ("primary", "verified")
    list_select_related = ("user",)
    search_fields = ("email", "user__email")
    ordering = ("email",)


@admin.register(Organization)
class OrganizationAdmin(AuditedAdmin):
    """Customers. They register themselves; here they change plan, are suspended and resumed."""

    noun = "organization"
    audited_fields = ("name", "plan")
    list_display = (
        "name",
        "public_id",
        "plan",
        "is_in_service",
        "keys_count",
        "members_count",
        "time_zone",
        "created_at",
    )
    list_filter = ("plan", ("suspended_at", admin.EmptyFieldListFilter))
    search_fields = ("name", "slug", "members__email")
    ordering = ("name", "pk")
    fields = (
        "public_id",
        "name",
        "slug",
        "plan",
        "time_zone",
        "suspended_at",
        "suspended_reason",
        "deleted_at",
        "created_at",
    )
    readonly_fields = ("public_id", "slug", "time_zone", "suspended_at", "suspended_reason", "deleted_at", "created_at")
    inlines = (members_admin.MembershipInline,)
    actions = ("suspend_chosen", "resume_chosen")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Organization]:
        """Count keys and members with the list."""
        keys = Count("keys", filter=Q(keys__deleted_at=None), distinct=True)
        return super().get_queryset(request).annotate(keys_kept=keys, people=Count("memberships", distinct=True))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Organization], search_term: str
    ) -> tuple[QuerySet[Organization], bool]:
        """Find by ID in whatever case, else by name and members."""
        if public_id := public_ids.normalise(search_term, "org"):
            found = queryset.filter(public_id=public_id)
            if found.exists():
                return found, False
        return super().get_search_results(request, queryset, search_term)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: customers register themselves."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: a customer is suspended, and its history stays."""
        return False

    def audit_organization(self, obj: Organization) -> Organization:
        """Its own log."""
        return obj

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Change members by the verbs of their own page, so that what ends with a role ends here too."""
        members_admin.save(formset, by=person(request))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Have the keys follow a new plan, and say what that meant."""
        super().save_related(request, form, formsets, change)
        if "plan" not in form.changed_data:
            return
        done = plans.follow(form.instance, by=person(request))
        if done.moved:
            told = {"billing_type": done.billing_type, "number": words.number(done.moved)}
            messages.warning(request, _("Keys that are billed as %(billing_type)s from now on: %(number)s.") % told)
        if done.withdrawn:
            said = _("Waiting QPS requests that were withdrawn, as the plan has no QPS management: %(number)s.")
            messages.warning(request, said % {"number": words.number(done.withdrawn)})

    @admin.display(description=gettext_lazy("in service"), boolean=True)
    def is_in_service(self, obj: Organization) -> bool:
        """Whether its keys work: it is neither suspended nor deleted."""
        return obj.is_in_service

    @admin.display(description=gettext_lazy("keys"), ordering="keys_kept")
    def keys_count(self, obj: Any) -> int:
        """Keys that are not deleted."""
        return obj.keys_kept

    @admin.display(description=gettext_lazy("members"), ordering="people")
    def members_count(self, obj: Any) -> int:
        """People."""
        return obj.people

    @admin.action(description=gettext_lazy("Suspend…"), permissions=["change"])
    def suspend_chosen(self, request: HttpRequest, queryset: QuerySet[Organization]) -> HttpResponse | None:
        """Have every key of the chosen customers refused, with a reason."""
        form = bulk.answered(request, bulk.ReasonForm)
        if not form.is_valid():
            question = bulk.Question(
                "suspend_chosen",
                _("Suspend organisations"),
                _("Every request with a key of theirs is refused within a second, until they are resumed."),
                _("Suspend"),
            )
            return bulk.ask(self, request, queryset, form, question)
        reason = form.cleaned_data["reason"]

        def verb(organization: Organization) -> bool:
            if organization.suspended_at is not None:
                return False
            organization.suspend(by=person(request), reason=reason)
            return True

        tally = bulk.perform(_locked(queryset), verb)
        done = ngettext_lazy("%(shown)s organisation is suspended.", "%(shown)s organisations are suspended.", "number")
        already = ngettext_lazy(
            "%(shown)s of the chosen were suspended already.",
            "%(shown)s of the chosen were suspended already.",
            "number",
        )
        bulk.report(request, tally, done=done, unchanged=already)
        return None

    @admin.action(description=pgettext_lazy("organisation", "Resume"), permissions=["change"])
    def resume_chosen(self, request: HttpRequest, queryset: QuerySet[Organization]) -> None:
        """Undo a suspension."""

        def verb(organization: Organization) -> bool:
            if organization.suspended_at is None:
                return False
            organization.resume(by=person(request))
            return True

        tally = bulk.perform(_locked(queryset), verb)
        done = ngettext_lazy("%(shown)s organisation is resumed.", "%(shown)s organisations are resumed.", "number")
        not_so = ngettext_lazy(
            "%(shown)s of the chosen were not suspended.", "%(shown)s of the chosen were not suspended.", "number"
        )
        bulk.report(request, tally, done=done, unchanged=not_so)


def _locked(queryset: QuerySet[Organization]) -> QuerySet[Organization]:
    """Return the chosen rows locked in one order, so that two bulk actions do not wait for each other in a circle."""
    chosen = list(queryset.values_list("pk", flat=True))
    return Organization.objects.select_for_update(no_key=True).filter(pk__in=chosen).order_by("pk")


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    """Who is where; changed on the organisation's page."""

    list_display = ("user", "organization", "role", "created_at")
    list_filter = ("role", "organization__plan")
    list_select_related = ("user", "organization")
    search_fields = ("user__email", "organization__name", "organization__public_id")


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    """Who was invited, and what became of it; the digest of the link stays in the database."""

    list_display = (
        "email",
        "organization",
        "role",
        "invited_by",
        "created_at",
        "expires_at",
        "accepted_at",
        "withdrawn_at",
    )
    list_filter = ("role", ("accepted_at", admin.EmptyFieldListFilter), ("withdrawn_at", admin.EmptyFieldListFilter))
    list_select_related = ("organization", "invited_by")
    search_fields = ("email", "=public_id", "organization__name", "organization__public_id")
    fields = ("public_id", *list_display, "accepted_by")


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """Who did what. The database refuses to change it, too."""

    list_display = ("at", "verb", "target_label", "target_id", "organization", "actor_label", "as_staff", "request_id")
    list_filter = ("as_staff", ("at", admin.DateFieldListFilter))
    list_select_related = ("organization",)
    search_fields = ("=target_id", "target_label", "actor_label", "=verb", "=request_id")
    search_help_text = gettext_lazy("ID, name, person, verb such as key.rotated, or Tracking-ID of the action")
    ordering = ("-pk",)
    fields = (
        "at", "verb", "target_label", "target_id", "organization", "actor_label", "as_staff", "before", "after", "request_id",
    )  # fmt: skip

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEvent], search_term: str
    ) -> tuple[QuerySet[AuditEvent], bool]:
        """Read IDs as people type them."""
        for prefix in ("key", "org"):
            public_id = public_ids.normalise(search_term, prefix)
            if public_id and (found := queryset.filter(target_id=public_id)).exists():
                return found, False
        return super().get_search_results(request, queryset, search_term)
