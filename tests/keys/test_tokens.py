"""Key strings: make, parse, checksum, digest, hint; peppers and master keys."""

import base64
import hmac
import string as letters
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys import tokens

POSITION = st.integers(0, 39)
LETTER = st.sampled_from(tokens.ALPHABET)


def test_a_string_is_forty_alphanumeric_characters_with_its_prefix():
    made = {tokens.make() for _ in range(200)}
    assert len(made) == 200
    for string in made:
        assert len(string) == 40
        assert string.startswith("lk")
        assert set(string) <= set(letters.ascii_letters + letters.digits)
        assert tokens.is_well_formed(string)


def test_a_string_of_an_earlier_day_is_still_one():
    """What customers hold: nobody may change how it is made up without keeping it valid."""
    assert tokens.is_well_formed("lk0123456789abcdefghijABCDEFGHIJZz1RBUYE")


@given(st.text(alphabet=tokens.ALPHABET, max_size=40))
def test_the_checksum_is_the_crc_32_in_base_62(body):
    number = 0
    for letter in tokens.checksum(body):
        number = number * 62 + tokens.ALPHABET.index(letter)
    assert number == zlib.crc32(body.encode())


@given(POSITION, LETTER)
def test_every_single_character_change_fails_the_checksum(position, letter):
    string = tokens.make()
    changed = string[:position] + letter + string[position + 1 :]
    assert tokens.is_well_formed(changed) == (changed == string)


@given(st.integers(0, 38))
def test_every_adjacent_swap_fails_the_checksum(position):
    string = tokens.make()
    changed = string[:position] + string[position + 1] + string[position] + string[position + 2 :]
    assert tokens.is_well_formed(changed) == (changed == string)


@given(st.text(max_size=60))
def test_any_other_text_is_no_key_and_never_raises(text):
    assert not tokens.is_well_formed(text)


@given(st.text(max_size=40).filter(lambda text: not text[-1:].isalnum()), st.text(max_size=20))
def test_a_key_is_found_inside_a_text(before, after):
    string = tokens.make()
    assert string in list(tokens.find(f"{before} {string}{after}"))


def test_a_hint_shows_ten_characters():
    string = tokens.make()
    assert tokens.hint(string) == f"{string[:6]}…{string[-4:]}"


@given(st.text(alphabet=tokens.ALPHABET, max_size=100), st.binary(max_size=64))
def test_a_digest_is_the_hmac(string, pepper):
    assert tokens.digest(string, pepper) == hmac.digest(pepper, string.encode(), "sha256")


def test_digests_differ_by_pepper_and_by_string():
    string = tokens.make()
    digests = {
        tokens.digest(string, b"a" * 32),
        tokens.digest(string, b"b" * 32),
        tokens.digest(tokens.make(), b"a" * 32),
    }
    assert len(digests) == 3
    assert {len(digest) for digest in digests} == {32}


def encoded(letter):
    return base64.b64encode(letter * 32).decode()


def test_a_keyring_is_read_with_its_newest_key_current():
    ring = tokens.read_keyring("X", f"2:{encoded(b'b')}, 1:{encoded(b'a')}")
    assert ring.current == (2, b"b" * 32)
    assert ring.get(1) == b"a" * 32
    assert ring.get(3) is None


def test_versions_are_one_byte():
    assert tokens.read_keyring("X", f"1:{encoded(b'a')},255:{encoded(b'b')}").current == (255, b"b" * 32)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        f"0:{encoded(b'a')}",
        f"256:{encoded(b'a')}",
        f"1:{encoded(b'a')},1:{encoded(b'b')}",
        "1:c2hvcnQ=",
        "1:%%%",
    ],
)
def test_a_wrong_keyring_is_refused_by_name(text):
    with pytest.raises(tokens.KeyringError, match="KEY_PEPPERS"):
        tokens.read_keyring("KEY_PEPPERS", text)
