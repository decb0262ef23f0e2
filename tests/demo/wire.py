"""A person's browser without scripts, over real HTTP: what `tests.page.Browser` needs instead of Django's test client."""

import http.cookiejar
import json
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from tests.demo.running import eventually
from tests.page import Browser, Page

PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Response:
    """An answer as Django's test client gives it, as far as `tests.page.Page` looks."""

    status_code: int
    headers: Message
    content: bytes
    url: str

    def __getitem__(self, name: str) -> str:
        value = self.headers[name]
        assert value is not None, f"no {name} in {self.headers.items()}"
        return value

    def get(self, name: str, default: str = "") -> str:
        return self.headers.get(name, default)


class _AsItCame(urllib.request.HTTPErrorProcessor):
    """Give redirects and errors to the caller."""

    def http_response(self, request: urllib.request.Request, response: Any) -> Any:
        return response


class Wire:
    """Requests with a cookie jar, to one site."""

    def __init__(self, site: str) -> None:
        self.site = site
        self.jar = http.cookiejar.CookieJar()
        self.posted_at = 0.0
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar), _AsItCame)

    def get(self, url: str, query: Mapping[str, Any] | None = None, *, headers: Mapping[str, str] = {}) -> Response:
        return self._send("GET", f"{url}?{urlencode(query, doseq=True)}" if query else url, None, headers)

    def post(
        self, url: str, data: Mapping[str, Any], *, headers: Mapping[str, str] = {}, follow: bool = False
    ) -> Response:
        self.posted_at = time.monotonic()
        response = self._send("POST", url, urlencode(data, doseq=True).encode(), headers)
        while follow and 300 <= response.status_code < 400:
            response = self._send("GET", urljoin(response.url, response["Location"]), None, headers)
        return response

    def cookie(self, name: str) -> str:
        return next((cookie.value or "" for cookie in self.jar if cookie.name == name), "")

    def _send(self, method: str, url: str, data: bytes | None, headers: Mapping[str, str]) -> Response:
        address = urljoin(self.site, url)
        assert urlsplit(address).netloc == urlsplit(self.site).netloc, f"{address} is another site"
        request = urllib.request.Request(address, data, dict(headers), method=method)
        with self._opener.open(request, timeout=30) as answer:
            return Response(answer.status, answer.headers, answer.read(), address)


class Person(Browser):
    """Somebody at the dashboard."""

    client: Wire

    def __init__(self, demo: Any, email: str = "") -> None:
        super().__init__(Wire(demo.dashboard))
        self.demo = demo
        self.email = email

    @property
    def sent_at(self) -> float:
        """When the last form was sent."""
        return self.client.posted_at

    def sign_in(self, password: str, **more: str) -> "Person":
        page = self.submit(
            "/accounts/login/", selector=".signin-form", **{"login": self.email, "password": password, **more}
        )
        assert page.status == 302, page.text
        return self

    def open(self, url: str) -> Page:
        """Open a page that is there."""
        page = self.get(url)
        assert page.status == 200, (url, page.status, page.text[:600])
        return page

    def act(self, url: str, **changes: Any) -> Page:
        """Fill in an action's form and send it; it must be taken. The answer is where the redirects end."""
        page = self.submit(url, follow=True, **changes)
        assert page.status == 200, (url, page.status, page.text[:600])
        return page

    def reveal(self, key_id: str) -> str:
        """Copy a key as the script does it, from the form that the key's page has."""
        form = self.open(f"/keys/{key_id}/").all("form[data-copy-key]")[0]
        url, fields = form.get("action"), dict(form.form_values())
        response = self.client.post(url, fields, headers={"Accept": "application/json"})
        assert response.status_code == 200, response.content
        assert "no-store" in response["Cache-Control"]
        string = json.loads(response.content)["key"]
        self.demo.handed_out.add(string)
        return string

    def key_ids(self) -> dict[str, str]:
        """Names and IDs on the first page of the list."""
        rows = self.open("/keys/").all("li.key-row")
        return {row.cssselect("h2 a")[0].text_content(): row.get("id") for row in rows}


def link_in_mail(demo: Any, email: str, subject: str) -> str:
    """The only link of the newest mail to somebody, as the page of mails shows it."""
    article = mail_to(demo, email, subject)
    links = [link.get("href") for link in article.cssselect("pre a")]
    assert len(links) == 1, links
    return links[0]


def mail_to(demo: Any, email: str, subject: str) -> Any:
    """The newest mail to somebody with this in its subject; the worker may need a moment to send it."""

    def look() -> Any:
        for article in Browser(Wire(demo.dashboard)).get("/mail/").all("article"):
            text = " ".join(article.text_content().split())
            if subject in article.cssselect("h2")[0].text_content() and f"To {email}," in text:
                return [article]  # an element of lxml would itself be false
        return None

    return eventually(look, what=f"a mail “{subject}” to {email}")[0]


def register(demo: Any, email: str, *, organization: str, time_zone: str = "Asia/Kolkata") -> Person:
    """Register, open the link of the mail and confirm: that signs the person in."""
    person = Person(demo, email)
    fields = {"email": email, "password1": PASSWORD, "organization": organization, "time_zone": time_zone}
    assert "Confirm your address" in person.act("/accounts/signup/", selector="form", **fields)
    page = person.act(link_in_mail(demo, email, "Confirm your address"), selector="form")
    assert urlsplit(page.response.url).path.endswith("/start/"), page.response.url
    return person
