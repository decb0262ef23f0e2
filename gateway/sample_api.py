"""Answer the sample APIs, so that a new key can be tried: a map tile, a country search, a route as the crow flies.

Everything is computed from `sample_data/`. Nothing here knows about keys, limits or the network; the server asks
`answer` once the request may pass, in a thread where `is_slow` says so.
"""

import difflib
import json
import math
import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qs

from gateway import tiles

_COUNTRIES_PATH = Path(__file__).with_name("sample_data") / "countries.json"

_TILE_CACHE_CONTROL = "private, max-age=86400"

_MAX_QUERY_CHARS = 100
_DEFAULT_LIMIT = 10
_MAX_LIMIT = 100
# difflib's own default for what counts as a close match.
_MIN_CLOSE_RATIO = 0.6

_MAX_LOCATIONS = 50
# Mean radius of the Earth, R1 of the IUGG (Moritz, Geodetic Reference System 1980).
_EARTH_RADIUS_M = 6_371_008.8
# Nobody drives as the crow flies; a speed to have a time at all.
_NOMINAL_SPEED_KMH = 90

_TILE_PATH = re.compile(r"/map/1/tile/basic/main/([^/]*)/([^/]*)/([^/]*)\.png")
_SEARCH_PATH = re.compile(r"/search/2/search/(.*)\.json", re.DOTALL)
_ROUTE_PATH = re.compile(r"/routing/1/calculateRoute/([^/]*)/json")
_SMALL_NUMBER = re.compile(r"[0-9]{1,4}")
_DEGREES = re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]{1,15})?")
_ENTITY_TAG = re.compile(r'(?:W/)?("[^"]*")')


@dataclass(frozen=True, slots=True)
class Answer:
    """What to send; `etag` is the value of the header, with its quotes. The body of a 304 is empty."""

    status: int
    content_type: str
    body: bytes
    etag: str | None = None
    cache_control: str = "no-store"


class _BadRequestError(Exception):
    """What the caller must change, as one sentence; becomes a 400."""


def is_slow(path: str) -> bool:
    """Tell whether answering means drawing a tile, which takes up to 40 ms; all else takes 2 ms at most."""
    match = _TILE_PATH.fullmatch(path)
    if match is None:
        return False
    try:
        place = _parse_tile(*match.groups())
    except _BadRequestError:
        return False
    return not _tile_cache.has(*place)


def answer(path: str, query: str, if_none_match: str | None = None) -> Answer | None:
    """Return the answer to a GET, or None when there is no sample API at that path.

    `path` is percent-decoded, `query` is the raw query string; what a sample API does not know in it is ignored, the
    key among others. Never raises; a request that makes no sense gets a problem (RFC 9457) with status 400.
    """
    try:
        if match := _TILE_PATH.fullmatch(path):
            return _answer_tile(*match.groups(), if_none_match=if_none_match)
        if match := _SEARCH_PATH.fullmatch(path):
            return _answer_search(match[1].strip(), query)
        if match := _ROUTE_PATH.fullmatch(path):
            return _answer_route(match[1])
    except _BadRequestError as problem:
        return _make_bad_request(str(problem))
    return None


def _make_json(content: object) -> bytes:
    # A lone surrogate has no UTF-8; written as a backslash escape it is still the right JSON.
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


def _make_bad_request(detail: str) -> Answer:
    status = HTTPStatus.BAD_REQUEST
    problem = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        "code": "bad_request",
    }
    return Answer(status.value, "application/problem+json", _make_json(problem))


def _parse_small_number(text: str) -> int:
    """Return a whole number of at most four digits, or -1."""
    return int(text) if _SMALL_NUMBER.fullmatch(text) else -1


# --- map tile -------------------------------------------------------------------------------------

_tile_cache = tiles.TileCache()


def _answer_tile(zoom: str, x: str, y: str, *, if_none_match: str | None) -> Answer:
    tile = _tile_cache.get(*_parse_tile(zoom, x, y))
    if if_none_match is not None and _is_match(if_none_match, tile.etag):
        return Answer(HTTPStatus.NOT_MODIFIED.value, "image/png", b"", tile.etag, _TILE_CACHE_CONTROL)
    return Answer(HTTPStatus.OK.value, "image/png", tile.png, tile.etag, _TILE_CACHE_CONTROL)


def _parse_tile(zoom_text: str, x_text: str, y_text: str) -> tuple[int, int, int]:
    """Return zoom, x and y of a tile that exists."""
    zoom, x, y = (_parse_small_number(text) for text in (zoom_text, x_text, y_text))
    if not 0 <= zoom <= tiles.MAX_ZOOM:
        raise _BadRequestError(f"The zoom level must be a whole number from 0 to {tiles.MAX_ZOOM}.")
    if not tiles.is_tile(zoom, x, y):
        raise _BadRequestError(f"At zoom level {zoom}, x and y must be whole numbers from 0 to {2**zoom - 1}.")
    return zoom, x, y


def _is_match(if_none_match: str, etag: str) -> bool:
    """Tell whether the client has this version, by the weak comparison that RFC 9110, section 13.1.2 asks for."""
    return if_none_match.strip() == "*" or etag in _ENTITY_TAG.findall(if_none_match)


# --- search ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Country:
    """A country; `folded` is its name as `_fold` returns it."""

    name: str
    folded: str
    latitude_deg: float
    longitude_deg: float


@cache
def _load_countries() -> tuple[_Country, ...]:
    """Return all countries by name, read from the file once per process."""
    rows = json.loads(_COUNTRIES_PATH.read_text(encoding="utf-8"))
    return tuple(_Country(row["name"], _fold(row["name"]), row["lat"], row["lon"]) for row in rows)


def _fold(text: str) -> str:
    """Return the text without case, accents and punctuation, its words parted by single spaces."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    return " ".join("".join(char if char.isalnum() else " " for char in plain.casefold()).split())


def _rate(folded: str, wanted: str, matcher: difflib.SequenceMatcher[str]) -> float:
    """Return how well a name answers: 1 the same, over 0.9 it begins so, over 0.8 it holds it, less is similar, or 0.

    `matcher` has `wanted` as its second sequence, about which it remembers what it has worked out.
    """
    share = len(wanted) / len(folded)
    if folded.startswith(wanted):
        return 0.9 + 0.1 * share
    if wanted in folded:
        return 0.8 + 0.1 * share
    matcher.set_seq1(folded)
    if min(matcher.real_quick_ratio(), matcher.quick_ratio()) < _MIN_CLOSE_RATIO:
        return 0.0
    ratio = matcher.ratio()
    return 0.8 * ratio if ratio >= _MIN_CLOSE_RATIO else 0.0


def _find_countries(text: str) -> list[tuple[float, _Country]]:
    """Return the countries that answer a query, each with its score, the best first, then by name."""
    wanted = _fold(text)
    if not wanted:
        return []
    matcher = difflib.SequenceMatcher(None, "", wanted, autojunk=False)
    rated = ((_rate(country.folded, wanted, matcher), country) for country in _load_countries())
    return sorted((pair for pair in rated if pair[0] > 0), key=lambda pair: (-pair[0], pair[1].folded))


def _parse_limit(query: str) -> int:
    """Return the query parameter `limit`, the first if there are several."""
    values = parse_qs(query, keep_blank_values=True).get("limit")
    if values is None:
        return _DEFAULT_LIMIT
    limit = _parse_small_number(values[0])
    if not 1 <= limit <= _MAX_LIMIT:
        raise _BadRequestError(f"limit must be a whole number from 1 to {_MAX_LIMIT}.")
    return limit


def _answer_search(text: str, query: str) -> Answer:
    if not text:
        raise _BadRequestError("The search text is empty: write it before .json in the path.")
    if len(text) > _MAX_QUERY_CHARS:
        raise _BadRequestError(f"The search text must have at most {_MAX_QUERY_CHARS} characters.")
    limit = _parse_limit(query)
    found = _find_countries(text)
    results = [
        {
            "type": "Geography",
            "name": country.name,
            "position": {"lat": country.latitude_deg, "lon": country.longitude_deg},
            "score": round(score, 4),
        }
        for score, country in found[:limit]
    ]
    summary = {"query": text, "numResults": len(results), "totalResults": len(found), "limit": limit}
    return Answer(HTTPStatus.OK.value, "application/json", _make_json({"summary": summary, "results": results}))


# --- route ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Location:
    """A place on the Earth."""

    latitude_deg: float
    longitude_deg: float


def _parse_locations(text: str) -> list[_Location]:
    """Return the locations of `lat,lon:lat,lon`, at least two."""
    parts = text.split(":")
    if not 2 <= len(parts) <= _MAX_LOCATIONS:
        raise _BadRequestError(
            f"A route needs 2 to {_MAX_LOCATIONS} locations, each lat,lon, with colons between them."
        )
    return [_parse_location(part, number) for number, part in enumerate(parts, start=1)]


def _parse_location(text: str, number: int) -> _Location:
    """Return one location; `number` counts from 1 and is for the message."""
    degrees = [float(part) for part in text.split(",") if _DEGREES.fullmatch(part)]
    if len(degrees) != 2 or text.count(",") != 1:
        raise _BadRequestError(f"Location {number} must be lat,lon in decimal degrees, such as 52.37,4.9.")
    latitude_deg, longitude_deg = degrees
    if abs(latitude_deg) > 90:
        raise _BadRequestError(f"The latitude of location {number} must be from -90 to 90.")
    if abs(longitude_deg) > 180:
        raise _BadRequestError(f"The longitude of location {number} must be from -180 to 180.")
    return _Location(latitude_deg, longitude_deg)


def _measure_distance(start: _Location, end: _Location) -> float:
    """Return the length in metres of the great circle between two places, on a sphere.

    The haversine formula, exact enough for small distances too (R. W. Sinnott, "Virtues of the Haversine", Sky and
    Telescope 68 (2), 1984, page 159). The true Earth differs by up to 0.6 %.
    """
    start_rad, end_rad = math.radians(start.latitude_deg), math.radians(end.latitude_deg)
    half_latitude_rad = (end_rad - start_rad) / 2
    half_longitude_rad = math.radians(end.longitude_deg - start.longitude_deg) / 2
    haversine = (
        math.sin(half_latitude_rad) ** 2 + math.cos(start_rad) * math.cos(end_rad) * math.sin(half_longitude_rad) ** 2
    )
    return 2 * _EARTH_RADIUS_M * math.asin(math.sqrt(min(1.0, haversine)))


def _summarise(length_m: int) -> dict[str, int]:
    return {"lengthInMeters": length_m, "travelTimeInSeconds": round(length_m * 3.6 / _NOMINAL_SPEED_KMH)}


def _describe_leg(start: _Location, end: _Location, length_m: int) -> dict[str, object]:
    points = [{"latitude": place.latitude_deg, "longitude": place.longitude_deg} for place in (start, end)]
    return {"summary": _summarise(length_m), "points": points}


def _answer_route(text: str) -> Answer:
    locations = _parse_locations(text)
    lengths_m = [round(_measure_distance(start, end)) for start, end in pairwise(locations)]
    legs = [_describe_leg(*ends, length_m) for ends, length_m in zip(pairwise(locations), lengths_m, strict=True)]
    route = {"summary": _summarise(sum(lengths_m)), "legs": legs}
    content = {"method": "great-circle", "nominalSpeedInKmh": _NOMINAL_SPEED_KMH, "routes": [route]}
    return Answer(HTTPStatus.OK.value, "application/json", _make_json(content))
