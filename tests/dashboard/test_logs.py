"""The dashboard's log: one line says when, what and about which request, and never holds a key."""

import io
import logging
import re
from urllib.parse import unquote_to_bytes

import pytest
from django.conf import settings
from django.test import Client

from dashboard.logs import Line
from dashboard.request_ids import RequestIdFilter
from tests.factories import string_of
from tests.key_places import forms_of, requests_with

LINE = re.compile(r"\d{4}-\d\d-\d\d [\d:,]+ [A-Z]+ [\w.]+ \[[\w-]+\] .+")


@pytest.fixture
def written():
    """What is written as the settings have it."""
    configured = settings.LOGGING["formatters"]["line"]
    assert configured["class"] == f"{Line.__module__}.{Line.__name__}"
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(Line(configured["format"], style=configured["style"]))
    handler.addFilter(RequestIdFilter())
    logging.getLogger().addHandler(handler)
    yield text
    logging.getLogger().removeHandler(handler)


def send(client: Client, data: bytes) -> int:
    """Send a request that was written for a socket as a server hands it on; what a server refuses itself is a 400."""
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, target, version = first.split(" ")
    headers = dict(line.split(": ", 1) for line in lines)
    kind = headers.pop("Content-Type", "application/octet-stream")
    if version != "HTTP/1.1" or "\0" in head.decode():
        return 400
    path, _, query = target.partition("#")[0].partition("?")
    skipped = {"Host", "Connection", "Content-Length", "Cookie"}
    kept = {name: value for name, value in headers.items() if name not in skipped}
    decoded = unquote_to_bytes(path).decode()
    return client.generic(method, decoded, body, kind, QUERY_STRING=query, headers=kept).status_code


@pytest.mark.django_db
def test_no_line_holds_a_key_wherever_it_stands_in_a_request(cast, written, record_property):
    string = string_of(cast.key)
    signed_in, stranger = Client(), Client()
    signed_in.force_login(cast.ada)
    sent = requests_with(string, "/keys/", "/nowhere/")
    statuses = {name: (send(signed_in, data), send(stranger, data)) for name, data in sent.items()}
    assert {status for pair in statuses.values() for status in pair if status >= 500} == set(), statuses
    text = written.getvalue()
    hits = [line for line in text.splitlines() if any(form.decode() in line for form in forms_of(string))]
    record_property("said", f"Keys in {len(sent)} places of a request to the dashboard: {len(hits)} hits")
    assert len(sent) >= 25
    assert hits == []
    assert f"Not Found: /nowhere//{settings.KEY_PREFIX}…" in text, "where a key stood is seen"
    assert all(LINE.fullmatch(line) for line in text.splitlines()), text


def test_a_traceback_holds_no_key(written):
    string = "lk" + "0aB9" * 9 + "zz"
    try:
        raise ValueError(f"cannot read {string}")
    except ValueError:
        logging.getLogger("latchkey.test").exception("It failed for %s and %s", string, {"key": string})
    assert "Traceback" in written.getvalue()
    assert string[4:16] not in written.getvalue()
