"""The ID of the request being answered: in the audit log, in every line of the log, and in the answer as `Tracking-ID`."""

import logging
from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""Set by `dashboard.middleware.request_id` for as long as a request is answered."""


def current_request_id() -> str:
    """Return the ID of the request being answered, empty outside one."""
    return request_id.get()


class RequestIdFilter(logging.Filter):
    """Puts the ID into each line of the log, so that what a person quotes finds it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add `request_id` and keep the line."""
        record.request_id = current_request_id() or "-"
        return True
