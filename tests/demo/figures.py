"""What analytics says, read from its pages and its CSV."""

import csv
import io
import re
import time

from tests.demo.calls import Caller
from tests.demo.running import eventually
from tests.demo.wire import Person
from tests.page import Page

METRICS = ("requests", "over_qps", "errors_4xx", "errors_5xx")
COLUMNS = {"Requests": "requests", "QPS breaches": "over_qps", "4XX errors": "errors_4xx", "5XX errors": "errors_5xx"}


def whole(text: str) -> int:
    """Read a count as people see it: 1,234."""
    return int(text.replace(",", ""))


def on_page(page: Page) -> dict[str, int]:
    """The four figures of an analytics page."""
    return {name: whole(page.one(f"#metric-{name} .value").text_content()) for name in METRICS}


def in_csv(person: Person, page: Page) -> dict[str, int]:
    """The sums of the columns of the CSV that an analytics page offers."""
    address = next(link.get("href") for link in page.all("a[download]"))
    response = person.client.get(address)
    assert response.status_code == 200, response.content[:300]
    assert response["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(response.content.decode())))
    assert rows, address
    return {name: sum(int(row[column]) for row in rows) for column, name in COLUMNS.items() if column in rows[0]}


def wait_for(person: Person, caller: Caller, *, within_s: float = 15) -> float:
    """Wait until analytics show all of a ledger, to the unit on every page and in every CSV; return the seconds."""
    started, expected = time.monotonic(), caller.totals
    seen: list[dict[str, int]] = []

    def is_there() -> bool:
        seen.append(on_page(person.open("/analytics/")))
        assert seen[-1]["requests"] <= expected["requests"], (seen[-1], expected)
        return seen[-1] == expected

    eventually(is_there, within_s=within_s, what=f"analytics show {expected}")
    taken = time.monotonic() - started
    for view in ("/analytics/", "/analytics/breaches/", "/analytics/errors/"):
        for query in ("", "?range=24h&split=0", "?range=90d"):
            page = person.open(view + query)
            assert on_page(page) == expected, (view, query)
            summed = in_csv(person, page)
            assert summed.items() <= expected.items(), (view, query, summed, expected)
            assert re.search(r"As of \d\d:\d\d", page.text) is not None
    return taken
