"""After a restore: take again what was taken since the backup, as a gateway knew it. Takes the files `policy` of gateways, saved before."""

import datetime as dt
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from accounts.models import Organization, User
from gateway import policy_file, policy_lines
from gateway.rules import Product as KnownProduct
from gateway.rules import Rules
from keys import narrowing, vault
from keys.models import ApiKey, GatewayFeed, Product, Route

_DISABLED = "It was disabled after the backup that was restored."
_REPLACED = "Its string was replaced after the backup that was restored: rotate it, then have it enabled."
_SUSPENDED = "It was suspended or deleted after the backup that was restored."


class Command(BaseCommand):
    """Go through all keys of the database, in one transaction; what is refused already stays as it is, and nothing is given back."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the files and who answers for it."""
        parser.add_argument(
            "files", nargs="+", type=Path, help="DATA_DIR/gateway/<GATEWAY_NAME>/policy, each gateway's"
        )
        parser.add_argument(
            "--by", required=True, help="e-mail address of the member of staff in whose name it happens"
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")

    @transaction.atomic
    def handle(self, *args: Any, files: list[Path], by: str, dry_run: bool, **options: Any) -> None:
        """Revoke and narrow, and say what. Raises CommandError for a file that cannot be relied upon, or that knows nothing newer."""
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
                self._say(organization.public_id, ["suspended"])
        products = {product.id: product for product in known.catalogue.by_code.values()}
        self._narrow_catalogue(products, known, staff)
        names = {pk: product.name for pk, product in products.items()}
        loaded = ("secrets", "key_products__product")
        for key in ApiKey.objects.kept().select_related("organization").prefetch_related(*loaded).iterator(1_000):
            line = known.keys.get(key.pk)
            if not isinstance(line, bytes) or (row := policy_lines.read(line))[6] is not None:
                key.mark_deleted(by=staff)
                self._say(key.public_id, ["deleted"])
                continue
            allowed, ends = _known(row, products), _end(key, row)
            kept_away = narrowing.not_given_back(key, allowed, names)
            done = _revoke(key, row, staff)
            self._say(key.public_id, done + narrowing.narrow_key(key, allowed, expires_at=ends, by=staff))
            self._say(f"{key.public_id} not given back:", kept_away)
        if dry_run:
            transaction.set_rollback(True)
            self.stdout.write("Nothing was changed: this was a dry run.")

    def _say(self, about: str, done: list[str]) -> None:
        if done:
            self.stdout.write(f"{about} {', '.join(done)}")

    def _narrow_catalogue(self, products: dict[int, KnownProduct], known: Rules, staff: User) -> None:
        """Lower defaults and retire; routes are named where they differ, as the longest of several decides."""
        for product in Product.objects.all():
            if then := products.get(product.pk):
                retired_at = None if then.retired_at is None else dt.datetime.fromtimestamp(then.retired_at, dt.UTC)
                done = narrowing.narrow_product(product, default_qps=then.default_qps, retired_at=retired_at, by=staff)
                self._say(product.code, done)
        here = dict(Route.objects.values_list("path_prefix", "product__code"))
        there = {prefix: product.code for prefix, product in known.catalogue.by_prefix.items()}
        for prefix in sorted({*here, *there}):
            if here.get(prefix) != there.get(prefix):
                words = (there.get(prefix, "of no product"), here.get(prefix, "of no product"))
                self._say(f"route {prefix}", ["not changed: it was {} last of all and is {} here".format(*words)])


def _read(path: Path) -> Rules:
    rules = Rules()
    try:
        policy_file.read(path, vault.peppers().fingerprints("KEY_PEPPERS"), rules)
    except (policy_file.Unusable, OSError) as error:
        raise CommandError(f"{path} cannot be used: {error}.") from None
    return rules


def _known(row: policy_lines.Row, products: dict[int, KnownProduct]) -> narrowing.Known:
    limits = {
        product: products[product].default_qps if limit is None else limit
        for product, limit in zip(row[10], row[11], strict=True)
    }
    return narrowing.Known(limits, row[3], is_disabled=row[5] is not None)


def _ends(row: policy_lines.Row) -> dict[bytes, float | None]:
    """Return when the strings end, by their digests."""
    return dict(zip(row[8], row[9], strict=True))


def _end(key: ApiKey, row: policy_lines.Row) -> dt.datetime | None:
    """Return when a key was to end that still works: at its own end, or at that of a string that was being replaced."""
    found = (row[4], _ends(row).get(bytes(key.current_secret.digest)))
    coming = [end for end in found if end is not None and end > time.time()]
    return dt.datetime.fromtimestamp(min(coming), dt.UTC) if coming else None


def _revoke(key: ApiKey, row: policy_lines.Row, staff: User) -> list[str]:
    """Revoke what is known to be revoked of one key. Return what was done."""
    now = time.time()
    working = {digest for digest, end in _ends(row).items() if end is None or end > now}
    old, done = key.secret_in_grace, []
    if old is not None and bytes(old.digest) not in working:
        key.retire_old_string(by=staff, version=key.version)
        done.append("old string retired")
    has_ended = row[4] is not None and row[4] <= now
    is_replaced = bytes(key.current_secret.digest) not in working
    if key.disabled_at is None and (row[5] is not None or has_ended or is_replaced):
        key.disable(by=staff, as_staff=True, reason=_REPLACED if is_replaced else _DISABLED)
        done.append("disabled: its string was replaced" if is_replaced else "disabled")
    return done
