"""Files that spreadsheets open: lines as they are written, and cells that stay text."""

import csv
import re
from collections.abc import Iterable

_DANGEROUS = re.compile(r"\A(?=[=+\-@\t\r\n＝＋－＠])|(?<=[;\t\r\n])(?=\s*[=+\-@＝＋－＠])")
"""Where a formula would begin: in front, and where a spreadsheet parts the line, which in German it does at a semicolon."""


class _Line:
    """A file for `csv.writer` that gives each line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def line(cells: Iterable[object]) -> str:
    """Return one line of a CSV file. Cells as they are: what people wrote goes through `defuse` first.

    A writer of its own for each line: a shared one puts a line together cell by cell, and mixes those of threads.
    """
    written: str = csv.writer(_Line()).writerow(cells)
    return written


def defuse(text: str) -> str:
    """Keep a spreadsheet from reading a cell as a formula."""
    return _DANGEROUS.sub("'", text)


def safe_line(cells: Iterable[object]) -> str:
    """Return one line of a CSV file with every text in it defused."""
    return line(defuse(cell) if isinstance(cell, str) else cell for cell in cells)
