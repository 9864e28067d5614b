"""TRECVID instance search from a miniature of its files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resight.datasets.benchmarks.trecvid import BENCHMARKS, read_trecvid_ins
from resight.errors import ImageError, UsageError

QRELS = """\
9069 0 shot1_1 1
9069 0 shot1_2 0
9069 0 shot2_1 1
9070 0 shot1_2 1
9071 0 shot1_1 0
"""
FRAMES = ("shot1_1/a.jpg", "shot1_1/b.jpg", "shot1_2/c.png", "shot2_1/d.jpg", "shot3_9/e.jpg")


def mask(path: Path, rows: slice, columns: slice) -> None:
    pixels = np.zeros((30, 40), np.uint8)
    pixels[rows, columns] = 255
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ins.search.qrels.tv13").write_text(QRELS)
    for name in FRAMES:
        path = tmp_path / "frames" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    examples = tmp_path / "tv13.example.images"
    examples.mkdir()
    for name in ("9069.10.src.bmp", "9069.2.src.bmp", "9069.2.src.png", "9070.1.src.png", "9071.1.src.bmp"):
        (examples / name).touch()
    (examples / "9069.2.showmask.png").touch()
    mask(examples / "9069.2.mask.bmp", slice(3, 8), slice(10, 20))
    mask(examples / "9069.2.mask.png", slice(0, 1), slice(0, 1))
    mask(examples / "9070.1.mask.png", slice(29, 30), slice(0, 40))
    return tmp_path


def test_topics_ask_for_shots_by_their_examples(folder: Path) -> None:
    dataset = read_trecvid_ins(folder, 2013)
    first, second, third = dataset.queries
    assert (first.id, first.image) == ("9069", "9069.2.src.bmp")
    assert first.box == (10, 3, 20, 8)
    assert first.more == (("9069.10.src.bmp", None),)
    assert (first.positives, first.junk) == (frozenset({"shot1_1", "shot2_1"}), frozenset())
    assert (second.image, second.box, second.more) == ("9070.1.src.png", (0, 29, 40, 30), ())
    assert (third.id, third.positives) == ("9071", frozenset())
    assert dataset.query_path(first.image) == folder / "tv13.example.images" / "9069.2.src.bmp"
    assert dataset.path("shot1_2/c.png") == folder / "frames" / "shot1_2" / "c.png"


def test_frames_belong_to_the_shot_they_lie_in(folder: Path) -> None:
    dataset = read_trecvid_ins(folder, 2013)
    assert dataset.images == FRAMES
    assert dataset.shots == {name: name.split("/")[0] for name in FRAMES}
    assert (dataset.rules.measure, dataset.rules.ap, dataset.rules.depth) == ("AP", "rectangle", 1000)


def test_the_subset_is_of_shots_that_are_relevant_for_a_topic(folder: Path) -> None:
    (subset,) = (one for one in BENCHMARKS if one.name == "ins23k")
    whole, dataset = read_trecvid_ins(folder, 2013), subset.read(folder)
    assert dataset.images == FRAMES[:4]  # of shot3_9, which was not judged, no topic asks
    assert [*dataset.shots] == [*FRAMES[:4]]
    assert dataset.queries == whole.queries
    assert (dataset.name, dataset.rules) == ("ins23k", whole.rules)


def test_each_year_has_files_of_its_own(folder: Path) -> None:
    (folder / "ins.search.qrels.tv13").rename(folder / "ins.search.qrels.tv15")
    (folder / "tv13.example.images").rename(folder / "tv15.example.images")
    by_name = {one.name: one for one in BENCHMARKS}
    assert by_name["trecvid-ins2015"].read(folder).name == "trecvid-ins2015"
    for one in BENCHMARKS[:3]:
        assert f"ins.search.qrels.tv{one.name[-2:]}" in one.layout
        assert one.confirmed == (one.name == "trecvid-ins2013")
    with pytest.raises(UsageError, match=r"ins\.search\.qrels\.tv14: no such file"):
        by_name["trecvid-ins2014"].read(folder)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("9069 0 shot1_1", "topic 0 shot relevance"),
        ("9069 0 shot1_9 yes", "relevance 'yes' is not a whole number"),
        ("9069 0 shot1_9 1 1", "relevance '1 1' is not a whole number"),
        ("9069 0 shot2_1 0", "shot shot2_1 is judged twice for topic 9069"),
    ],
)
def test_a_wrong_judgement_is_named(folder: Path, line: str, what: str) -> None:
    (folder / "ins.search.qrels.tv13").write_text(f"{QRELS}{line}\n")
    with pytest.raises(UsageError, match=rf"ins\.search\.qrels\.tv13, line 6: .*{what}"):
        read_trecvid_ins(folder, 2013)


def test_shots_that_were_not_judged_either_way_are_not_relevant(folder: Path) -> None:
    (folder / "ins.search.qrels.tv13").write_text(f"{QRELS}9071 0 shot7_7 -1\n")
    assert read_trecvid_ins(folder, 2013).queries[2].positives == frozenset()


def test_a_relevant_shot_without_frames_is_named(folder: Path) -> None:
    (folder / "frames" / "shot2_1" / "d.jpg").unlink()
    with pytest.raises(UsageError, match="frames/shot2_1: no frames of this shot, which is relevant for topic 9069"):
        read_trecvid_ins(folder, 2013)


def test_a_topic_without_examples_is_named(folder: Path) -> None:
    (folder / "tv13.example.images" / "9070.1.src.png").unlink()
    with pytest.raises(UsageError, match=r"tv13\.example\.images: no 9070\.N\.src\.bmp"):
        read_trecvid_ins(folder, 2013)


def test_a_frame_outside_of_the_shots_is_named(folder: Path) -> None:
    (folder / "frames" / "f.jpg").touch()
    with pytest.raises(UsageError, match=r"frames/f\.jpg: expected in a folder"):
        read_trecvid_ins(folder, 2013)


def test_a_mask_that_marks_nothing_or_is_none_is_named(folder: Path) -> None:
    path = folder / "tv13.example.images" / "9069.2.mask.bmp"
    mask(path, slice(0, 0), slice(0, 0))
    with pytest.raises(UsageError, match=r"9069\.2\.mask\.bmp: the mask marks nothing"):
        read_trecvid_ins(folder, 2013)
    path.write_bytes(b"nothing")
    with pytest.raises(ImageError, match=r"9069\.2\.mask\.bmp"):
        read_trecvid_ins(folder, 2013)


@pytest.mark.parametrize("name", ["frames", "tv13.example.images"])
def test_a_missing_folder_is_named(folder: Path, name: str) -> None:
    (folder / name).rename(folder / "elsewhere")
    with pytest.raises(UsageError, match=f"{name}: no such folder"):
        read_trecvid_ins(folder, 2013)
