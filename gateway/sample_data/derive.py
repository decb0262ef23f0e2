"""Make land.json and countries.json from an unpacked `world-atlas` 2.0.2 package; see README.md.

Takes one argument, the package's folder, and writes beside this script.
"""

import json
import math
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

Point = tuple[float, float]
Ring = list[Point]
Polygon = list[Ring]
GridPoint = tuple[int, int]

# One grid unit is one sub-pixel of the deepest tile: 2^5 tiles x 256 pixels x 4 samples.
GRID_UNITS = 32_768
# An island is kept when the width and the height of its box come to this much together.
MIN_BOX_UNITS = {"110m": 0, "50m": 5}
# How far a simplified coast may lie from the true one.
TOLERANCE_UNITS = {"110m": 8.0, "50m": 1.2}
# Where a ring around the pole is closed: far enough below the map that no tile, with its margin, sees it.
BELOW_MAP_UNITS = GRID_UNITS + GRID_UNITS // 8

# Natural Earth abbreviates for labels on maps; people search for words.
FULL_NAMES = {
    "Bosnia and Herz.": "Bosnia and Herzegovina",
    "Central African Rep.": "Central African Republic",
    "Dem. Rep. Congo": "Democratic Republic of the Congo",
    "Dominican Rep.": "Dominican Republic",
    "Eq. Guinea": "Equatorial Guinea",
    "Falkland Is.": "Falkland Islands",
    "Fr. S. Antarctic Lands": "French Southern and Antarctic Lands",
    "Macedonia": "North Macedonia",
    "N. Cyprus": "Northern Cyprus",
    "S. Sudan": "South Sudan",
    "Solomon Is.": "Solomon Islands",
    "W. Sahara": "Western Sahara",
    "eSwatini": "Eswatini",
}


# --- TopoJSON -------------------------------------------------------------------------------------


def read_arcs(topology: dict[str, Any]) -> list[Ring]:
    """Return the arcs as (longitude, latitude) in degrees: deltas summed, scaled, translated (TopoJSON 2.1.3)."""
    (scale_x, scale_y) = topology["transform"]["scale"]
    (shift_x, shift_y) = topology["transform"]["translate"]
    arcs: list[Ring] = []
    for deltas in topology["arcs"]:
        x = y = 0
        arc: Ring = []
        for delta_x, delta_y in deltas:
            x, y = x + delta_x, y + delta_y
            arc.append((x * scale_x + shift_x, y * scale_y + shift_y))
        arcs.append(arc)
    return arcs


def join_arcs(numbers: list[int], arcs: list[Ring]) -> Ring:
    """Return one ring; a negative number ~i is arc i backwards, and joints are stored twice."""
    ring: Ring = []
    for number in numbers:
        arc = arcs[number] if number >= 0 else arcs[~number][::-1]
        ring += arc[1:] if ring else arc
    return ring


def read_polygons(geometry: dict[str, Any], arcs: list[Ring]) -> Iterator[Polygon]:
    """Yield the polygons of a geometry; the first ring of each is its outline, the others are holes."""
    if geometry["type"] == "GeometryCollection":
        for part in geometry["geometries"]:
            yield from read_polygons(part, arcs)
    elif geometry["type"] in ("Polygon", "MultiPolygon"):
        parts = geometry["arcs"] if geometry["type"] == "MultiPolygon" else [geometry["arcs"]]
        for part in parts:
            yield [unwrap(join_arcs(numbers, arcs)) for numbers in part]


def unwrap(ring: Ring) -> Ring:
    """Make longitudes continuous: world-atlas stitches rings across the antimeridian, so they jump by 360."""
    unwrapped = [ring[0]]
    turn_deg = 0
    for (before, _), (longitude, latitude) in pairwise(ring):
        if longitude - before > 180:
            turn_deg -= 360
        elif longitude - before < -180:
            turn_deg += 360
        unwrapped.append((longitude + turn_deg, latitude))
    return unwrapped


def is_around_pole(ring: Ring) -> bool:
    """Tell whether the ring goes once around the Earth: Antarctica."""
    return abs(ring[-1][0] - ring[0][0]) > 180


# --- land.json ------------------------------------------------------------------------------------


def project(longitude_deg: float, latitude_deg: float) -> Point:
    """Return Web-Mercator grid units, x from -180 degrees eastwards, y from 85.0511 degrees southwards."""
    sine = math.sin(math.radians(latitude_deg))
    y = 0.5 - math.log((1 + sine) / (1 - sine)) / (4 * math.pi)
    return (longitude_deg + 180) / 360 * GRID_UNITS, y * GRID_UNITS


def is_on_seam(point: Point) -> bool:
    """Tell whether the point lies on the antimeridian, where some polygons are cut in two."""
    return round(point[0]) % GRID_UNITS == 0 and abs(point[0] - round(point[0])) < 1e-6


def measure_offset(point: Point, start: Point, end: Point) -> float:
    """Return the distance of a point from a segment."""
    delta_x, delta_y = end[0] - start[0], end[1] - start[1]
    length_squared = delta_x * delta_x + delta_y * delta_y
    along = 0.0
    if length_squared:
        along = ((point[0] - start[0]) * delta_x + (point[1] - start[1]) * delta_y) / length_squared
        along = min(1.0, max(0.0, along))
    return math.hypot(point[0] - start[0] - along * delta_x, point[1] - start[1] - along * delta_y)


def simplify(line: Ring, tolerance: float) -> Ring:
    """Drop the points that lie within `tolerance` of what stays (Douglas and Peucker 1973); the seam stays."""
    kept = {0, len(line) - 1} | {index for index, point in enumerate(line) if is_on_seam(point)}
    anchors = sorted(kept)
    spans = list(pairwise(anchors))
    while spans:
        first, last = spans.pop()
        offsets = ((measure_offset(line[i], line[first], line[last]), i) for i in range(first + 1, last))
        farthest, index = max(offsets, default=(0.0, 0))
        if farthest > tolerance:
            kept.add(index)
            spans += [(first, index), (index, last)]
    return [line[index] for index in sorted(kept)]


def make_grid_ring(ring: Ring, resolution: str) -> list[GridPoint]:
    """Return the ring on the grid, closed, its west end within the world; empty when it is off the map or a speck."""
    line = [project(longitude, max(latitude, -89.0)) for longitude, latitude in ring]
    if min(y for _, y in line) >= GRID_UNITS:
        return []
    snapped = [(round(x), round(y)) for x, y in simplify(line, TOLERANCE_UNITS[resolution])]
    points = [point for index, point in enumerate(snapped) if index == 0 or point != snapped[index - 1]]
    if is_around_pole(ring):
        points += [(points[-1][0], BELOW_MAP_UNITS), (points[0][0], BELOW_MAP_UNITS), points[0]]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    if len(points) < 4 or max(xs) - min(xs) + max(ys) - min(ys) < MIN_BOX_UNITS[resolution]:
        return []
    shift = min(xs) // GRID_UNITS * GRID_UNITS
    return [(x - shift, y) for x, y in points]


def measure_area(ring: list[GridPoint]) -> float:
    """Return the area by the shoelace formula, without sign."""
    return abs(sum(a * d - c * b for (a, b), (c, d) in pairwise(ring))) / 2


def encode(ring: list[GridPoint]) -> list[int]:
    """Return x, y of the first point, then the steps dx, dy, flat; the closing point is left out."""
    flat = list(ring[0])
    for (x, y), (next_x, next_y) in pairwise(ring[:-1]):
        flat += [next_x - x, next_y - y]
    return flat


def derive_land(package: Path, resolution: str) -> list[list[list[int]]]:
    """Return the polygons as encoded rings, the largest first, so that an island in a lake is drawn after the lake."""
    topology = json.loads((package / f"land-{resolution}.json").read_text(encoding="utf-8"))
    polygons: list[list[list[GridPoint]]] = []
    for polygon in read_polygons(topology["objects"]["land"], read_arcs(topology)):
        outline, *holes = (make_grid_ring(ring, resolution) for ring in polygon)
        if outline:
            polygons.append([outline, *(hole for hole in holes if hole)])
    polygons.sort(key=lambda rings: -measure_area(rings[0]))
    return [[encode(ring) for ring in polygon] for polygon in polygons]


# --- countries.json -------------------------------------------------------------------------------


def is_inside(x: float, y: float, polygon: Polygon) -> bool:
    """Tell whether a point is in the polygon, by the parity of crossings."""
    inside = False
    for ring in polygon:
        for (x1, y1), (x2, y2) in pairwise(ring):
            if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
                inside = not inside
    return inside


def find_inner_point(polygon: Polygon) -> Point:
    """Return the point farthest from the polygon's edges, by a grid that is refined around the best so far."""
    xs, ys = [x for x, _ in polygon[0]], [y for _, y in polygon[0]]
    centre = ((min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2)
    reach = ((max(xs) - min(xs)) / 2, (max(ys) - min(ys)) / 2)
    best_depth = -1.0
    for _ in range(5):
        middle = centre
        for column in range(-9, 10):
            for row in range(-9, 10):
                point = (middle[0] + column / 9.5 * reach[0], middle[1] + row / 9.5 * reach[1])
                if not is_inside(*point, polygon):
                    continue
                depth = min(measure_offset(point, a, b) for r in polygon for a, b in pairwise(r))
                if depth > best_depth:
                    best_depth, centre = depth, point
        reach = (reach[0] / 5, reach[1] / 5)
    return centre


def measure_share(polygon: Polygon) -> float:
    """Return the outline's area on the sphere, in a unit that serves for comparing only."""
    area = 0.0
    for (x1, y1), (x2, y2) in pairwise(polygon[0]):
        area += (x2 - x1) * (math.sin(math.radians(y1)) + math.sin(math.radians(y2)))
    return abs(area)


def locate(polygons: list[Polygon]) -> Point:
    """Return latitude and longitude of a point well inside the largest part, to a hundredth of a degree."""
    largest = max(polygons, key=measure_share)
    if is_around_pole(largest[0]):
        return -90.0, 0.0
    latitudes = [latitude for _, latitude in largest[0]]
    narrowing = math.cos(math.radians((min(latitudes) + max(latitudes)) / 2))
    flat = [[(longitude * narrowing, latitude) for longitude, latitude in ring] for ring in largest]
    x, latitude = find_inner_point(flat)
    longitude = (x / narrowing + 180) % 360 - 180
    return round(latitude, 2), round(longitude, 2)


def derive_countries(package: Path) -> list[dict[str, str | float]]:
    """Return name, lat and lon of every country, by name."""
    topology = json.loads((package / "countries-110m.json").read_text(encoding="utf-8"))
    arcs = read_arcs(topology)
    countries: list[dict[str, str | float]] = []
    for geometry in topology["objects"]["countries"]["geometries"]:
        latitude, longitude = locate(list(read_polygons(geometry, arcs)))
        name = geometry["properties"]["name"]
        countries.append({"name": FULL_NAMES.get(name, name), "lat": latitude, "lon": longitude})
    return sorted(countries, key=lambda country: country["name"])


def write_lines(target: Path, head: str, rows: list[str], tail: str) -> None:
    """Write one row per line, so that a change shows as a small difference."""
    target.write_text(head + ",\n".join(rows) + tail, encoding="utf-8")


def main(package: Path) -> None:
    """Write both files beside this script."""
    here = Path(__file__).resolve().parent
    layers = []
    for resolution in ("110m", "50m"):
        polygons = derive_land(package, resolution)
        rows = [json.dumps(polygon, separators=(",", ":")) for polygon in polygons]
        layers.append(f'"{resolution}":[\n' + ",\n".join(rows) + "]")
    write_lines(here / "land.json", f'{{"grid_units":{GRID_UNITS},\n', layers, "}\n")
    countries = [json.dumps(country, ensure_ascii=False) for country in derive_countries(package)]
    write_lines(here / "countries.json", "[\n", countries, "\n]\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
