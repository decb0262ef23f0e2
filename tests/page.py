"""A small browser for tests: a Django client whose answers are parsed."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.test import Client
from lxml import html

from tests.jobs import run_jobs


@dataclass
class Page:
    """An answer: `status`, headers by `page["Name"]`, parsed HTML by CSS selectors."""

    response: HttpResponse

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def source(self) -> str:
        return self.response.content.decode()

    @property
    def tree(self) -> html.HtmlElement:
        return html.fromstring(self.source or "<html></html>")

    @property
    def text(self) -> str:
        """What a person reads, white space folded."""
        return " ".join(self.tree.text_content().split())

    def __getitem__(self, header: str) -> str:
        return self.response[header]

    def __contains__(self, text: str) -> bool:
        return text in self.text

    def all(self, selector: str) -> list[html.HtmlElement]:
        return self.tree.cssselect(selector)

    def one(self, selector: str) -> html.HtmlElement:
        found = self.all(selector)
        assert len(found) == 1, f"{len(found)} × {selector} in: {self.text[:600]}"
        return found[0]

    def texts(self, selector: str) -> list[str]:
        return [" ".join(" ".join(element.itertext()).split()) for element in self.all(selector)]

    def fields(self, selector: str = "main form") -> dict[str, Any]:
        """What the form would send as it stands."""
        return _values(self.one(selector))


def _values(form: html.HtmlElement) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in form.form_values():
        values.setdefault(name, []).append(value)
    return {name: found if len(found) > 1 else found[0] for name, found in values.items()}


class Browser:
    """One person's session. `htmx=True` asks as htmx does. A worker runs beside it: mails are out when a POST has answered."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def get(self, url: str, *, htmx: bool | str = False, **query: Any) -> Page:
        return Page(self.client.get(url, query, headers=_headers(htmx)))

    def post(
        self, url: str, data: dict[str, Any] | None = None, *, htmx: bool | str = False, follow: bool = False
    ) -> Page:
        page = Page(self.client.post(url, data or {}, headers=_headers(htmx), follow=follow))
        if isinstance(self.client, Client):
            run_jobs()
        return page

    def submit(
        self,
        url: str,
        *,
        htmx: bool | str = False,
        follow: bool = False,
        selector: str = "form[method=post]:not(.copy-form)",
        **changes: Any,
    ) -> Page:
        """Open a page with a form, change some fields, send it to where it says."""
        page = self.get(url, htmx=htmx)
        assert page.status == 200, (page.status, page.text[:300])
        form = page.one(f"main {selector}" if page.all("main") else selector)
        data = _values(form) | changes
        return self.post(form.get("action") or url, data, htmx=htmx, follow=follow)


def _headers(htmx: bool | str) -> dict[str, str]:
    """Headers of htmx; a text is the address of the page that asks."""
    if not htmx:
        return {}
    current = htmx if isinstance(htmx, str) else "/keys/"
    return {"HX-Request": "true", "HX-Current-URL": f"http://testserver{current}"}
