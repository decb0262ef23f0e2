"""What a gateway knows: keys by the digests of their strings, organisations, products and their paths. PURE: plain values.

Only the event loop's thread touches the one `Rules` that is in use; a snapshot is built aside and put in its place.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway import policy_lines
from keys import tokens

_SLASHES = re.compile(r"//+")
_REMEMBERED_PATHS = 4096
_REMEMBERED_PATH_MAX_CHARS = 256


@dataclass(frozen=True, slots=True)
class Product:
    """A product of the catalogue. Its paths are served until `retired_at` (seconds since 1970)."""

    id: int
    code: str
    name: str
    default_qps: int
    retired_at: float | None = None


@dataclass(frozen=True, slots=True)
class Organization:
    """A customer."""

    public_id: str
    is_suspended: bool


@dataclass(frozen=True, slots=True)
class Key:
    """A key. `limits` has an entry for each product that it may use; None is the product's default."""

    id: int
    public_id: str
    organization_id: int
    domains: tuple[str, ...]
    expires_at: float | None
    is_disabled: bool
    is_deleted: bool
    limits: Mapping[int, int | None]
    digests: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Secret:
    """One string of a key, which works until `ends_at` (seconds since 1970; None: without end)."""

    key: Key
    number: int
    ends_at: float | None
    permits: dict[tuple[int, bytes | str | None], Any] = field(default_factory=dict, compare=False, repr=False)
    """What was allowed lately (permits.py): a change of the key makes new secrets, and so begins with none."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The products by their codes and by their path prefixes."""

    by_code: Mapping[str, Product]
    by_prefix: Mapping[str, Product]
    lengths: tuple[int, ...]
    _found: dict[str, Product | None] = field(default_factory=dict, compare=False, repr=False)
    """The products of paths that were asked for lately."""

    @classmethod
    def make(cls, products: Iterable[Product], routes: Iterable[tuple[int, str]]) -> "Catalogue":
        """Return the catalogue of products and (product ID, path prefix) pairs."""
        by_id = {product.id: product for product in products}
        by_prefix = {prefix: by_id[product_id] for product_id, prefix in routes if product_id in by_id}
        lengths = tuple(sorted({len(prefix) for prefix in by_prefix}, reverse=True))
        return cls({product.code: product for product in by_id.values()}, by_prefix, lengths)

    def of_path(self, path: str, now: float) -> Product | None:
        """Return the product with the longest prefix of a path; None when there is none, or when that product is retired.

        Slashes in a row count as one, since servers behind a proxy merge them.
        """
        try:
            product = self._found[path]
        except KeyError:
            product = self._find(path)
            if len(path) <= _REMEMBERED_PATH_MAX_CHARS:
                if len(self._found) >= _REMEMBERED_PATHS:
                    self._found.clear()
                self._found[path] = product
        return product and _if_served(product, now)

    def _find(self, path: str) -> Product | None:
        if "//" in path:
            path = _SLASHES.sub("/", path)
        for length in self.lengths:
            product = self.by_prefix.get(path[:length])
            if product is not None:
                return product
        return None

    def of_code(self, code: str, now: float) -> Product | None:
        """Return the product with this code, None when it is not there or retired."""
        product = self.by_code.get(code)
        return product and _if_served(product, now)


def _if_served(product: Product, now: float) -> Product | None:
    return product if product.retired_at is None or product.retired_at > now else None


@dataclass(slots=True)
class Rules:
    """Everything that decides. `number` is the change up to which it is complete."""

    peppers: tuple[bytes, ...] = ()
    prefix: str = "lk"
    number: int = 0
    catalogue: Catalogue = field(default_factory=lambda: Catalogue({}, {}, ()))
    organizations: dict[int, Organization] = field(default_factory=dict)
    keys: dict[int, Key | bytes] = field(default_factory=dict)
    secrets: dict[bytes, Secret | bytes] = field(default_factory=dict)
    """Keys and strings; a key that nobody has asked for is a line of `policy_lines`, a quarter of its size."""
    _shared_limits: dict[tuple[Any, Any], Mapping[int, int | None]] = field(default_factory=dict)
    _digest: Callable[[bytes], bytes] | None = field(init=False, default=None, repr=False)
    """Makes the digest of a string with the newest pepper."""
    _string_chars: int = field(init=False, default=0, repr=False)

    def __post_init__(self) -> None:
        self._string_chars = len(self.prefix) + tokens.TAIL_LENGTH
        if self.peppers:
            self._digest = tokens.digester(self.peppers[0])

    def find(self, string: str) -> Secret | None:
        """Return the secret of a well-formed string. `peppers` are tried in order, newest first."""
        text = string.encode("ascii")
        for pepper in self.peppers:
            secret = self.secrets.get(tokens.digester(pepper)(text))
            if secret is None:
                continue
            if isinstance(secret, bytes):
                self.put_key(policy_lines.read(secret))
                return self.find(string)
            return secret
        return None

    def recall(self, string: bytes) -> Secret | None:
        """Return the secret of a string with the newest pepper that was asked for before; None when it has to be looked for."""
        if len(string) != self._string_chars or self._digest is None:
            return None  # what is no key costs no digest
        secret = self.secrets.get(self._digest(string))
        return secret if type(secret) is Secret else None

    def forget_key(self, key_id: int) -> None:
        """Drop a key and its strings."""
        old = self.keys.pop(key_id, None)
        if old is None:
            return
        for digest in policy_lines.places(old)[1] if isinstance(old, bytes) else old.digests:
            self.secrets.pop(digest, None)

    def put_line(self, line: bytes) -> None:
        """Take over a line of the view `gateway_policy_line` in place of what was known of the key."""
        key_id, digests = policy_lines.places(line)
        if key_id in self.keys:
            self.forget_key(key_id)
        self.keys[key_id] = line
        for digest in digests:
            self.secrets[digest] = line

    def put_key(self, row: Sequence[Any]) -> None:
        """Take over a row of the view `gateway_policy` in place of what was known of the key."""
        (key_id, public_id, organization_id, domains, expires_at, disabled_at, deleted_at) = row[:7]
        numbers, digests, ends, product_ids, qps_limits = row[7:12]
        self.forget_key(key_id)
        key = Key(
            id=key_id,
            public_id=public_id,
            organization_id=organization_id,
            domains=tuple(domains or ()),
            expires_at=expires_at,
            is_disabled=disabled_at is not None,
            is_deleted=deleted_at is not None,
            limits=self._share(tuple(product_ids or ()), tuple(qps_limits or ())),
            digests=tuple(digests or ()),
        )
        self.keys[key_id] = key
        for number, digest, ends_at in zip(numbers or (), key.digests, ends or (), strict=True):
            self.secrets[digest] = Secret(key, number, ends_at)

    def _share(self, product_ids: tuple[int, ...], limits: tuple[int | None, ...]) -> Mapping[int, int | None]:
        """Return one and the same mapping to all keys with the same limits: most of a million keys have them."""
        found = self._shared_limits.get((product_ids, limits))
        if found is None:
            found = self._shared_limits[product_ids, limits] = dict(zip(product_ids, limits, strict=True))
        return found
