"""What analytics says, read from its pages and its files."""

import csv
import io
import json
import re
import time

from tests.demo.calls import Caller
from tests.demo.running import eventually
from tests.demo.wire import Person
from tests.page import Page

METRICS = ("requests", "over_qps", "errors_4xx", "errors_5xx")
COLUMNS = {"Requests": "requests", "QPS breaches": "over_qps", "4XX errors": "errors_4xx", "5XX errors": "errors_5xx"}

FIELDS = {"requests": "requests", "qps_breaches": "over_qps", "4xx_errors": "errors_4xx", "5xx_errors": "errors_5xx"}


def whole(text: str) -> int:
    """Read a count as people see it: 1,234."""
    return int(text.replace(",", ""))


def on_page(page: Page) -> dict[str, int]:
    """The four figures of an analytics page."""
    return {name: whole(page.one(f"#metric-{name} .value").text_content()) for name in METRICS}


def in_csv(person: Person, page: Page) -> dict[str, int]:
    """The sums of the columns of the CSV that an analytics page offers."""
    return _sums(list(csv.DictReader(io.StringIO(_file(person, page, "csv", "text/csv")))), COLUMNS)


def in_json(person: Person, page: Page, *, by_key: bool) -> dict[str, int]:
    """The sums of the fields of the JSON that an analytics page offers, as shown or by key and product."""
    text = _file(person, page, "json-keys" if by_key else "json", "application/json")
    return _sums(json.loads(text)["rows"], FIELDS)


def _file(person: Person, page: Page, name: str, kind: str) -> str:
    response = person.client.get(page.one(f"#{name}").get("href"))
    assert response.status_code == 200, response.content[:300]
    assert response["Content-Type"].startswith(kind)
    return response.content.decode()


def _sums(rows: list[dict[str, str]], columns: dict[str, str]) -> dict[str, int]:
    assert rows
    return {name: sum(int(row[column]) for row in rows) for column, name in columns.items() if column in rows[0]}


def wait_for(person: Person, caller: Caller, *, within_s: float = 15) -> float:
    """Wait until analytics show all of a ledger, to the unit on every page and in every file; return the seconds."""
    started, expected = time.monotonic(), caller.totals
    seen: list[dict[str, int]] = []

    def is_there() -> bool:
        seen.append(on_page(person.open("/analytics/")))
        assert seen[-1]["requests"] <= expected["requests"], (seen[-1], expected)
        return seen[-1] == expected

    eventually(is_there, within_s=within_s, what=f"analytics show {expected}")
    taken = time.monotonic() - started
    for view in ("/analytics/", "/analytics/breaches/", "/analytics/errors/"):
        for query in ("", "?range=24h&split=0", "?range=12m"):
            page = person.open(view + query)
            assert on_page(page) == expected, (view, query)
            for summed in (
                in_csv(person, page),
                in_json(person, page, by_key=False),
                in_json(person, page, by_key=True),
            ):
                assert summed.items() <= expected.items(), (view, query, summed, expected)
            assert re.search(r"As of \d\d:\d\d", page.text) is not None
    return taken
