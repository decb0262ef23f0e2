"""Key strings: make, parse, digest, hint. PURE: no Django, so that the gateway uses the same code.

A string is a short prefix (two letters unless set otherwise), 32 random base-62 characters (190 bits) and 6 base-62
characters of the CRC-32 of all before: strictly alphanumeric, 40 characters with the default prefix. The checksum settles typos and secret
scanners without a look-up; it is no protection against forgery, which the 190 bits are.
"""

import base64
import functools
import hashlib
import hmac
import re
import secrets
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
RANDOM_LENGTH = 32
CHECKSUM_LENGTH = 6
TAIL_LENGTH = RANDOM_LENGTH + CHECKSUM_LENGTH
KEY_BYTES = 32
_BLOCK_BYTES = 64  # of SHA-256

_PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
_PAIR = len(_PAIRS)


class KeyringError(ValueError):
    """A list of peppers or master keys cannot be used; the message says which and why, in one sentence."""


def make(prefix: str = "lk") -> str:
    """Return a new key string."""
    body = prefix + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
    return body + checksum(body)


def checksum(body: str) -> str:
    """Return the 6 base-62 characters of the CRC-32 (ISO-HDLC, as in zlib) of an ASCII string."""
    number = zlib.crc32(body.encode("ascii"))
    return _PAIRS[number // _PAIR**2] + _PAIRS[number // _PAIR % _PAIR] + _PAIRS[number % _PAIR]


def is_well_formed(text: str, prefix: str = "lk") -> bool:
    """Whether the text is a key string with the right prefix, length, letters and checksum. Never raises."""
    return (
        len(text) == len(prefix) + TAIL_LENGTH
        and text.startswith(prefix)
        and text.isascii()
        and text.isalnum()
        and checksum(text[:-CHECKSUM_LENGTH]) == text[-CHECKSUM_LENGTH:]
    )


def find(text: str, prefix: str = "lk") -> Iterator[str]:
    """Yield the well-formed key strings in a text, to keep them out of logs and search fields."""
    for match in re.finditer(rf"(?=({re.escape(prefix)}[0-9A-Za-z]{{{TAIL_LENGTH}}}))", text):
        if is_well_formed(match.group(1), prefix):
            yield match.group(1)


def hint(text: str) -> str:
    """Return what the interface shows of a key string: `lkR4tW…9fQ2`."""
    return f"{text[:6]}…{text[-4:]}"


def digest(text: str, pepper: bytes) -> bytes:
    """Return the 32 bytes under which a key string is looked up: HMAC-SHA-256 (RFC 2104) keyed with the pepper."""
    return digester(pepper)(text.encode("ascii"))


@functools.lru_cache(maxsize=16)
def digester(pepper: bytes) -> Callable[[bytes], bytes]:
    """Return the function from a key string in ASCII to its digest.

    It begins with states that have the pepper in them already, in a third of the time of `hmac.digest`.
    """
    block = pepper.ljust(_BLOCK_BYTES, b"\0")
    if len(block) > _BLOCK_BYTES:
        raise ValueError("a pepper has 32 bytes")
    begin_inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block)).copy
    begin_outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block)).copy

    def digest_of(string: bytes) -> bytes:
        inner, outer = begin_inner(), begin_outer()
        inner.update(string)
        outer.update(inner.digest())
        return outer.digest()

    return digest_of


@dataclass(frozen=True, slots=True)
class Keyring:
    """Versioned 32-byte keys, oldest first; the newest is used for what is written."""

    keys: tuple[tuple[int, bytes], ...]

    @property
    def current(self) -> tuple[int, bytes]:
        """The newest version and its key."""
        return self.keys[-1]

    def get(self, version: int) -> bytes | None:
        """Return the key of one version, None where it is not on the ring."""
        return dict(self.keys).get(version)

    def fingerprints(self, purpose: str) -> dict[int, str]:
        """Return 16 hex digits for each version, by which a wrong key is recognised without knowing the right one."""
        return {
            version: hmac.digest(key, f"latchkey fingerprint {purpose}".encode(), hashlib.sha256).hex()[:16]
            for version, key in self.keys
        }


def read_keyring(name: str, text: str) -> Keyring:
    """Read `1:<base64>,2:<base64>`: versions from 1 to 255, each with 32 bytes. Raises KeyringError."""
    keys: dict[int, bytes] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        number, _, encoded = entry.partition(":")
        try:
            version, key = int(number), base64.b64decode(encoded, validate=True)
        except ValueError:
            raise KeyringError(f"{name} is not a list of version:base64.") from None
        if not 1 <= version <= 255 or version in keys:
            raise KeyringError(f"{name} has a version outside 1 to 255, or one twice.")
        if len(key) != KEY_BYTES:
            raise KeyringError(f"{name} version {version} is not {KEY_BYTES} bytes long.")
        keys[version] = key
    if not keys:
        raise KeyringError(f"{name} holds no key.")
    return Keyring(tuple(sorted(keys.items())))
