"""After a restore: revoke again what a gateway knew as revoked. Takes the files `policy` of gateways, saved before the restore."""

import datetime as dt
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from accounts.models import Organization, User
from gateway import policy_file, policy_lines
from gateway.rules import Rules
from keys import vault
from keys.models import ApiKey, GatewayFeed

_DISABLED = "It was disabled after the backup that was restored."
_REPLACED = "Its string was replaced after the backup that was restored: rotate it, then have it enabled."
_SUSPENDED = "It was suspended or deleted after the backup that was restored."


class Command(BaseCommand):
    """Go through all keys of the database, in one transaction; what is refused already stays as it is."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the files and who answers for it."""
        parser.add_argument(
            "files", nargs="+", type=Path, help="DATA_DIR/gateway/<GATEWAY_NAME>/policy, each gateway's"
        )
        parser.add_argument(
            "--by", required=True, help="e-mail address of the member of staff in whose name it happens"
        )

    @transaction.atomic
    def handle(self, *args: Any, files: list[Path], by: str, **options: Any) -> None:
        """Revoke and say what. Raises CommandError for a file that cannot be relied upon, or that knows nothing newer."""
        staff = User.objects.filter(email=by, is_staff=True, is_active=True).first()
        if staff is None:
            raise CommandError(f"Nobody of the staff has the address {by}.")
        known = max((_read(path) for path in files), key=lambda rules: rules.number)
        here = GatewayFeed.objects.values_list("number", flat=True).get()
        if known.number <= here:
            raise CommandError(
                f"The files end with change {known.number}, the database with {here}: they know no more."
            )
        for organization in Organization.objects.filter(suspended_at=None, deleted_at=None):
            then = known.organizations.get(organization.pk)
            if then is None or then.is_suspended:
                organization.suspend(by=staff, reason=_SUSPENDED)
                self.stdout.write(f"{organization.public_id} suspended")
        for key in ApiKey.objects.kept().select_related("organization").prefetch_related("secrets").iterator(1_000):
            line = known.keys.get(key.pk)
            done = _revoke(key, policy_lines.read(line) if isinstance(line, bytes) else None, staff)
            if done:
                self.stdout.write(f"{key.public_id} {done}")


def _read(path: Path) -> Rules:
    rules = Rules()
    try:
        policy_file.read(path, vault.peppers().fingerprints("KEY_PEPPERS"), rules)
    except (policy_file.Unusable, OSError) as error:
        raise CommandError(f"{path} cannot be used: {error}.") from None
    return rules


def _revoke(key: ApiKey, then: policy_lines.Row | None, staff: User) -> str:
    """Revoke what is known to be revoked of one key. Return what was done, empty for nothing."""
    if then is None or then[6] is not None:
        key.mark_deleted(by=staff)
        return "deleted"
    now = time.time()
    ends = dict(zip(then[8], then[9], strict=True))
    working = {digest for digest, end in ends.items() if end is None or end > now}
    old, done = key.secret_in_grace, ""
    if old is not None and bytes(old.digest) not in working:
        key.retire_old_string(by=staff, version=key.version)
        done = "old string retired"
    has_ended = then[4] is not None and then[4] <= now
    is_replaced = bytes(key.current_secret.digest) not in working
    if key.disabled_at is None and (then[5] is not None or has_ended or is_replaced):
        key.disable(by=staff, as_staff=True, reason=_REPLACED if is_replaced else _DISABLED)
        done = "disabled: its string was replaced" if is_replaced else "disabled"
    found = (then[4], ends.get(bytes(key.current_secret.digest)))  # of the key, and of a string that was being replaced
    coming = [end for end in found if end is not None and end > now]
    if coming and _end(key, dt.datetime.fromtimestamp(min(coming), dt.UTC), staff):
        done = f"{done and done + ', '}ends {key.expires_at:%Y-%m-%d %H:%M} UTC"
    return done


def _end(key: ApiKey, moment: dt.datetime, staff: User) -> bool:
    """Have a key end at a moment, if it would end later or never. Return whether it would have."""
    if key.expires_at is not None and key.expires_at <= moment:
        return False
    products, domains = list(key.products.all()), key.allowed_domains
    key.edit(
        by=staff, version=key.version, name=key.name, products=products, allowed_domains=domains, expires_at=moment
    )
    return True
