"""The only code that sees the master keys: seal a key string, open it again.

A sealed copy is `format 1 | key version | 12-byte nonce | AES-256-GCM ciphertext and tag`. The key is derived from the master
key with HKDF-SHA-256 (RFC 5869) for one organisation; the associated data bind the copy to organisation, key and number, so
that a copy moved to another row does not open.
"""

import functools
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from keys import tokens

FORMAT = 1
NONCE_LENGTH = 12


class SealError(Exception):
    """A sealed copy does not open: altered, moved, or sealed under a master key that is not there."""


@functools.cache
def master_keys() -> tokens.Keyring:
    """Return the master keys of the settings. Raises KeyringError."""
    return tokens.read_keyring("KEY_MASTER_KEYS", settings.KEY_MASTER_KEYS)


@functools.cache
def peppers() -> tokens.Keyring:
    """Return the peppers of the settings. Raises KeyringError."""
    return tokens.read_keyring("KEY_PEPPERS", settings.KEY_PEPPERS)


def digest(string: str) -> bytes:
    """Return the digest under which a new key string is stored."""
    return tokens.digest(string, peppers().current[1])


def seal(string: str, *, organization: str, key: str, number: int) -> bytes:
    """Return the sealed copy of a key string for one place: organisation's and key's public IDs, number of the secret."""
    version, master = master_keys().current
    nonce = os.urandom(NONCE_LENGTH)
    box = AESGCM(_organization_key(master, organization))
    return (
        bytes((FORMAT, version)) + nonce + box.encrypt(nonce, string.encode("ascii"), _place(organization, key, number))
    )


def open_sealed(sealed: bytes, *, organization: str, key: str, number: int) -> str:
    """Return the key string of a sealed copy. Raises SealError whatever is wrong with it."""
    if len(sealed) < 2 + NONCE_LENGTH or sealed[0] != FORMAT:
        raise SealError("This is not a sealed key.")
    master = master_keys().get(sealed[1])
    if master is None:
        raise SealError(f"Master key version {sealed[1]} is not in KEY_MASTER_KEYS.")
    nonce, ciphertext = sealed[2 : 2 + NONCE_LENGTH], sealed[2 + NONCE_LENGTH :]
    try:
        box = AESGCM(_organization_key(master, organization))
        return box.decrypt(nonce, ciphertext, _place(organization, key, number)).decode("ascii")
    except (InvalidTag, ValueError):
        raise SealError(
            "The sealed key does not open here: it was altered, moved, or sealed under another key."
        ) from None


@functools.lru_cache(maxsize=4096)
def _organization_key(master: bytes, organization: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"latchkey seal {organization}".encode()).derive(master)


def _place(organization: str, key: str, number: int) -> bytes:
    return f"{organization}|{key}|{number}".encode()
