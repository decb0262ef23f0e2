"""A key in every place of a request where somebody may put one, by mistake or on purpose."""

import base64
import json
from urllib.parse import quote


def percent_encoded(string: str) -> str:
    return "".join(f"%{letter:02x}" for letter in string.encode())


def request(target: str, *headers: str, method: str = "GET", body: str = "") -> bytes:
    """One request over the wire, after which the connection ends."""
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def requests_with(string: str, good: str, bad: str) -> dict[str, bytes]:
    """Return a request for each place, by the name of the place; on an address that is there and on one that is not."""
    basic = base64.b64encode(f"ada:{string}".encode()).decode()
    in_json, in_form = json.dumps({"key": string, "path": good}), f"key={string}&q={string}"
    places: dict[str, tuple[str, ...]] = {
        "the parameter key": (f"?key={string}",),
        "the parameter key, encoded": (f"?key={percent_encoded(string)}",),
        "a wrong parameter": (f"?apikey={string}&view=Unified",),
        "a wrong parameter, encoded": (f"?token={percent_encoded(string)}",),
        "a parameter's name": (f"?{string}=1",),
        "two parameters": (f"?key={string}&key={string}",),
        "the parameter key in base64": (f"?key={quote(base64.b64encode(string.encode()).decode())}",),
        "the parameter key in hex": (f"?key={string.encode().hex()}",),
        "an address within a parameter": (f"?next={quote(f'https://x.example/?key={string}', safe='')}",),
        "a parameter of the path": (f";key={string}",),
        "the path": (f"/{string}",),
        "the path, encoded": (f"/{percent_encoded(string)}",),
        "the path, with a typo": (f"/{string[:-1]}!",),
        "the fragment": (f"#{string}",),
        "X-Api-Key": ("", f"X-Api-Key: {string}"),
        "X-Api-Key with a control character": ("", f"X-Api-Key: {string}\0"),
        "X-Api-Key twice": ("", f"X-Api-Key: {string}", f"X-Api-Key: {string}"),
        "Bearer": ("", f"Authorization: Bearer {string}"),
        "Basic": ("", f"Authorization: Basic {basic}"),
        "Basic, not encoded": ("", f"Authorization: Basic {string}"),
        "Authorization without a scheme": ("", f"Authorization: {string}"),
        "a wrong header": ("", f"X-Key: {string}"),
        "a header's name": ("", f"{string}: 1"),
        "Cookie": ("", f"Cookie: key={string}; sessionid={string}"),
        "User-Agent": ("", f"User-Agent: {string}/1.0"),
        "Referer": ("", f"Referer: https://shop.example/?key={string}"),
        "Referer as a person": ("", f"Referer: https://{string}@shop.example/"),
        "Origin": ("", f"Origin: https://{string}.example"),
        "Tracking-ID": ("", f"Tracking-ID: {string}"),
        "X-Forwarded-For": ("", f"X-Forwarded-For: {string}"),
        "X-Original-URI": ("", f"X-Original-URI: {good}?key={string}"),
        "Accept-Language": ("", f"Accept-Language: {string}"),
        "X-Forwarded-Host": ("", f"X-Forwarded-Host: {string}.example"),
    }
    found = {}
    for name, (suffix, *headers) in places.items():
        found[name] = request(good + suffix, *headers)
        found[f"{name}, on a bad path"] = request(bad + suffix, *headers)
    as_json, as_form = "Content-Type: application/json", "Content-Type: application/x-www-form-urlencoded"
    for name, path in (("", good), (", on a bad path", bad), (", asked for a verdict", "/v1/verify")):
        found[f"JSON{name}"] = request(path, as_json, method="POST", body=in_json)
        found[f"broken JSON{name}"] = request(path, as_json, method="POST", body=in_json[:-1])
        found[f"a form{name}"] = request(path, as_form, method="POST", body=in_form)
    found["the method"] = request(good, method=string)
    found["the version"] = f"GET {good} HTTP/{string}\r\nHost: localhost\r\n\r\n".encode()
    return found


def forms_of(string: str) -> list[bytes]:
    """Every form of a key that gives it away where it is written: as it is, and each encoding in which it was sent."""
    raw = string.encode()
    encoded = [base64.b64encode(b"\0" * shift + raw)[4:-4] for shift in range(3)]
    return [raw, raw[:-1], raw.hex().encode(), percent_encoded(string).encode(), *encoded]
