"""Photos with nothing to be found by, and photos that were read in part: counted, listed, and found by themselves."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from resight.cli.main import app
from resight.index.asking import NOTHING
from resight.index.index import Index


def texture(seed: int) -> Image.Image:
    blocks = np.random.default_rng(seed).integers(0, 255, (12, 16, 3), np.uint8)
    return Image.fromarray(blocks).resize((200, 150), Image.Resampling.NEAREST)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("blank") / "photos"
    folder.mkdir()
    for seed in range(3):
        texture(seed).save(folder / f"{seed}.png")
    Image.new("RGB", (200, 150), "white").save(folder / "white.png")
    Image.new("RGB", (100, 150), "white").save(folder / "white-too.jpg")
    Image.new("RGBA", (90, 90), (255, 255, 255, 0)).save(folder / "nothing-visible.png")
    texture(7).save(folder / "cut.bmp")
    data = (folder / "cut.bmp").read_bytes()
    (folder / "cut.bmp").write_bytes(data[: len(data) * 4 // 5])
    return folder


BLANK = ["nothing-visible.png", "white-too.jpg", "white.png"]
REMARK = "the last 20 % of the picture is missing"


@pytest.fixture(scope="module", params=["sift-match", "sift-vlad"])
def index(request: pytest.FixtureRequest, folder: Path) -> Index:
    made = Index.create(folder.parent / f"{request.param}.resight", request.param)
    report = made.add(folder)
    assert report.added == 7
    assert report.without_evidence == BLANK
    assert report.remarks == [("cut.bmp", REMARK)]
    assert report.unreadable == []
    return made


def test_an_index_lists_them(index: Index) -> None:
    info = Index.open(index.path).info()
    assert info.without_evidence == BLANK
    assert info.remarks == [{"name": "cut.bmp", "remark": REMARK}]
    assert info.unreadable == 0


@pytest.mark.parametrize("name", BLANK)
def test_they_find_nothing_but_themselves(index: Index, folder: Path, name: str) -> None:
    for query in (name, folder / name):
        assert [hit.name for hit in index.search(query, include_self=True).hits][:1] == [name]
        assert not {hit.name for hit in index.search(query).hits} - set(BLANK)
    pixels = np.asarray(Image.open(folder / name).convert("RGB"))
    assert index.search(np.full_like(pixels, 255)).hits == []


def test_nothing_finds_them(index: Index) -> None:
    hits = index.search("0.png", include_self=True, k=100).hits
    assert hits[0].name == "0.png"
    assert not {hit.name for hit in hits} & set(BLANK)
    assert np.isfinite([hit.score for hit in hits]).all()


def test_a_part_of_one_colour_finds_nothing(index: Index, folder: Path, tmp_path: Path) -> None:
    picture = texture(0)
    picture.paste("white", (0, 0, 100, 150))
    picture.save(tmp_path / "half.png")
    assert index.search(tmp_path / "half.png", box=(0, 0, 90, 150)).hits == []


def test_the_commands_say_so(folder: Path, tmp_path: Path) -> None:
    path = str(tmp_path / "x.resight")
    made = CliRunner().invoke(app, ["index", str(folder), "-o", path, "--recipe", "sift-match"])
    assert "3 photos have nothing to be found by, such as pictures of one colour: nothing-visible.png" in made.stderr
    assert f"read in part: cut.bmp: {REMARK}" in made.stderr
    told = json.loads(CliRunner().invoke(app, ["update", path, "--json"]).stdout)
    assert told["without_evidence"] == [] == told["remarks"]
    told = json.loads(CliRunner().invoke(app, ["info", path, "--json"]).stdout)
    assert told["without_evidence"] == BLANK
    assert told["remarks"] == [{"name": "cut.bmp", "remark": REMARK}]
    assert f"1 (cut.bmp: {REMARK})" in CliRunner().invoke(app, ["info", path]).stdout


@pytest.mark.parametrize("name", BLANK)
def test_a_query_with_nothing_to_be_found_by_says_so(index: Index, folder: Path, name: str) -> None:
    for found in (index.search(folder / name), index.search(name)):
        assert found.note == NOTHING
        assert found.to_dict()["note"] == NOTHING
    assert index.search(folder / "0.png").note == ""
    # A part of one block of the texture.
    assert index.search(folder / "0.png", box=(1, 1, 4, 4)).note == NOTHING


def test_the_command_says_so_without_speaking_of_drawings(index: Index, folder: Path) -> None:
    ran = CliRunner().invoke(app, ["search", str(index.path), str(folder / "white.png")])
    assert ran.exit_code == 0
    assert NOTHING in ran.stdout
    assert "sketch" not in ran.stdout


def test_a_query_without_regions_has_nothing() -> None:
    from resight.channels.regions import RegionLayout

    layout = RegionLayout(4, "query")
    assert layout.is_nothing(np.zeros((0, 4), np.float32))
    assert not layout.is_nothing(np.ones((1, 4), np.float32))
