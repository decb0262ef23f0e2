"""Draw the sample world map: Web-Mercator PNG tiles of 256 pixels, zoom 0 to 5, land and sea only.

The coast comes from `sample_data/land.json`. Each tile is drawn with a margin around it and four times too large in
both directions, as two masks (how much of a pixel is ground, how much is coast line), which are then reduced. One
palette, common to all tiles, gives every pair of levels its colour, so neighbours always meet without a seam.
"""

import hashlib
import io
import json
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter

MAX_ZOOM = 5
TILE_PX = 256

_DATA_PATH = Path(__file__).with_name("sample_data") / "land.json"
# The coarse coast is for the zooms where it cannot be told from the fine one.
_MAX_COARSE_ZOOM = 1

_SAMPLES = 4
# More than the blur of the shallows reaches, so that they do not end at the edge of a tile.
_MARGIN_PX = 16
_CANVAS_PX = TILE_PX + 2 * _MARGIN_PX
# A thinner line keeps archipelagos open while the world is small.
_COARSE_LINE_SAMPLES = 2
_FINE_LINE_SAMPLES = 3
_CHUNK_POINTS = 48

Rgb = tuple[int, int, int]
Box = tuple[int, int, int, int]
Point = tuple[int, int]

_DEEP_RGB: Rgb = (194, 221, 224)
_SHALLOW_RGB: Rgb = (214, 235, 235)
_LAND_RGB: Rgb = (249, 248, 243)
_COAST_RGB: Rgb = (61, 136, 133)
# Ground goes from deep sea (0) over the shallows along the coast to land (255).
_SHALLOW_GROUND = 102
_SHALLOWS_BLUR_PX = 5
_GROUND_LEVELS = 32
_COAST_LEVELS = 8


@dataclass(frozen=True, slots=True)
class Tile:
    """A drawn tile; `etag` is the strong entity tag of exactly these bytes, with its quotes."""

    png: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A run of a ring in grid units; the last point is the first of the next chunk."""

    box: Box
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class _Ring:
    """A closed line around land, or around a lake when `is_hole`."""

    box: Box
    chunks: tuple[_Chunk, ...]
    is_hole: bool


@dataclass(frozen=True, slots=True)
class _World:
    """The rings of one resolution in drawing order, and how many grid units the whole map is wide and high."""

    grid_units: int
    rings: tuple[_Ring, ...]


def is_tile(zoom: int, x: int, y: int) -> bool:
    """Tell whether the pyramid has this tile."""
    return 0 <= zoom <= MAX_ZOOM and 0 <= x < 2**zoom and 0 <= y < 2**zoom


# --- land -----------------------------------------------------------------------------------------


def _measure_box(points: list[Point]) -> Box:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return min(xs), min(ys), max(xs), max(ys)


def _decode_ring(flat: list[int], is_hole: bool) -> _Ring:
    """Return the ring of a flat list: the first x, y, then steps dx, dy; the ring is closed here."""
    x, y = flat[0], flat[1]
    points = [(x, y)]
    for step_x, step_y in zip(flat[2::2], flat[3::2], strict=True):
        x, y = x + step_x, y + step_y
        points.append((x, y))
    points.append(points[0])
    chunks = []
    for first in range(0, len(points) - 1, _CHUNK_POINTS):
        run = points[first : first + _CHUNK_POINTS + 1]
        chunks.append(_Chunk(_measure_box(run), tuple(run)))
    return _Ring(_measure_box(points), tuple(chunks), is_hole)


@cache
def _load_world(resolution: str) -> _World:
    """Return one resolution of the land, read from the file once per process."""
    data = json.loads(_DATA_PATH.read_text(encoding="utf-8"))
    rings = [
        _decode_ring(flat, is_hole=number > 0) for polygon in data[resolution] for number, flat in enumerate(polygon)
    ]
    return _World(data["grid_units"], tuple(rings))


# --- drawing --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Window:
    """What a tile and its margin see, in grid units, and how it maps to samples."""

    left: float
    top: float
    right: float
    bottom: float
    samples_per_unit: float

    def is_touched_by(self, box: Box, shift: int) -> bool:
        return (
            box[0] + shift <= self.right
            and box[2] + shift >= self.left
            and box[1] <= self.bottom
            and box[3] >= self.top
        )

    def project(self, points: tuple[Point, ...], shift: int) -> list[tuple[float, float]]:
        scale, left, top = self.samples_per_unit, self.left - shift, self.top
        return [((x - left) * scale, (y - top) * scale) for x, y in points]


def _make_window(zoom: int, x: int, y: int, grid_units: int) -> _Window:
    tile_units = grid_units / 2**zoom
    margin = tile_units * _MARGIN_PX / TILE_PX
    left, top = x * tile_units - margin, y * tile_units - margin
    side = tile_units + 2 * margin
    return _Window(left, top, left + side, top + side, _CANVAS_PX * _SAMPLES / side)


def _outline(ring: _Ring, window: _Window, shift: int) -> list[tuple[float, float]]:
    """Return the ring for filling, in samples.

    A chunk whose box misses the window lies wholly to one side of it, so the straight line from its first point to
    the next chunk's first point misses the window too: what is filled inside stays the same.
    """
    line: list[tuple[float, float]] = []
    for chunk in ring.chunks:
        is_near = window.is_touched_by(chunk.box, shift)
        line += window.project(chunk.points if is_near else chunk.points[:1], shift)
    return line


def _split_at_seam(points: tuple[Point, ...], grid_units: int) -> list[tuple[Point, ...]]:
    """Return the runs of a chunk that are coast.

    Some land is cut in two at the antimeridian, and Antarctica is closed along it: those edges are no coast.
    """
    cuts = [
        index
        for index in range(1, len(points))
        if points[index][0] == points[index - 1][0] and points[index][0] % grid_units == 0
    ]
    bounds = [0, *cuts, len(points)]
    runs = [points[first:last] for first, last in pairwise(bounds)]
    return [run for run in runs if len(run) > 1]


def _coast_lines(ring: _Ring, window: _Window, shift: int, grid_units: int) -> Iterator[list[tuple[float, float]]]:
    """Yield the coast that the window may see, in samples."""
    for chunk in ring.chunks:
        if window.is_touched_by(chunk.box, shift):
            for run in _split_at_seam(chunk.points, grid_units):
                yield window.project(run, shift)


def _draw_masks(window: _Window, world: _World, line_samples: int) -> tuple[Image.Image, Image.Image]:
    """Return the masks of land and of coast line with samples instead of pixels, 0 or 255.

    The world repeats to the west and to the east, so land across the antimeridian is whole on both sides.
    """
    size = (_CANVAS_PX * _SAMPLES, _CANVAS_PX * _SAMPLES)
    land, coast = Image.new("L", size), Image.new("L", size)
    draw_land, draw_coast = ImageDraw.Draw(land), ImageDraw.Draw(coast)
    for ring in world.rings:
        for shift in (-world.grid_units, 0, world.grid_units):
            if window.is_touched_by(ring.box, shift):
                draw_land.polygon(_outline(ring, window, shift), fill=0 if ring.is_hole else 255)
                for line in _coast_lines(ring, window, shift, world.grid_units):
                    draw_coast.line(line, fill=255, width=line_samples)
    return land, coast


def _mix(first: Rgb, second: Rgb, share: float) -> Rgb:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _colour_ground(ground: float) -> Rgb:
    if ground < _SHALLOW_GROUND:
        return _mix(_DEEP_RGB, _SHALLOW_RGB, ground / _SHALLOW_GROUND)
    return _mix(_SHALLOW_RGB, _LAND_RGB, (ground - _SHALLOW_GROUND) / (255 - _SHALLOW_GROUND))


@cache
def _make_palette() -> bytes:
    """Return 256 colours, three bytes each; number ground level x 8 + coast level."""
    colours = bytearray()
    for ground_level in range(_GROUND_LEVELS):
        ground_rgb = _colour_ground(ground_level * 255 / (_GROUND_LEVELS - 1))
        for coast_level in range(_COAST_LEVELS):
            colours += bytes(_mix(ground_rgb, _COAST_RGB, coast_level / (_COAST_LEVELS - 1)))
    return bytes(colours)


def _add_shallows(land: Image.Image) -> Image.Image:
    """Return the ground: land, and the sea lighter towards it, where half of a blurred coast's level is the most."""
    blurred = land.filter(ImageFilter.GaussianBlur(_SHALLOWS_BLUR_PX))
    shallows = blurred.point([min(_SHALLOW_GROUND, round(value * _SHALLOW_GROUND / 128)) for value in range(256)])
    return ImageChops.lighter(land, shallows)


def _count_levels(mask: Image.Image, levels: int, step: int) -> Image.Image:
    """Return the mask as level numbers from 0 to `levels` - 1, times `step`."""
    return mask.point([round(value * (levels - 1) / 255) * step for value in range(256)])


def draw_tile(zoom: int, x: int, y: int) -> bytes:
    """Return the PNG of a tile; always the same bytes for the same tile. Costs 5 to 40 ms of one core.

    Raises ValueError when `is_tile` says no.
    """
    if not is_tile(zoom, x, y):
        raise ValueError(f"no tile {zoom}/{x}/{y}")
    is_coarse = zoom <= _MAX_COARSE_ZOOM
    world = _load_world("110m" if is_coarse else "50m")
    window = _make_window(zoom, x, y, world.grid_units)
    land, coast = _draw_masks(window, world, _COARSE_LINE_SAMPLES if is_coarse else _FINE_LINE_SAMPLES)
    ground = _add_shallows(land.reduce(_SAMPLES))
    tile = ImageChops.add(
        _count_levels(ground, _GROUND_LEVELS, _COAST_LEVELS), _count_levels(coast.reduce(_SAMPLES), _COAST_LEVELS, 1)
    ).crop((_MARGIN_PX, _MARGIN_PX, _MARGIN_PX + TILE_PX, _MARGIN_PX + TILE_PX))
    tile.putpalette(_make_palette())
    out = io.BytesIO()
    tile.save(out, "PNG", optimize=True)
    return out.getvalue()


# --- cache ----------------------------------------------------------------------------------------


class TileCache:
    """Keep the tiles that were asked for last; any thread may use it.

    One thread draws at a time: drawing holds the interpreter anyway, and ten requests for one tile draw it once.
    """

    def __init__(self, max_tiles: int = 512) -> None:
        """Hold at most `max_tiles`, 2 KB each on average."""
        self._max_tiles = max_tiles
        self._tiles: OrderedDict[tuple[int, int, int], Tile] = OrderedDict()
        self._lock = threading.Lock()
        self._drawing = threading.Lock()

    def __len__(self) -> int:
        """Return how many tiles are held."""
        return len(self._tiles)

    def has(self, zoom: int, x: int, y: int) -> bool:
        """Tell whether `get` would answer at once; does not count as a use."""
        return (zoom, x, y) in self._tiles

    def get(self, zoom: int, x: int, y: int) -> Tile:
        """Return the tile, drawn if need be. Raises ValueError when `is_tile` says no."""
        tile = self._find((zoom, x, y))
        if tile is not None:
            return tile
        with self._drawing:
            tile = self._find((zoom, x, y))
            if tile is None:
                png = draw_tile(zoom, x, y)
                tile = Tile(png, f'"{hashlib.sha256(png).hexdigest()[:32]}"')
                self._keep((zoom, x, y), tile)
            return tile

    def _find(self, place: tuple[int, int, int]) -> Tile | None:
        with self._lock:
            if place in self._tiles:
                self._tiles.move_to_end(place)
            return self._tiles.get(place)

    def _keep(self, place: tuple[int, int, int], tile: Tile) -> None:
        with self._lock:
            self._tiles[place] = tile
            while len(self._tiles) > self._max_tiles:
                self._tiles.popitem(last=False)
