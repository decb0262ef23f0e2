"""What the environment says. The names are the dashboard's where both read them."""

import ipaddress
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dashboard import secrets
from gateway import redis_url
from gateway.clients import Network
from gateway.redis_url import RedisAddress
from keys import tokens

BASE_DIR = Path(__file__).resolve().parent.parent
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")


class ConfigError(Exception):
    """The gateway cannot start like this; the message says why in one sentence."""


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of one gateway process."""

    database_url: str
    peppers: tokens.Keyring
    key_prefix: str
    data_dir: Path
    host: str
    port: int
    socket: Path | None
    name: str
    poll_ms: int
    stale_seconds: int
    patience_seconds: int
    syslog: tuple[str, int] | None
    metrics: tuple[str, int] | None
    proxies: tuple[Network, ...]
    has_shipper: bool
    redis: RedisAddress | None
    redis_patience_ms: int
    request_log_days: int
    request_log_per_second: int
    log_level: str

    @property
    def journals_dir(self) -> Path:
        """The folder with one folder of journal segments for each gateway of this machine."""
        return self.data_dir / "gateway"


def read(environ: Mapping[str, str] = os.environ) -> Config:
    """Return the configuration. Raises ConfigError for what is missing or wrong."""
    data_dir = Path(environ.get("DATA_DIR") or BASE_DIR / "var")
    given = {name: _secret(environ, name) for name in ("DATABASE_URL", "KEY_PEPPERS", "GATEWAY_REDIS_URL")}
    is_development = environ.get("DEBUG", "").lower() in {"1", "true", "yes", "on"}
    if is_development:
        given = {**secrets.development(data_dir), **{name: value for name, value in given.items() if value}}
    for name in ("DATABASE_URL", "KEY_PEPPERS"):
        if not given.get(name):
            raise ConfigError(f"{name} is not set: the gateway does not start without it.")
    if not is_development and secrets.EMBEDDED_MARK in given["DATABASE_URL"]:
        raise ConfigError("DATABASE_URL names the embedded PostgreSQL, which is for development and tests only.")
    try:
        peppers = tokens.read_keyring("KEY_PEPPERS", given["KEY_PEPPERS"])
    except tokens.KeyringError as error:
        raise ConfigError(str(error)) from None
    port = _number(environ, "GATEWAY_PORT", 8001, 1, 65_535)
    name = environ.get("GATEWAY_NAME") or f"{socket.gethostname()}-{port}"
    if not _NAME.match(name):
        raise ConfigError("GATEWAY_NAME may have letters, digits, dots, hyphens and underscores only, at most 100.")
    request_log_days = _number(environ, "REQUEST_LOG_DAYS", 3, 0, 3_650)
    return Config(
        database_url=given["DATABASE_URL"],
        peppers=peppers,
        key_prefix=environ.get("KEY_PREFIX") or "lk",
        data_dir=data_dir,
        host=environ.get("GATEWAY_HOST") or "127.0.0.1",
        port=port,
        socket=Path(environ["GATEWAY_SOCKET"]) if environ.get("GATEWAY_SOCKET") else None,
        name=name,
        poll_ms=_number(environ, "GATEWAY_POLL_MS", 200, 10, 500),
        stale_seconds=_number(environ, "GATEWAY_STALE_SECONDS", 600, 0, 86_400),
        patience_seconds=_number(environ, "GATEWAY_PATIENCE_SECONDS", 15, 1, 3_600),
        syslog=_address(environ, "GATEWAY_SYSLOG"),
        metrics=_address(environ, "GATEWAY_METRICS"),
        proxies=_networks(environ.get("GATEWAY_TRUSTED_PROXIES", "")),
        has_shipper=environ.get("GATEWAY_SHIPPER", "1").lower() not in {"0", "false", "no", "off"},
        redis=_redis(given.get("GATEWAY_REDIS_URL", "")),
        redis_patience_ms=_number(environ, "GATEWAY_REDIS_PATIENCE_MS", 50, 1, 10_000),
        request_log_days=request_log_days,
        request_log_per_second=_number(environ, "REQUEST_LOG_PER_SECOND", 200, 0, 10_000) if request_log_days else 0,
        log_level=environ.get("LOG_LEVEL") or "INFO",
    )


def _secret(environ: Mapping[str, str], name: str) -> str:
    """Return a value, or the content of the file that `<name>_FILE` names."""
    path = environ.get(f"{name}_FILE")
    if not path:
        return environ.get(name, "")
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise ConfigError(f"{name}_FILE cannot be read: {error.strerror}.") from None


def _number(environ: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = environ.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise ConfigError(f"{name} is not a whole number from {least} to {most}.")
    return int(text)


def _redis(url: str) -> RedisAddress | None:
    try:
        return redis_url.read(url) if url else None
    except redis_url.BadRedisUrl as error:
        raise ConfigError(f"GATEWAY_REDIS_URL {error}") from None


def _address(environ: Mapping[str, str], name: str) -> tuple[str, int] | None:
    """Return host and port of `host:port` or `[::1]:port`, None where nothing is set."""
    text = environ.get(name) or ""
    if not text:
        return None
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65_535):
        raise ConfigError(f"{name} is not an address such as 127.0.0.1:8514.")
    return host, int(port)


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise ConfigError(f"GATEWAY_TRUSTED_PROXIES is not a list of networks: {error}.") from None
