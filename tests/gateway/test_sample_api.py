"""The sample APIs, through `answer`: what a developer sees who tries a new key."""

import io
import json
import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gateway import tiles
from gateway.sample_api import Answer, answer, is_slow

ROOT = Path(__file__).parents[2]
WORLD_TILE = "/map/1/tile/basic/main/0/0/0.png"
EARTH_RADIUS_M = 6_371_008.8


def ask(path: str, query: str = "", if_none_match: str | None = None) -> Answer:
    """Return the answer of a path that has one."""
    reply = answer(path, query, if_none_match)
    assert reply is not None
    return reply


def ask_json(path: str, query: str = "") -> Any:
    """Return the decoded body of a request that succeeds."""
    reply = ask(path, query)
    assert (reply.status, reply.content_type) == (200, "application/json")
    assert (reply.etag, reply.cache_control) == (None, "no-store")
    return json.loads(reply.body)


def ask_problem(path: str, query: str = "") -> str:
    """Return the detail of a request that is refused as bad."""
    reply = ask(path, query)
    assert (reply.status, reply.content_type, reply.cache_control) == (400, "application/problem+json", "no-store")
    problem = json.loads(reply.body)
    detail = problem.pop("detail")
    assert problem == {"type": "about:blank", "title": "Bad Request", "status": 400, "code": "bad_request"}
    assert isinstance(detail, str)
    assert detail.endswith(".")
    return detail


def open_tile(zoom: int, x: int, y: int) -> Image.Image:
    """Return the decoded pixels of a tile."""
    reply = ask(f"/map/1/tile/basic/main/{zoom}/{x}/{y}.png")
    assert (reply.status, reply.content_type) == (200, "image/png")
    return Image.open(io.BytesIO(reply.body)).convert("RGB")


def look_at(latitude_deg: float, longitude_deg: float, zoom: int) -> str:
    """Return what the map shows at a place: land, sea (shallow or deep), or coast where it is neither."""
    side_px = tiles.TILE_PX * 2**zoom
    x_px = (longitude_deg + 180) / 360 * side_px
    y_px = (0.5 - math.asinh(math.tan(math.radians(latitude_deg))) / (2 * math.pi)) * side_px
    column, row = min(int(x_px), side_px - 1), min(int(y_px), side_px - 1)
    tile = open_tile(zoom, column // tiles.TILE_PX, row // tiles.TILE_PX)
    return name_colour(tile.getpixel((column % tiles.TILE_PX, row % tiles.TILE_PX)))


def name_colour(pixel: object) -> str:
    """Return land, sea or coast."""
    assert isinstance(pixel, tuple)
    red, green, blue = pixel
    if (red, green, blue) == (249, 248, 243):
        return "land"
    return "sea" if 194 <= red <= 214 and 221 <= green <= 235 and 224 <= blue <= 235 else "coast"


# --- map tile -------------------------------------------------------------------------------------


def test_the_world_tile_is_a_small_png_of_256_pixels() -> None:
    reply = ask(WORLD_TILE, "view=Unified&key=anything")
    picture = Image.open(io.BytesIO(reply.body))
    assert (reply.status, reply.content_type, picture.format) == (200, "image/png", "PNG")
    assert picture.size == (256, 256)
    assert len(reply.body) < 20_000


@pytest.mark.parametrize("zoom", range(6))
@pytest.mark.parametrize(
    ("place", "latitude_deg", "longitude_deg", "shown"),
    [
        ("mid-Atlantic", 30, -45, "sea"),
        ("Sahara", 23, 10, "land"),
        ("Siberia", 62, 100, "land"),
        ("Amazonia", -5, -62, "land"),
        ("Australia", -25, 134, "land"),
        ("Indian Ocean", -30, 80, "sea"),
        ("Chukotka, east of the antimeridian", 66.8, -177.2, "land"),
        ("Chukotka, west of the antimeridian", 67.5, 178, "land"),
        ("Bering Sea", 57, 179, "sea"),
        ("East Antarctica", -80, 90, "land"),
        ("Southern Ocean", -60, 0, "sea"),
    ],
)
def test_a_place_is_land_or_sea_at_every_zoom(
    place: str, latitude_deg: float, longitude_deg: float, shown: str, zoom: int
) -> None:
    assert look_at(latitude_deg, longitude_deg, zoom) == shown, place


@pytest.mark.parametrize("zoom", range(6))
def test_the_equator_is_open_sea_from_the_gilberts_to_the_phoenix_islands(zoom: int) -> None:
    """A ring that jumps across the antimeridian would lie over it as a band of land."""
    longitudes_deg = [turn / 2 for turn in range(352, 361)] + [turn / 2 for turn in range(-360, -349)]
    assert {look_at(0.7, longitude_deg, zoom) for longitude_deg in longitudes_deg} == {"sea"}


@pytest.mark.parametrize("zoom", range(1, 6))
def test_the_caspian_sea_is_a_hole_in_the_land(zoom: int) -> None:
    assert (look_at(41.8, 50.6, zoom), look_at(41.8, 58, zoom)) == ("sea", "land")


@pytest.mark.parametrize("zoom", range(1, 6))
@pytest.mark.parametrize("longitude_deg", [-180, -179.99, 179.99, 180])
def test_land_goes_on_across_the_antimeridian(longitude_deg: float, zoom: int) -> None:
    """Russia, Wrangel Island and Antarctica are cut there in the source: no coast, no gap, no sea may show."""
    latitudes_deg = [66.5, 67, 67.5, 68]
    latitudes_deg += [71.2] if zoom >= 3 else []
    latitudes_deg += [-84.7, -85] if zoom >= 2 else []
    assert {look_at(latitude_deg, longitude_deg, zoom) for latitude_deg in latitudes_deg} == {"land"}


@pytest.mark.parametrize("zoom", range(6))
def test_sea_goes_on_across_the_antimeridian(zoom: int) -> None:
    places = [(latitude_deg, side * 179.99) for latitude_deg in (80, 60, 45, 20, 0, -30, -60, -75) for side in (-1, 1)]
    assert {look_at(latitude_deg, longitude_deg, zoom) for latitude_deg, longitude_deg in places} == {"sea"}


@pytest.mark.parametrize("zoom", range(6))
def test_the_last_row_of_the_map_is_antarctica(zoom: int) -> None:
    """All but the Ross Sea, which reaches further south than the map does."""
    last = 2**zoom - 1
    tiles_of_row = [open_tile(zoom, x, last) for x in range(2**zoom)]
    row = [name_colour(tile.getpixel((column, 255))) for tile in tiles_of_row for column in range(256)]
    west, east = round(len(row) * 0.11), round(len(row) * 0.95)
    assert set(row[west:east]) == {"land"}


@pytest.mark.parametrize("zoom", range(1, 6))
def test_neighbouring_tiles_meet_without_a_seam(zoom: int) -> None:
    """The deep sea, the shallows and land have the same colour on both sides: few pixels differ much."""
    middle = 2**zoom // 2
    for x in range(2**zoom - 1):
        left, right = open_tile(zoom, x, middle - 1), open_tile(zoom, x + 1, middle - 1)
        names = [(name_colour(left.getpixel((255, row))), name_colour(right.getpixel((0, row)))) for row in range(256)]
        assert sum({"land", "sea"} == set(pair) for pair in names) == 0


def test_a_tile_is_the_same_after_a_second_look_and_in_another_process() -> None:
    first, second = ask(WORLD_TILE), ask(WORLD_TILE, "view=IN")
    assert (first.body, first.etag) == (second.body, second.etag)
    program = f"from gateway.sample_api import answer; print(answer({WORLD_TILE!r}, '').etag)"
    other = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True
    )
    assert other.stdout.strip() == first.etag


def test_different_tiles_have_different_etags() -> None:
    assert ask("/map/1/tile/basic/main/1/0/0.png").etag != ask("/map/1/tile/basic/main/1/1/0.png").etag


def test_a_tile_may_be_kept_for_a_day_by_this_browser_only() -> None:
    assert ask(WORLD_TILE).cache_control == "private, max-age=86400"


@pytest.mark.parametrize("header", ["{}", "W/{}", '"other", {}', '"a,b" , W/{}', "*", " * "])
def test_a_tile_that_the_browser_has_is_not_sent_again(header: str) -> None:
    fresh = ask(WORLD_TILE)
    assert fresh.etag is not None
    reply = ask(WORLD_TILE, "", header.format(fresh.etag))
    assert (reply.status, reply.body) == (304, b"")
    assert (reply.etag, reply.cache_control) == (fresh.etag, fresh.cache_control)


@pytest.mark.parametrize("header", ["", '"other"', "unquoted", '"', "W/", '"*"'])
def test_a_tile_that_the_browser_has_not_is_sent(header: str) -> None:
    assert ask(WORLD_TILE, "", header).status == 200


@pytest.mark.parametrize(
    ("place", "hint"),
    [
        ("6/0/0", "from 0 to 5"),
        ("-1/0/0", "from 0 to 5"),
        ("x/0/0", "from 0 to 5"),
        ("٣/0/0", "from 0 to 5"),
        ("99999999999999999999/0/0", "from 0 to 5"),
        ("0/1/0", "from 0 to 0"),
        ("2/4/0", "from 0 to 3"),
        ("2/0/-1", "from 0 to 3"),
        ("2//1", "from 0 to 3"),
        ("2/1.0/1", "from 0 to 3"),
    ],
)
def test_a_tile_that_is_not_on_the_map_is_a_bad_request(place: str, hint: str) -> None:
    path = f"/map/1/tile/basic/main/{place}.png"
    assert hint in ask_problem(path)
    assert not is_slow(path)


def test_only_a_tile_that_must_be_drawn_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.sample_api._tile_cache", tiles.TileCache())
    path = "/map/1/tile/basic/main/5/3/7.png"
    assert is_slow(path)
    ask(path)
    assert not is_slow(path)
    assert not is_slow("/search/2/search/peru.json")
    assert not is_slow("/routing/1/calculateRoute/1,1:2,2/json")
    assert not is_slow("/nowhere")


def test_the_cache_keeps_the_tiles_that_were_used_last() -> None:
    cache = tiles.TileCache(max_tiles=2)
    cache.get(1, 0, 0)
    cache.get(1, 1, 0)
    cache.get(1, 0, 0)
    cache.get(1, 1, 1)
    assert len(cache) == 2
    assert [cache.has(1, 0, 0), cache.has(1, 1, 0), cache.has(1, 1, 1)] == [True, False, True]


def test_many_threads_draw_one_tile_once(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[int, int, int]] = []
    draw = tiles.draw_tile

    def draw_and_count(zoom: int, x: int, y: int) -> bytes:
        drawn.append((zoom, x, y))
        return draw(zoom, x, y)

    monkeypatch.setattr(tiles, "draw_tile", draw_and_count)
    cache = tiles.TileCache()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: cache.get(3, 4, 2), range(40)))
    assert drawn == [(3, 4, 2)]
    assert len({tile.etag for tile in found}) == 1


def test_drawing_a_tile_that_is_not_on_the_map_is_refused() -> None:
    with pytest.raises(ValueError, match="no tile 0/1/0"):
        tiles.draw_tile(0, 1, 0)


# --- search ---------------------------------------------------------------------------------------


def search(text: str, query: str = "") -> list[str]:
    """Return the names that are found."""
    content = ask_json(f"/search/2/search/{text}.json", query)
    assert content["summary"]["query"] == text
    assert content["summary"]["numResults"] == len(content["results"])
    scores = [result["score"] for result in content["results"]]
    assert scores == sorted(scores, reverse=True)
    return [result["name"] for result in content["results"]]


def test_a_country_is_found_by_its_name_with_its_position() -> None:
    content = ask_json("/search/2/search/Brazil.json")
    best = content["results"][0]
    assert (best["type"], best["name"], best["score"]) == ("Geography", "Brazil", 1.0)
    assert -34 < best["position"]["lat"] < 6
    assert -74 < best["position"]["lon"] < -34


@pytest.mark.parametrize("text", ["cote d'ivoire", "CÔTE D’IVOIRE", "Co\u0302te d Ivoire", "  côte   d'ivoire"])
def test_case_accents_and_punctuation_do_not_matter(text: str) -> None:
    results = ask_json(f"/search/2/search/{text}.json")["results"]
    assert (results[0]["name"], results[0]["score"]) == ("Côte d'Ivoire", 1.0)


def test_a_name_that_begins_so_comes_before_one_that_holds_it() -> None:
    assert search("guinea")[:4] == ["Guinea", "Guinea-Bissau", "Papua New Guinea", "Equatorial Guinea"]
    assert search("niger")[:2] == ["Niger", "Nigeria"]


@pytest.mark.parametrize(
    ("text", "name"),
    [("Brasil", "Brazil"), ("germny", "Germany"), ("swizerland", "Switzerland"), ("Argentinia", "Argentina")],
)
def test_a_misspelt_name_is_found(text: str, name: str) -> None:
    assert search(text)[0] == name


@pytest.mark.parametrize("text", ["qqqqqq", "!?", "北京", "\u0301"])
def test_nothing_found_is_an_empty_list(text: str) -> None:
    assert search(text) == []


def test_a_slash_in_the_search_text_is_text() -> None:
    assert "Peru" in search("per/u")


def test_ten_results_come_unless_a_limit_is_given() -> None:
    content = ask_json("/search/2/search/an.json")
    assert content["summary"]["numResults"] == 10
    assert content["summary"]["totalResults"] > 10
    assert len(search("an", "limit=1")) == 1
    assert len(search("an", "key=abc&limit=100")) == content["summary"]["totalResults"]


@pytest.mark.parametrize("limit", ["0", "101", "-1", "ten", "", "1.5", "9" * 5000, "%D9%A3"])
def test_a_limit_that_makes_no_sense_is_a_bad_request(limit: str) -> None:
    assert "from 1 to 100" in ask_problem("/search/2/search/peru.json", f"limit={limit}")


@pytest.mark.parametrize(("text", "hint"), [("", "empty"), ("  ", "empty"), ("a" * 101, "at most 100")])
def test_a_search_text_that_is_empty_or_too_long_is_a_bad_request(text: str, hint: str) -> None:
    assert hint in ask_problem(f"/search/2/search/{text}.json")


def test_every_country_lies_on_land() -> None:
    rows = json.loads((ROOT / "gateway" / "sample_data" / "countries.json").read_text(encoding="utf-8"))
    assert len(rows) == 177
    afloat = [row["name"] for row in rows if row["lat"] > -85 and look_at(row["lat"], row["lon"], 5) != "land"]
    # The widest part of the Gambia is its river, which the fine coast shows.
    assert afloat == ["Gambia"]


def test_every_country_finds_itself() -> None:
    rows = json.loads((ROOT / "gateway" / "sample_data" / "countries.json").read_text(encoding="utf-8"))
    for row in rows:
        best = ask_json(f"/search/2/search/{row['name']}.json", "limit=1")["results"][0]
        assert best == {
            "type": "Geography",
            "name": row["name"],
            "position": {"lat": row["lat"], "lon": row["lon"]},
            "score": 1.0,
        }


# --- route ----------------------------------------------------------------------------------------


def measure(locations: str) -> int:
    """Return the length of a route in metres."""
    length_m = ask_json(f"/routing/1/calculateRoute/{locations}/json")["routes"][0]["summary"]["lengthInMeters"]
    assert isinstance(length_m, int)
    return length_m


@pytest.mark.parametrize(
    ("locations", "length_m"),
    [
        ("0,0:0,1", EARTH_RADIUS_M * math.radians(1)),
        ("0,179:0,-179", EARTH_RADIUS_M * math.radians(2)),
        ("90,0:-90,0", EARTH_RADIUS_M * math.pi),
        ("0,0:0,180", EARTH_RADIUS_M * math.pi),
        ("89,0:89,180", EARTH_RADIUS_M * math.radians(2)),
        ("12.5,-7.25:12.5,-7.25", 0),
    ],
)
def test_a_route_is_as_long_as_the_great_circle(locations: str, length_m: float) -> None:
    assert measure(locations) == round(length_m)


def test_a_known_distance_is_right() -> None:
    """Amsterdam to Berlin, 577 km."""
    assert measure("52.3676,4.9041:52.52,13.405") == pytest.approx(577_000, rel=0.005)


def test_a_route_adds_up_its_legs_and_takes_its_time() -> None:
    route = ask_json("/routing/1/calculateRoute/52.37,4.9:50.11,8.68:48.14,11.58/json")["routes"][0]
    legs = route["legs"]
    assert len(legs) == 2
    assert route["summary"]["lengthInMeters"] == sum(leg["summary"]["lengthInMeters"] for leg in legs)
    assert legs[0]["points"] == [{"latitude": 52.37, "longitude": 4.9}, {"latitude": 50.11, "longitude": 8.68}]
    assert legs[0]["points"][1] == legs[1]["points"][0]
    for part in (route, *legs):
        assert part["summary"]["travelTimeInSeconds"] == round(part["summary"]["lengthInMeters"] / 25)


@given(st.lists(st.tuples(st.integers(-90, 90), st.integers(-180, 180)), min_size=3, max_size=3))
def test_a_detour_is_never_shorter(places: list[tuple[int, int]]) -> None:
    first, detour, last = (f"{latitude},{longitude}" for latitude, longitude in places)
    assert measure(f"{first}:{last}") == measure(f"{last}:{first}")
    assert measure(f"{first}:{detour}:{last}") >= measure(f"{first}:{last}") - 2


@pytest.mark.parametrize(
    ("locations", "hint"),
    [
        ("", "2 to 50 locations"),
        ("1,1", "2 to 50 locations"),
        (":".join(["1,1"] * 51), "2 to 50 locations"),
        ("1,1:2", "Location 2 must be lat,lon"),
        ("1,1:2,2,2", "Location 2 must be lat,lon"),
        ("1,1:", "Location 2 must be lat,lon"),
        ("nan,1:2,2", "Location 1 must be lat,lon"),
        ("1,inf:2,2", "Location 1 must be lat,lon"),
        ("1e1,1:2,2", "Location 1 must be lat,lon"),
        ("1,,1:2,2", "Location 1 must be lat,lon"),
        ("90.1,1:2,2", "latitude of location 1"),
        ("1,1:2,-180.5", "longitude of location 2"),
    ],
)
def test_a_route_that_makes_no_sense_is_a_bad_request(locations: str, hint: str) -> None:
    assert hint in ask_problem(f"/routing/1/calculateRoute/{locations}/json")


# --- anything -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/map/1/tile/basic/night/0/0/0.png",
        "/map/1/tile/basic/main/0/0/0.jpg",
        "/map/1/tile/basic/main/0/0/0.png/",
        "/map/1/tile/basic/main/0/0/0.png\n",
        "/search/2/search/peru.xml",
        "/search/2/geocode/peru.json",
        "/routing/1/calculateRoute/1,1:2,2/xml",
        "/routing/1/calculateRoute/1,1:2,2/json/",
    ],
)
def test_a_path_without_a_sample_api_has_no_answer(path: str) -> None:
    assert answer(path, "") is None
    assert not is_slow(path)


any_text = st.text(st.characters(exclude_categories=()))
number_like = st.one_of(st.integers(-2, 40).map(str), any_text)
tile_paths = st.tuples(number_like, number_like, number_like).map(
    lambda parts: "/map/1/tile/basic/main/{}/{}/{}.png".format(*parts)
)
search_paths = any_text.map("/search/2/search/{}.json".format)
route_paths = st.one_of(any_text, st.text("0123456789.,:-+")).map("/routing/1/calculateRoute/{}/json".format)
limits = st.one_of(number_like, any_text.map(lambda text: quote(text, errors="replace"))).map("limit={}".format)


@settings(deadline=None, max_examples=300)
@given(
    path=st.one_of(any_text, tile_paths, search_paths, route_paths),
    query=st.one_of(any_text, limits),
    if_none_match=st.one_of(st.none(), any_text),
)
def test_nothing_that_is_asked_makes_it_fall_over(path: str, query: str, if_none_match: str | None) -> None:
    assert is_slow(path) in (True, False)
    reply = answer(path, query, if_none_match)
    if reply is None:
        return
    assert reply.status in {200, 304, 400}
    assert (reply.body == b"") == (reply.status == 304)
    if reply.content_type != "image/png":
        json.loads(reply.body)


def test_the_modules_import_no_django() -> None:
    program = "import sys, gateway.sample_api; print('django' in sys.modules)"
    other = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True
    )
    assert other.stdout.strip() == "False"


def test_scores_fall_from_equal_to_similar() -> None:
    scores = [
        ask_json(f"/search/2/search/{text}.json", "limit=1")["results"][0]["score"]
        for text in ("south sudan", "south suda", "uth sudan", "soth sudan")
    ]
    assert all(better > worse for better, worse in pairwise(scores))
