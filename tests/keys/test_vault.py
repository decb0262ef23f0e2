"""Sealed copies open in their own place only."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys import tokens, vault

PLACE = {"organization": "org_A", "key": "key_A", "number": 1}
STRING = tokens.make()
# Made beside this program: format 1, version 1, nonce, AES-256-GCM under HKDF-SHA-256(master key, "latchkey seal org_A").
OF_AN_EARLIER_DAY = (
    "0101000102030405060708090a0baa49473bb4242f185defccc5948f15c5d45ea242bd3b166fbeae177dc0122c5cc6548c9fd5d731eef5445f"
    "d2e048af0ff00568874caeb793"
)


@pytest.fixture
def master_keys(settings):
    """Return what puts other master keys in the place of the present ones."""
    old = settings.KEY_MASTER_KEYS

    def put(text):
        settings.KEY_MASTER_KEYS = text
        vault.master_keys.cache_clear()

    yield put
    put(old)


def test_a_sealed_copy_opens_where_it_was_sealed():
    sealed = vault.seal(STRING, **PLACE)
    assert vault.open_sealed(sealed, **PLACE) == STRING
    assert STRING.encode() not in sealed
    assert sealed != vault.seal(STRING, **PLACE)


@pytest.mark.parametrize("elsewhere", [{"organization": "org_B"}, {"key": "key_B"}, {"number": 2}])
def test_a_copy_that_was_moved_does_not_open(elsewhere):
    with pytest.raises(vault.SealError):
        vault.open_sealed(vault.seal(STRING, **PLACE), **PLACE | elsewhere)


def test_every_flipped_bit_and_every_truncation_fails():
    sealed = vault.seal(STRING, **PLACE)
    for position in range(len(sealed) * 8):
        broken = bytearray(sealed)
        broken[position // 8] ^= 1 << position % 8
        with pytest.raises(vault.SealError):
            vault.open_sealed(bytes(broken), **PLACE)
    for length in range(len(sealed)):
        with pytest.raises(vault.SealError):
            vault.open_sealed(sealed[:length], **PLACE)


@given(st.binary(max_size=120))
def test_any_other_bytes_fail_with_the_one_error(data):
    with pytest.raises(vault.SealError):
        vault.open_sealed(data, **PLACE)


def test_a_copy_of_an_earlier_day_opens(master_keys):
    master_keys(f"1:{base64.b64encode(b'm' * 32).decode()}")
    opened = vault.open_sealed(bytes.fromhex(OF_AN_EARLIER_DAY), **PLACE)
    assert opened == "lk0123456789abcdefghijABCDEFGHIJZz1RBUYE"


def test_an_older_master_key_still_opens_and_a_missing_one_is_named(settings, master_keys):
    sealed = vault.seal(STRING, **PLACE)
    newer = f"2:{base64.b64encode(b'n' * 32).decode()}"
    master_keys(f"{settings.KEY_MASTER_KEYS},{newer}")
    assert vault.open_sealed(sealed, **PLACE) == STRING
    assert vault.seal(STRING, **PLACE)[1] == 2
    master_keys(newer)
    with pytest.raises(vault.SealError, match="version 1 is not in KEY_MASTER_KEYS"):
        vault.open_sealed(sealed, **PLACE)
