"""Positions of photos: from a CSV file, from the names and files of published sets, or from the photos' own EXIF."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from resight.arrays import Float64
from resight.errors import ImageError, UsageError
from resight.folders.walking import escape_name
from resight.images import displayed
from resight.images.position import position_of

APART = 1e8
"""Metres between grids that say nothing of each other, such as the zones of UTM: more than there is on earth."""
SEQUENCE = "postprocessed.csv"
"""Of Mapillary SLS, beside the folder `images` of a city's queries or database."""

_RADIUS, _FLATTENING = 6378137.0, 1 / 298.257223563
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "name": ("name", "image", "file", "filename", "photo", "key"),
    "latitude": ("lat", "latitude"),
    "longitude": ("lon", "lng", "long", "longitude"),
    "easting": ("easting", "utm_east", "utm_easting"),
    "northing": ("northing", "utm_north", "utm_northing"),
}


@dataclass(frozen=True)
class Positions:
    """Where photos were taken. xyz: (n, 3) float64 in metres, NaN where that is not known. notes: for a person."""

    xyz: Float64
    source: str
    notes: Sequence[str]


def read_positions(names: Sequence[str], files: Sequence[Path], given: Path | None) -> Positions:
    """Reads the positions of photos (n) from a CSV file, or else from the first source that knows of any.

    The sources: names of the benchmarks of visual geo-localisation (@easting@northing@...@.jpg: Pittsburgh, Tokyo 24/7
    and others), the CSV files of Mapillary SLS, EXIF. Raises UsageError for a file that cannot be read, has a bad row
    or one that fits two photos, and where no source has a position.
    """
    if given is not None:
        return _reported(_from_rows(names, read_table(given), displayed(given)), displayed(given), names)
    for source, read in (
        ("names of files", lambda: np.array([position_in_name(name) for name in names])),
        (SEQUENCE, lambda: _of_sequences(files)),
        ("EXIF", lambda: _of_exif(files)),
    ):
        found = read()
        if np.isfinite(found).any():
            return _reported(found, source, names)
    raise UsageError(
        f"none of {len(names)} photos has a position in its name or its EXIF: give a CSV file with the columns name, "
        "lat and lon, or name, easting and northing, as --set positions=FILE"
    )


def position_in_name(name: str) -> tuple[float, float, float]:
    """Returns the metres of a name such as `@0543256.96@4178906.70@10@S@...@.jpg`, NaN where it has none.

    Source: layout of "Deep Visual Geo-localization Benchmark", Berton et al., CVPR 2022.
    """
    parts = name.rsplit("/", 1)[-1].split("@")
    if len(parts) < 4 or parts[0]:
        return math.nan, math.nan, math.nan
    try:
        easting, northing = float(parts[1]), float(parts[2])
    except ValueError:
        return math.nan, math.nan, math.nan
    zone = int(parts[3]) if parts[3].isascii() and parts[3].isdigit() else 0
    return easting, northing, zone * APART


def metres(latitude: float, longitude: float) -> tuple[float, float, float]:
    """Returns the point on the ellipsoid of WGS 84: near points are as far apart in space as on the ground.

    Source: NIMA TR8350.2, section 4.2.
    """
    phi, lam = math.radians(latitude), math.radians(longitude)
    squared = _FLATTENING * (2 - _FLATTENING)
    normal = _RADIUS / math.sqrt(1 - squared * math.sin(phi) ** 2)
    across = normal * math.cos(phi)
    return across * math.cos(lam), across * math.sin(lam), normal * (1 - squared) * math.sin(phi)


def on_earth(latitude: float, longitude: float) -> bool:
    """Returns whether numbers are degrees of latitude and longitude; 0, 0 is what devices say that do not know."""
    return abs(latitude) <= 90.0 and abs(longitude) <= 180.0 and (latitude, longitude) != (0.0, 0.0)


def read_table(path: Path) -> dict[str, tuple[float, float, float]]:
    """Reads positions by name from a CSV file whose first row names its columns.

    It has a column name, and lat and lon in degrees (WGS 84), or easting and northing in metres of one grid. Raises
    UsageError for a missing file or column, a number that is none or out of range, and a name with two positions.
    """
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            rows = csv.DictReader(file)
            columns = _columns(path, rows.fieldnames or ())
            found: dict[str, tuple[float, float, float]] = {}
            for row in rows:
                where = f"{displayed(path)}, line {rows.line_num}"
                name, position = escape_name(row[columns["name"]] or ""), _position(where, row, columns)
                if found.setdefault(name, position) != position:
                    raise UsageError(f"{where}: {name!r} has another position above; keep one of them")
    except OSError as error:
        raise UsageError(f"{displayed(path)}: these positions cannot be read ({error.strerror})") from None
    except csv.Error as error:
        raise UsageError(f"{displayed(path)}: this is no CSV file ({error})") from None
    return found


def _columns(path: Path, given: Sequence[str]) -> dict[str, str]:
    """Returns the column of each thing that is there. Raises UsageError where it is not enough."""
    plain = {column.strip().lower(): column for column in given}
    found = {what: next((plain[one] for one in names if one in plain), "") for what, names in _COLUMNS.items()}
    pairs = (found["latitude"], found["longitude"]), (found["easting"], found["northing"])
    if not found["name"] or not any(map(all, pairs)):
        raise UsageError(
            f"{displayed(path)}: its first row must name the columns name, lat and lon, or name, easting and northing; "
            f"it has {', '.join(given) or 'none'}"
        )
    return {what: column for what, column in found.items() if column}


def _position(where: str, row: Mapping[str, str | None], columns: Mapping[str, str]) -> tuple[float, float, float]:
    def number(what: str) -> float:
        text = (row[columns[what]] or "").strip()
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise UsageError(f"{where}: {columns[what]} is {text!r}, which is no number")
        return value

    if "easting" in columns and "northing" in columns:
        return number("easting"), number("northing"), 0.0
    latitude, longitude = number("latitude"), number("longitude")
    if not on_earth(latitude, longitude):
        raise UsageError(
            f"{where}: {latitude:g}, {longitude:g} is no position: latitudes go from -90 to 90, longitudes from -180 "
            "to 180, and 0, 0 is what devices write that do not know; leave the row out"
        )
    return metres(latitude, longitude)


def _from_rows(names: Sequence[str], table: Mapping[str, tuple[float, float, float]], source: str) -> Float64:
    """Positions of names: those of the whole name, else of the last part of it, with or without its suffix.

    Raises UsageError where such a part is that of two photos.
    """
    found = np.full((len(names), 3), np.nan)
    whole, owners = frozenset(names), dict[str, str]()
    for row, name in enumerate(names):
        last = name.rsplit("/", 1)[-1]
        parts = (one for one in (last, last.rsplit(".", 1)[0]) if one in table and one not in whole)
        key = name if name in table else next(parts, None)
        if key is None:
            continue
        owner = owners.setdefault(key, name)
        if owner != name:
            raise UsageError(f"{source}: {key!r} fits {owner!r} and {name!r}: give the whole names, as in the index")
        found[row] = table[key]
    return found


def _of_sequences(files: Sequence[Path]) -> Float64:
    """Positions by the CSV files of Mapillary SLS; each city has a grid of its own."""
    found = np.full((len(files), 3), np.nan)
    tables: dict[Path, Mapping[str, tuple[float, float, float]]] = {}
    cities: dict[Path, int] = {}
    for row, file in enumerate(files):
        part = file.parent.parent
        if file.parent.name != "images":
            continue
        if part not in tables:
            tables[part] = read_table(part / SEQUENCE) if (part / SEQUENCE).is_file() else {}
        city = cities.setdefault(part.parent, len(cities))
        if file.stem in tables[part]:
            found[row] = np.array(tables[part][file.stem]) + np.array([0.0, 0.0, city * APART])
    return found


def _of_exif(files: Sequence[Path]) -> Float64:
    found = np.full((len(files), 3), np.nan)
    for row, file in enumerate(files):
        try:
            position = position_of(file)
        except ImageError:
            position = None
        if position is not None and on_earth(*position):
            found[row] = metres(*position)
    return found


def _reported(xyz: Float64, source: str, names: Sequence[str]) -> Positions:
    """Returns positions with what a person should know. Raises UsageError where none is known."""
    known = np.isfinite(xyz).all(axis=1)
    if not known.any():
        raise UsageError(f"{source}: it has a position of none of {len(names)} photos, such as {names[0]!r}")
    notes = []
    if not known.all():
        lost = names[int(np.flatnonzero(~known)[0])]
        notes.append(
            f"{int((~known).sum())} of {len(names)} photos have no position that can be meant, such as {lost}: they "
            "are left out, as they may show anything"
        )
    same = int(known.sum()) - len(np.unique(xyz[known], axis=0))
    if same:
        notes.append(f"{same} photos are exactly where another is: neither positives nor negatives of it")
    return Positions(xyz, source, notes)
