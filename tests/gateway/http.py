"""A client for tests: real sockets, HTTP as it goes over the wire."""

import http.client
import json
import socket
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What came back. Headers by name, whatever the case."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def __getitem__(self, name: str) -> str:
        value = self.headers[name]
        assert value is not None, f"no {name} in {self.headers.items()}"
        return value

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The public code of a problem."""
        assert self["Content-Type"] == "application/problem+json", self.headers.items()
        return self.json["code"]


class Http:
    """One kept connection to a gateway; it is opened again where the gateway closed it."""

    def __init__(self, port: int, timeout_s: float = 10) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)

    def connect(self) -> None:
        """Open the connection before the first request."""
        self._connection.connect()

    def ask(self, path: str, *, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        """Send one request. Header names are keywords: `x_api_key="…"`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, path, body, named)
        response = self._connection.getresponse()
        return Answer(response.status, response.headers, response.read())

    def post(self, path: str, content: Any, **headers: str) -> Answer:
        return self.ask(path, method="POST", body=json.dumps(content).encode(), **headers)

    def close(self) -> None:
        self._connection.close()


def raw(port: int, data: bytes, *, timeout_s: float = 5, half_close: bool = False) -> bytes:
    """Send bytes as they are and return all that comes until the gateway closes. Raises TimeoutError when it does not."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
        try:
            connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass
        received = b""
        try:
            while chunk := connection.recv(65_536):
                received += chunk
        except ConnectionResetError:
            pass
        return received
