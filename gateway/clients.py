"""Who calls, coarsely enough to be kept: the family of the client and the network that it comes from. PURE."""

import functools
import ipaddress
import re

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_CHARS = 60
_UNTRUSTED_MAX_CHARS = 500

# The first that matches names the family. Browsers claim to be their ancestors, so the special ones come first.
_FAMILIES = (
    ("Edge", re.compile(r"\bEdgA?/|\bEdgiOS/")),
    ("Opera", re.compile(r"\bOPR/|\bOpera\b")),
    ("Samsung Internet", re.compile(r"\bSamsungBrowser/")),
    ("Firefox", re.compile(r"\bFirefox/|\bFxiOS/")),
    ("Chrome", re.compile(r"\b(?:Headless)?Chrome/|\bCriOS/|\bChromium/")),
    ("Safari", re.compile(r"\bVersion/[\d.]+.*\bSafari/")),
    ("curl", re.compile(r"^curl/")),
    ("Wget", re.compile(r"^Wget/")),
    ("python-requests", re.compile(r"^python-requests/")),
    ("python-httpx", re.compile(r"^python-httpx/")),
    ("aiohttp", re.compile(r"\baiohttp/")),
    ("Python", re.compile(r"^Python(?:-urllib)?/")),
    ("okhttp", re.compile(r"^okhttp/")),
    ("Go", re.compile(r"^Go-http-client/")),
    ("node", re.compile(r"^(?:node|node-fetch|undici)\b")),
    ("axios", re.compile(r"^axios/")),
    ("Java", re.compile(r"^(?:Java|Apache-HttpClient|Jersey)/")),
    (".NET", re.compile(r"^(?:\.NET|RestSharp/|Microsoft)")),
    ("Ruby", re.compile(r"^(?:Ruby|Faraday)\b")),
    ("PHP", re.compile(r"^(?:PHP|GuzzleHttp/)")),
    ("Dart", re.compile(r"^Dart/")),
    ("iOS app", re.compile(r"\bCFNetwork/")),
    ("Android app", re.compile(r"^Dalvik/")),
    ("Postman", re.compile(r"^PostmanRuntime/")),
)
_SECRET_LIKE = re.compile(r"[A-Za-z0-9]{30,}")
"""No program and no host has such a name; a key that came in the wrong header is not kept."""
_FIRST_WORD = re.compile(r"[A-Za-z][A-Za-z0-9 ._-]*")


def _family(user_agent: str) -> str:
    for name, pattern in _FAMILIES:
        if pattern.search(user_agent):
            return name
    match = _FIRST_WORD.match(user_agent.partition("/")[0])
    named = match.group()[:MAX_CHARS].strip() if match else ""
    return "" if is_secret_like(named) else named


def family(user_agent: str) -> str:
    """Return the family of a client by its User-Agent, such as `curl` or `Firefox`: at most 60 characters, empty if unnamed."""
    return _family(user_agent[:_UNTRUSTED_MAX_CHARS])


def is_secret_like(name: str) -> bool:
    """Whether a name is so long a run of letters and digits that it may be a key which came in the wrong header."""
    return _SECRET_LIKE.search(name) is not None


@functools.lru_cache(maxsize=4096)
def network(address: str) -> str:
    """Return the network of an address, IPv4 /24 or IPv6 /48; empty for what is no address."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return str(ipaddress.ip_network((found, 24 if found.version == 4 else 48), strict=False))


@functools.lru_cache(maxsize=4096)
def is_trusted(address: str, proxies: tuple[Network, ...]) -> bool:
    """Whether a peer's `X-Forwarded-For` is believed: a unix socket (no address), this machine, or one of the proxies."""
    if not address:
        return True
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return found.is_loopback or any(found in proxy for proxy in proxies)


def caller(peer: str, forwarded_for: str, proxies: tuple[Network, ...]) -> str:
    """Return the address that a request comes from: the last hop that is no trusted proxy."""
    if not forwarded_for or not is_trusted(peer, proxies):
        return peer
    hop = peer
    for text in reversed(forwarded_for[-_UNTRUSTED_MAX_CHARS:].split(",")):
        hop = _bare(text.strip())
        if not is_trusted(hop, proxies):
            return hop
    return hop


def _bare(hop: str) -> str:
    """Return a hop without brackets and port: some proxies write `192.0.2.1:4711` and `[2001:db8::1]:4711`."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop
