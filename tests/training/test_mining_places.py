"""Positions of photos, and what is near what."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from index_samples import collection, write
from resight.errors import UsageError
from resight.images.position import degrees_of, position_of
from resight.index.index import Index
from resight.training.mining.kinds import Places, mining_of
from resight.training.mining.miner import mine
from resight.training.mining.places import near_pairs, place_anchors, roles, same_place
from resight.training.mining.positions import metres, position_in_name, read_positions, read_table

pytestmark = pytest.mark.usefixtures("unsynced")

PRAGUE = (50.0865, 14.4114)


def save(path: Path, position: tuple[float, float] | None, shade: int = 0) -> Path:
    """Writes a photo whose camera noted a position."""
    image, exif = Image.new("RGB", (64, 48), (shade, 90, 90)), Image.Exif()
    if position is not None:
        north, east = position
        gps = exif.get_ifd(0x8825)
        gps[1], gps[3] = "N" if north >= 0 else "S", "E" if east >= 0 else "W"
        for key, value in ((2, abs(north)), (4, abs(east))):
            gps[key] = (float(int(value)), float(int(value % 1 * 60)), value * 60 % 1 * 60)
        exif[0x8825] = gps
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, exif=exif)
    return path


@pytest.mark.parametrize("position", [PRAGUE, (-33.8568, 151.2153), (40.7, -74.0)])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_the_position_of_a_camera_is_read(tmp_path: Path, position: tuple[float, float], suffix: str) -> None:
    found = position_of(save(tmp_path / f"photo{suffix}", position))
    assert found is not None
    assert np.allclose(found, position, atol=1e-6)


def test_a_photo_without_a_position_has_none(tmp_path: Path) -> None:
    assert position_of(save(tmp_path / "photo.jpg", None)) is None
    (tmp_path / "text.jpg").write_text("no photo")
    assert position_of(tmp_path / "text.jpg") is None
    assert degrees_of({1: "N", 2: (50.0,)}) is None
    assert degrees_of({1: "S\0", 2: (50.0, 30.0, 36.0), 3: "w", 4: (10.0,)}) == (-50.51, -10.0)


def test_metres_are_those_of_the_ellipsoid() -> None:
    def apart(one: tuple[float, float], other: tuple[float, float]) -> float:
        return float(np.linalg.norm(np.subtract(metres(*one), metres(*other))))

    # A second of arc of latitude at the equator and at a pole, and one of longitude at 60 degrees.
    second = 1 / 3600
    assert apart((0.0, 0.0), (second, 0.0)) == pytest.approx(30.715, abs=0.002)
    assert apart((90.0, 0.0), (90.0 - second, 0.0)) == pytest.approx(31.026, abs=0.002)
    assert apart((60.0, 180.0), (60.0, second - 180.0)) == pytest.approx(15.500, abs=0.002)


def test_positions_are_read_from_names_of_published_sets() -> None:
    name = "images/train/database/@0543256.96@4178906.70@10@S@037.75@-122.5@id@@0@@@@201311@@.jpg"
    assert position_in_name(name) == (543256.96, 4178906.70, 1e9)
    for other in ("photo.jpg", "@a@b@.jpg", "x@1@2@.jpg", "@1.jpg"):
        assert np.isnan(position_in_name(other)).all()


def test_sequences_of_mapillary_have_a_grid_for_each_city(tmp_path: Path) -> None:
    files = []
    for city in ("berlin", "oslo"):
        for part in ("query", "database"):
            folder = tmp_path / "train_val" / city / part
            files.append(save(folder / "images" / f"{city}{part}.jpg", None))
            rows = f"0,{city}{part},100.0,200.0\n1,other,5,5\n"
            (folder / "postprocessed.csv").write_text(",key,easting,northing\n" + rows)
    found = read_positions([str(file) for file in files], files, None)
    assert same_place(found.xyz).tolist() == [0, 0, 1, 1]
    assert found.source == "postprocessed.csv"


TABLES = {
    "name,lat\na,1\n": "must name the columns",
    "": "must name the columns",
    "name,lat,lon\na,91,0\n": "line 2: 91, 0 is no position",
    "name,lat,lon\na,0,0\n": "0, 0 is what devices write",
    "name,lat,lon\na,50,181\n": "181 is no position",
    "name,lat,lon\na,50\n": "lon is '', which is no number",
    "name,lat,lon\na,nan,1\n": "which is no number",
    "name,easting,northing\na,1,inf\n": "which is no number",
    "name,lat,lon\na,50,14\nb,50,14\na,50,15\n": "line 4: 'a' has another position above",
}


@pytest.mark.parametrize(("text", "message"), TABLES.items())
def test_a_bad_table_is_told(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "where.csv").write_text(text)
    with pytest.raises(UsageError, match=message):
        read_table(tmp_path / "where.csv")
    with pytest.raises(UsageError, match="cannot be read"):
        read_table(tmp_path / "none.csv")


def test_a_table_may_repeat_itself_and_name_columns_its_own_way(tmp_path: Path) -> None:
    (tmp_path / "where.csv").write_text("\ufeffKey,UTM_East, Utm_North \na,1,2\na,1,2\n")
    assert read_table(tmp_path / "where.csv") == {"a": (1.0, 2.0, 0.0)}


def test_a_row_that_fits_two_photos_is_told(tmp_path: Path) -> None:
    table = tmp_path / "where.csv"

    def known(names: list[str]) -> list[float]:
        found: list[float] = read_positions(names, [Path(name) for name in names], table).xyz[:, 0].tolist()
        return found

    for row, names in (("1.jpg", ["a/1.jpg", "b/1.jpg"]), ("1", ["a/1.jpg", "a/1.png"])):
        table.write_text(f"name,easting,northing\n{row},5,6\n")
        with pytest.raises(
            UsageError, match=rf"where\.csv: '{row}' fits '{names[0]}' and '{names[1]}': give the whole"
        ):
            known(names)
    table.write_text("name,easting,northing\na/1.jpg,5,6\nb/1.jpg,7,8\n1.jpg,9,9\n2.jpg,3,4\n")
    assert known(["a/1.jpg", "b/1.jpg", "c/2.jpg"]) == [5.0, 7.0, 3.0]
    # A row that is the whole name of a photo is that of no other.
    assert np.isnan(known(["2.jpg", "c/2.jpg"])).tolist() == [False, True]


def test_near_pairs_are_those_of_a_loop() -> None:
    xyz = np.random.default_rng(0).uniform(0, 40, (60, 3))
    xyz[7] = np.nan
    a, b, apart = near_pairs(xyz, 12.0)
    expected = [
        (i, j)
        for i in range(60)
        for j in range(i + 1, 60)
        if np.linalg.norm(xyz[i] - xyz[j]) <= 12.0  # never of a position that is not known
    ]
    assert list(zip(a.tolist(), b.tolist(), strict=True)) == expected
    assert np.allclose(apart, [np.linalg.norm(xyz[i] - xyz[j]) for i, j in expected])


def test_positives_are_near_but_not_of_one_spot() -> None:
    xyz = np.zeros((6, 3))
    xyz[:, 0] = [0, 0.5, 4, 9, 20, 100]
    names = [f"photo{row}" for row in range(6)]
    every = np.ones(6, np.bool_)
    anchors = place_anchors(names, near_pairs(xyz, 25.0), Places(most=2), every, every)
    assert [(one.name, [(p.name, p.evidence) for p in one.positives]) for one in anchors] == [
        ("photo0", [("photo2", -4.0), ("photo3", -9.0)]),
        ("photo1", [("photo2", -3.5), ("photo3", -8.5)]),
        ("photo2", [("photo1", -3.5), ("photo0", -4.0)]),
        ("photo3", [("photo2", -5.0), ("photo1", -8.5)]),
    ]
    assert [one.weight for one in anchors] == [1 / 3, 1 / 3, 1 / 4, 1 / 4]


def test_queries_ask_and_the_database_answers_where_both_are_there() -> None:
    asks, answers = roles(["a/queries/1.jpg", "a/database/2.jpg", "a/query/3.jpg", "query.jpg"])
    assert asks.tolist() == [True, False, True, False]
    assert answers.tolist() == [False, True, False, False]
    assert all(one.all() for one in roles(["a/queries/1.jpg", "b/2.jpg"]))


@pytest.fixture
def index(tmp_path: Path, recipes: Path) -> Index:
    found = Index.create(tmp_path / "x.resight", recipes / "verified.toml")
    found.add(write(tmp_path / "photos", collection(3)))
    return found


def test_an_index_is_mined_by_a_table(tmp_path: Path, index: Index) -> None:
    rows = ["00-0.png,100,100", "00-1,103,104", "01-0.png,880,100", "01-1.png,900,100", "02-0.png,909,100"]
    (tmp_path / "where.csv").write_text("\n".join(["name,easting,northing", *rows]))
    mined = mine(index, "places", parameters={"positions": str(tmp_path / "where.csv")})
    tuples = mined.tuples
    assert {one.name: [p.name for p in one.positives] for one in tuples.anchors} == {
        "00-0.png": ["00-1.png"],
        "00-1.png": ["00-0.png"],
        "01-1.png": ["02-0.png"],
        "02-0.png": ["01-1.png"],
    }
    # 20 m away: no positive, but no negative either; 29 m away is one, whatever lies between.
    assert tuples.related("01-0.png") == {"01-0.png", "01-1.png"}
    assert tuples.related("01-1.png") == {"01-0.png", "01-1.png", "02-0.png"}
    assert tuples.related("00-0.png") == {"00-0.png", "00-1.png"}
    assert "02-1.png" not in tuples.photos
    assert [one.name for one in mined.left_out] == ["02-1.png"]
    assert any("1 of 6 photos have no position" in note for note in mined.notes)


def test_an_index_without_positions_says_how_to_give_them(tmp_path: Path, index: Index) -> None:
    with pytest.raises(UsageError, match="none of 6 photos has a position"):
        mine(index, "places")
    (tmp_path / "where.csv").write_text("name,lat,lon\nelse.jpg,50,14\n")
    with pytest.raises(UsageError, match="a position of none of 6 photos"):
        mine(index, "places", parameters={"positions": str(tmp_path / "where.csv")})
    (tmp_path / "where.csv").write_text("name,lat,lon\n00-0.png,50,14\n00-1.png,50,14\n")
    with pytest.raises(UsageError, match="no photo was taken 1 to 10 m from another"):
        mine(index, "places", parameters={"positions": str(tmp_path / "where.csv")})
    with pytest.raises(UsageError, match="they must rise"):
        mining_of("places", {"near": "30"})
