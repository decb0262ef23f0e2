"""`manage.py reseal`: everything under the newest master key, so that an older one can go."""

import base64
from io import StringIO

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command

from accounts.signin.factors import FactorAdapter
from keys import vault
from keys.models import KeySecret
from keys.models.secret import KeyringCheck
from tests.alerts.making import make_alert
from tests.factories import string_of

NEWER = f"2:{base64.b64encode(b'n' * 32).decode()}"


@pytest.fixture
def ring(settings):
    """Return a function that gives the process other master keys, as a restart does; the old ones come back."""
    old = settings.KEY_MASTER_KEYS

    def take(text: str) -> None:
        settings.KEY_MASTER_KEYS = text
        vault.master_keys.cache_clear()

    yield take
    take(old)


def reseal() -> str:
    said = StringIO()
    call_command("reseal", stdout=said)
    return said.getvalue()


def test_everything_is_sealed_anew_and_the_old_master_key_can_go(cast, ring, settings):
    old, adapter = settings.KEY_MASTER_KEYS, FactorAdapter()
    string, alert = string_of(cast.key), make_alert(cast.key, webhook_url="https://hooks.example.com/")
    secret, seeds = alert.secret(), {"totp": "secret", "recovery_codes": "seed"}
    for kind, name in seeds.items():
        data = {name: adapter.encrypt(f"seed of {kind}"), "used_mask": 5}
        Authenticator.objects.create(user=cast.ada, type=kind, data=data)
    KeyringCheck.verify()
    strings = KeySecret.objects.exclude(sealed=None).count()

    ring(f"{old},{NEWER}")
    KeyringCheck.verify()
    broken = KeySecret.objects.get(key=cast.other_key)
    whole = bytes(broken.sealed)
    KeySecret.objects.filter(pk=broken.pk).update(sealed=whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(CommandError, match="1 do not open and stay as they are"):
        reseal()
    assert set(KeyringCheck.objects.filter(purpose="KEY_MASTER_KEYS").values_list("version", flat=True)) == {1, 2}

    KeySecret.objects.filter(pk=broken.pk).update(sealed=whole)
    said = reseal()  # it goes on with what was left
    assert "1 strings of keys sealed anew\n0 secrets of webhooks sealed anew\n0 seeds" in said
    assert "All is sealed with version 2" in said
    assert strings > 1

    KeyringCheck.verify()  # a worker that starts again before the old one is taken out does not bring it back
    ring(NEWER)
    KeyringCheck.verify()
    for key in (cast.key, cast.other_key):
        key.refresh_from_db()
    assert cast.key.current_string() == string
    assert cast.other_key.current_string()
    alert.refresh_from_db()
    assert alert.secret() == secret
    for kind, name in seeds.items():
        data = Authenticator.objects.get(user=cast.ada, type=kind).data
        assert (adapter.decrypt(data[name]), data["used_mask"]) == (f"seed of {kind}", 5)
    assert "0 strings of keys sealed anew" in reseal()
