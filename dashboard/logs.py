"""How lines of the log are written."""

import logging

from keys import pasted


class Line(logging.Formatter):
    """Writes a line, and what belongs to it, such as a traceback, without keys: addresses that are logged may hold one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a line."""
        return pasted.without_keys(super().format(record))
