"""Files that spreadsheets open: lines as they are written, and cells that stay text."""

import csv
from collections.abc import Iterable

_DANGEROUS = ("=", "+", "-", "@", "\t", "\r")


class _Line:
    """A file for `csv.writer` that gives each line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line


_WRITER = csv.writer(_Line())


def line(cells: Iterable[object]) -> str:
    """Return one line of a CSV file. Cells as they are: what people wrote goes through `defuse` first."""
    written: str = _WRITER.writerow(cells)
    return written


def defuse(text: str) -> str:
    """Keep a spreadsheet from reading a cell as a formula."""
    return f"'{text}" if text.startswith(_DANGEROUS) else text


def safe_line(cells: Iterable[object]) -> str:
    """Return one line of a CSV file with every text in it defused."""
    return line(defuse(cell) if isinstance(cell, str) else cell for cell in cells)
