"""What must not happen in a page: script errors, complaints in the console, broken policy, requests to other hosts."""

import re
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Request, WebError

TELL_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy violated: ${event.effectiveDirective} by ${event.blockedURI} at ${event.sourceFile}:${event.lineNumber}`);
});
"""
MEANT = re.compile(r"Failed to load resource: the server responded with a status of (403|404|409|422|429)")
"""The browser says so of every answer that is no success; for a page these are answers to a person's mistake."""


class Watch:
    """The problems of all pages of one browser profile, in the order in which they came."""

    def __init__(self, context: BrowserContext, own_hosts: set[str]) -> None:
        self.problems: list[str] = []
        self.is_looking = True
        self.own_hosts = own_hosts
        context.add_init_script(TELL_VIOLATIONS)
        context.on("console", self._console)
        context.on("weberror", self._error)
        context.on("request", self._request)

    def begin(self) -> None:
        """Look anew: what was seen until now is forgotten."""
        self.problems.clear()
        self.is_looking = True

    def end(self) -> None:
        """Look away from now on; what was seen stays."""
        self.is_looking = False

    def _say(self, problem: str) -> None:
        if self.is_looking:
            self.problems.append(problem)

    def _console(self, message: ConsoleMessage) -> None:
        is_file = "/static/" in message.location["url"]
        if message.type in {"error", "warning"} and (is_file or not MEANT.match(message.text)):
            where = message.page.url if message.page else ""
            self._say(f"console {message.type}: {message.text} ({where})")

    def _error(self, error: WebError) -> None:
        self._say(f"script error: {error.error} ({error.page.url if error.page else ''})")

    def _request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in {"http", "https", "ws", "wss"} and address.netloc not in self.own_hosts:
            self._say(f"request to another host: {request.url}")
