"""Seal everything anew with the newest master key, so that older ones can be taken out of KEY_MASTER_KEYS. Safe while people work."""

import base64
from collections.abc import Callable, Iterator
from typing import Any, Final

from allauth.mfa.models import Authenticator
from django.core.management.base import BaseCommand, CommandError
from django.db import models, transaction

from accounts.signin import factors
from alerts.models import Alert
from keys import vault
from keys.models import KeySecret
from keys.models.secret import KeyringCheck

BATCH: Final = 1_000
_SEEDS: Final = {Authenticator.Type.TOTP: "secret", Authenticator.Type.RECOVERY_CODES: "seed"}


class Command(BaseCommand):
    """Strings of keys, secrets of webhooks, seeds of second factors. One that was interrupted goes on where it ended."""

    help = __doc__
    failed = 0

    def handle(self, *args: Any, **options: Any) -> None:
        """Seal anew and say how many; forget the older master keys' fingerprints. Raises CommandError when some do not open."""
        newest = vault.master_keys().current[0]
        strings = KeySecret.objects.select_related("key__organization")
        counts = {
            "strings of keys": self._sealed(strings, "sealed", _place_of_string, newest),
            "secrets of webhooks": self._sealed(
                Alert.objects.select_related("organization"), "webhook_secret", Alert.place, newest
            ),
            "seeds of second factors": self._seeds(newest),
        }
        for what, count in counts.items():
            self.stdout.write(f"{count} {what} sealed anew")
        if self.failed:
            raise CommandError(f"{self.failed} do not open and stay as they are: keep all master keys.")
        KeyringCheck.objects.filter(purpose="KEY_MASTER_KEYS").exclude(version=newest).delete()
        self.stdout.write(f"All is sealed with version {newest}: others can be taken out of KEY_MASTER_KEYS.")

    def _sealed(
        self, rows: models.QuerySet[Any], column: str, place: Callable[[Any], dict[str, Any]], newest: int
    ) -> int:
        """Seal one column of bytes anew where it has another version. A row that was changed meanwhile is left: it is newer."""
        older = rows.exclude(**{column: None}).annotate(under=_version(column)).exclude(under=bytes([newest]))
        count = 0
        for row in _in_batches(older):
            sealed = bytes(getattr(row, column))
            try:
                anew = vault.seal(vault.open_sealed(sealed, **place(row)), **place(row))
            except vault.SealError:
                self.failed += 1
                continue
            count += type(row).objects.filter(pk=row.pk, **{column: sealed}).update(**{column: anew})
        return count

    def _seeds(self, newest: int) -> int:
        """Seal seeds anew. They stand in JSON beside what signing in changes, so each is locked for a moment."""
        adapter, count = factors.FactorAdapter(), 0
        for found in _in_batches(Authenticator.objects.filter(type__in=_SEEDS)):
            with transaction.atomic():
                row = Authenticator.objects.select_for_update().filter(pk=found.pk).first()
                name = _SEEDS[found.type]
                if row is None or name not in row.data:
                    continue
                try:
                    if base64.b64decode(row.data[name])[1] == newest:
                        continue
                    row.data[name] = adapter.encrypt(adapter.decrypt(row.data[name]))
                except (vault.SealError, ValueError, IndexError):
                    self.failed += 1
                    continue
                row.save(update_fields=["data"])
                count += 1
        return count


def _version(column: str) -> models.Func:
    """Return the second byte, which says under which master key a copy is sealed."""
    return models.Func(models.F(column), 2, 1, function="SUBSTRING", output_field=models.BinaryField())


def _place_of_string(secret: KeySecret) -> dict[str, Any]:
    key = secret.key
    return {"organization": key.organization.public_id, "key": key.public_id, "number": secret.number}


def _in_batches(rows: models.QuerySet[Any]) -> Iterator[Any]:
    """Yield rows by their primary keys, without a long transaction."""
    last = 0
    while batch := list(rows.filter(pk__gt=last).order_by("pk")[:BATCH]):
        yield from batch
        last = batch[-1].pk
