"""Where Redis is: `GATEWAY_REDIS_URL` taken apart. PURE."""

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

_PORT = 6379
_SCHEMES = frozenset({"redis", "rediss", "unix"})


class BadRedisUrl(ValueError):
    """The URL cannot be used; the message continues "GATEWAY_REDIS_URL …" and never repeats the URL, which may hold a password."""


@dataclass(frozen=True, slots=True)
class RedisNode:
    """One Redis process: host and port, or the path of a unix socket."""

    host: str
    port: int = 0

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" if self.port else self.host


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """How to reach Redis. `nodes` is the one server, or those of a cluster that are asked first about all others."""

    nodes: tuple[RedisNode, ...]
    is_cluster: bool = False
    database: int = 0
    has_tls: bool = False
    username: str = ""
    password: str = field(default="", repr=False)


def read(url: str) -> RedisAddress:
    """Read `redis://user:password@host:port/0`, `rediss://…` (TLS), `unix:///path?db=0`; a cluster has `?cluster=true`.

    A cluster may name several nodes: `redis://a:7000,b:7000/?cluster=true`. Raises BadRedisUrl.
    """
    scheme, _, rest = url.partition("://")
    if scheme not in _SCHEMES:
        raise BadRedisUrl("begins with none of redis://, rediss:// and unix://.")
    try:
        parts = urlsplit(f"//{rest}")
        options = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
    except ValueError:
        raise BadRedisUrl("cannot be read.") from None
    credentials, _, hosts = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    is_cluster = options.pop("cluster", "false").lower() in {"1", "true", "yes", "on"}
    database = options.pop("db", "") or ("" if scheme == "unix" else parts.path.strip("/")) or "0"
    if options:
        raise BadRedisUrl("has options other than cluster and db.")
    if not (database.isascii() and database.isdigit() and len(database) < 6):
        raise BadRedisUrl("has a database that is no number.")
    if scheme == "unix":
        nodes: tuple[RedisNode, ...] = (RedisNode(unquote(parts.path)),)
        if hosts or len(parts.path) < 2 or is_cluster:
            raise BadRedisUrl("is no unix:///path of one server.")
    else:
        nodes = tuple(_read_node(host) for host in hosts.split(","))
    if len(nodes) > 1 and not is_cluster:
        raise BadRedisUrl("names several servers, but has no ?cluster=true.")
    if is_cluster and int(database):
        raise BadRedisUrl("names a database, but a cluster has none.")
    return RedisAddress(nodes, is_cluster, int(database), scheme == "rediss", unquote(username), unquote(password))


def _read_node(text: str) -> RedisNode:
    try:
        parts = urlsplit(f"//{text}")
        if not parts.hostname:
            raise BadRedisUrl("names no host.")
        return RedisNode(parts.hostname, parts.port or _PORT)
    except ValueError as error:
        raise error if isinstance(error, BadRedisUrl) else BadRedisUrl("has a port that is none.") from None
