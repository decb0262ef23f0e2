"""Sealed copies open in their own place only."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys import tokens, vault

PLACE = {"organization": "org_A", "key": "key_A", "number": 1}
STRING = tokens.make()


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


def test_an_older_master_key_still_opens_and_a_missing_one_is_named(settings):
    old = settings.KEY_MASTER_KEYS
    sealed = vault.seal(STRING, **PLACE)
    newer = f"2:{base64.b64encode(b'n' * 32).decode()}"
    try:
        settings.KEY_MASTER_KEYS = f"{old},{newer}"
        vault.master_keys.cache_clear()
        assert vault.open_sealed(sealed, **PLACE) == STRING
        assert vault.seal(STRING, **PLACE)[1] == 2
        settings.KEY_MASTER_KEYS = newer
        vault.master_keys.cache_clear()
        with pytest.raises(vault.SealError, match="version 1 is not in KEY_MASTER_KEYS"):
            vault.open_sealed(sealed, **PLACE)
    finally:
        settings.KEY_MASTER_KEYS = old
        vault.master_keys.cache_clear()
