"""What the gateway decides about one request: the words, the same in the journal, the tables, the pages and the answers. PURE."""

from dataclasses import dataclass
from http import HTTPStatus


@dataclass(frozen=True, slots=True)
class Outcome:
    """One decision. `number` stands for it in the journal and is never given to another; `code` is what the caller reads."""

    word: str
    number: int
    status: int
    code: str

    @property
    def title(self) -> str:
        """The phrase of the status."""
        return HTTPStatus(self.status).phrase


def _make(word: str, number: int, status: HTTPStatus, code: str = "") -> Outcome:
    return Outcome(word, number, status.value, code or word)


OK = _make("ok", 0, HTTPStatus.OK)
MISSING_KEY = _make("missing_key", 1, HTTPStatus.UNAUTHORIZED)
MALFORMED_KEY = _make("malformed_key", 2, HTTPStatus.UNAUTHORIZED)
UNKNOWN_KEY = _make("unknown_key", 3, HTTPStatus.UNAUTHORIZED)
EXPIRED_KEY = _make("expired_key", 4, HTTPStatus.UNAUTHORIZED)
# From outside a deleted key looks like one that never was; the owner reads the truth in the dashboard.
DELETED_KEY = _make("deleted_key", 5, HTTPStatus.UNAUTHORIZED, code="unknown_key")
DISABLED_KEY = _make("disabled_key", 6, HTTPStatus.FORBIDDEN)
SUSPENDED = _make("suspended", 7, HTTPStatus.FORBIDDEN)
NO_SUCH_ROUTE = _make("no_such_route", 8, HTTPStatus.NOT_FOUND)
PRODUCT_NOT_ALLOWED = _make("product_not_allowed", 9, HTTPStatus.FORBIDDEN)
DOMAIN_NOT_ALLOWED = _make("domain_not_allowed", 10, HTTPStatus.FORBIDDEN)
OVER_QPS = _make("over_qps", 11, HTTPStatus.TOO_MANY_REQUESTS)
NOT_READY = _make("not_ready", 12, HTTPStatus.SERVICE_UNAVAILABLE)

ALL = (
    OK, MISSING_KEY, MALFORMED_KEY, UNKNOWN_KEY, EXPIRED_KEY, DELETED_KEY, DISABLED_KEY, SUSPENDED, NO_SUCH_ROUTE,
    PRODUCT_NOT_ALLOWED, DOMAIN_NOT_ALLOWED, OVER_QPS, NOT_READY,
)  # fmt: skip
BY_NUMBER = {outcome.number: outcome for outcome in ALL}

USES_KEY = frozenset({OK.word, OVER_QPS.word})
"""The outcomes that count as a use of the key: everything about it was right."""
