"""Send a signed webhook to an address on the public internet, and nowhere else.

The name is resolved once, every address that it has is judged, and the connection goes to the very address that was judged:
a name that answers differently a moment later reaches nothing inside. TLS is checked for the name. No redirect is followed.
"""

import contextlib
import hashlib
import hmac
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext, gettext_noop

TIMEOUT_S: Final = 5
"""For looking up the name, connecting, sending and the beginning of the answer together."""

KEPT_LENGTH: Final = 300
"""So many characters of an answer are kept."""

NO_NAME: Final = gettext_noop("The name of the host was not looked up within 5 seconds.")
NO_ANSWER: Final = gettext_noop("No answer within 5 seconds.")
NO_WHOLE_ANSWER: Final = gettext_noop("No whole answer within 5 seconds.")
SIGNATURE: Final = "Latchkey-Signature"
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NO_NETWORKS: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "64:ff9b::/96", "64:ff9b:1::/48", "::/96", "2001::/32", "2002::/16", "192.88.99.0/24", "fec0::/10",
        "192.0.0.0/24", "168.63.129.16/32",
    )
)  # fmt: skip
"""Ways into IPv4 through IPv6, what is no longer in use, and services within clouds: `is_global` passes some of them."""


class WebhookError(Exception):
    """The address is none that webhooks are sent to. The message is a sentence for the person."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a webhook goes: name in ASCII, port, path with query."""

    host: str
    port: int
    path: str
    is_tls: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status with the beginning of the body, or an error in words."""

    status: int | None = None
    text: str = ""
    error: str = ""

    @property
    def is_taken(self) -> bool:
        """Whether the receiver has it."""
        return self.status is not None and 200 <= self.status < 300


def sign(secret: str, body: str, at: int) -> str:
    """Return the header that proves who sent a body at a time in Unix seconds."""
    digest = hmac.new(secret.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def read_url(url: str) -> Target:
    """Take an address apart. Raises WebhookError; an internal address that stands there as a number is refused here already."""
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode()
    except (ValueError, UnicodeError):
        raise WebhookError(gettext("This is not an address.")) from None
    if parts.scheme != "https" and not (parts.scheme == "http" and settings.DEVELOPMENT):
        raise WebhookError(gettext("The address begins with https://."))
    if not host or "%" in host or parts.username is not None or not (url.isascii() and url.isprintable()) or " " in url:
        raise WebhookError(gettext("This is not an address that a webhook can be sent to."))
    is_tls = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    target = Target(host, port or (443 if is_tls else 80), path, is_tls)
    with contextlib.suppress(ValueError):  # a name, which is judged when it is resolved
        check_address(ipaddress.ip_address(host))
    return target


def check_address(address: Address) -> None:
    """Raise WebhookError for an address that is not on the public internet, unless ALERT_WEBHOOK_NETWORKS has it."""
    if any(address in ipaddress.ip_network(network) for network in settings.ALERT_WEBHOOK_NETWORKS):
        return
    mapped = getattr(address, "ipv4_mapped", None)
    is_open = address.is_global and not address.is_multicast and not address.is_reserved
    if mapped is not None or not is_open or any(address in network for network in _NO_NETWORKS):
        raise WebhookError(gettext("This address is internal: webhooks go to the public internet only."))


def resolve(target: Target, deadline: float) -> list[Address]:
    """Return the addresses of a target. Raises WebhookError when there is none by the deadline or one of them is internal."""
    asking: Future[list[Any]] = Future()
    threading.Thread(target=_look_up, args=(target, asking), daemon=True).start()
    try:
        found = asking.result(max(0.0, deadline - time.monotonic()))
    except (OSError, UnicodeError) as error:
        late = isinstance(error, TimeoutError)
        raise WebhookError(gettext(NO_NAME) if late else gettext("The name of the host is not known.")) from None
    addresses = [ipaddress.ip_address(str(place[0]).partition("%")[0]) for *_, place in found]
    for address in addresses:
        check_address(address)
    return list(dict.fromkeys(addresses))


def _look_up(target: Target, asking: "Future[list[Any]]") -> None:
    """Ask the system, which has a limit of its own: where that is longer than ours, nobody waits for what it says any more."""
    try:
        asking.set_result(
            socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        )
    except (OSError, UnicodeError) as error:
        asking.set_exception(error)


def send(url: str, body: str, *, secret: str) -> Answer:
    """Post a body once and return what came of it; never raises for what a receiver or a network can do."""
    deadline = time.monotonic() + TIMEOUT_S
    try:
        target = read_url(url)
        addresses = resolve(target, deadline)
    except WebhookError as error:
        return Answer(error=str(error))
    answer = Answer(error=gettext_noop("The name of the host has no address."))
    for address in addresses[:2]:
        answer = _post(target, address, body, secret, deadline)
        if answer.status is not None or time.monotonic() >= deadline:
            break
    return answer


class _Pinned(http.client.HTTPConnection):
    """A connection to one address, under the target's name. Whatever is not done at the deadline fails."""

    sock: Any

    def __init__(self, target: Target, address: Address, deadline: float) -> None:
        super().__init__(target.host, target.port, timeout=max(0.01, deadline - time.monotonic()))
        self.target, self.address = target, address
        self.default_port = 443 if target.is_tls else 80  # which the header Host leaves out
        self.is_late = False
        self.clock = threading.Timer(max(0.0, deadline - time.monotonic()), self._give_up)

    def connect(self) -> None:
        """Connect to the address that was judged."""
        self.clock.start()
        self.sock = socket.create_connection((str(self.address), self.target.port), self.timeout)
        if self.target.is_tls:
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(self.sock, server_hostname=self.target.host, do_handshake_on_connect=False)
            if self.is_late:  # the clock struck while the socket changed hands, and ended the other one
                raise TimeoutError
            self.sock.do_handshake()

    def close(self) -> None:
        """Close it and stop the clock."""
        self.clock.cancel()
        super().close()

    def _give_up(self) -> None:
        """End a connection whose other side sends a byte now and then, which no timeout of a single read would end."""
        self.is_late = True
        try:
            if self.sock is not None:
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)
        except OSError:
            return  # it has ended by itself


def _post(target: Target, address: Address, body: str, secret: str, deadline: float) -> Answer:
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Latchkey-Webhook/1",
        "Accept-Encoding": "identity",
        "Connection": "close",
        SIGNATURE: sign(secret, body, int(time.time())),
    }
    connection = _Pinned(target, address, deadline)
    try:
        connection.request("POST", target.path, body.encode(), headers)
        response = connection.getresponse()
        text = response.read(4 * KEPT_LENGTH).decode(errors="replace").replace("\0", "")[:KEPT_LENGTH]
    except (OSError, http.client.HTTPException, ValueError) as error:
        is_late = connection.is_late or isinstance(error, TimeoutError)
        return Answer(error=NO_ANSWER if is_late else _words(error))
    else:
        if connection.is_late:
            return Answer(error=NO_WHOLE_ANSWER)
        refused = 300 <= response.status < 400
        return Answer(response.status, text, gettext_noop("Redirects are not followed.") if refused else "")
    finally:
        connection.close()


_CERTIFICATE: Final = {
    9: gettext_noop("The certificate is not accepted: it is not valid yet."),
    10: gettext_noop("The certificate is not accepted: it has expired."),
    **dict.fromkeys((18, 19), gettext_noop("The certificate is not accepted: it is signed by itself.")),
    **dict.fromkeys((2, 20, 21), gettext_noop("The certificate is not accepted: who signed it is not known.")),
    **dict.fromkeys((62, 64), gettext_noop("The certificate is not accepted: it is for another name.")),
}
"""By the numbers of OpenSSL (X509_V_ERR_…)."""

_ERRORS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (ssl.SSLError, gettext_noop("No encrypted connection came about.")),
    (ConnectionRefusedError, gettext_noop("The connection was refused.")),
    (ConnectionError, gettext_noop("The connection broke off.")),
    (http.client.HTTPException, gettext_noop("The answer was not HTTP.")),
    (OSError, gettext_noop("The host could not be reached.")),
)
"""What went wrong, in words; the first that fits."""


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _CERTIFICATE.get(error.verify_code, gettext_noop("The certificate is not accepted."))
    return next((words for kind, words in _ERRORS if isinstance(error, kind)), gettext_noop("The connection failed."))
