"""Search results become sections of a page, with thumbnails that say how they were reduced."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from resight.images import decode
from resight.images.thumbnails import SIDE
from resight.index.index import Index
from resight.index.queries import Query
from resight.index.results import Hit, Result
from resight.show.results import page_query


@pytest.fixture(scope="module")
def folder(world_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for name in ("poster-02_1.jpg", "poster-02_2.jpg", "other-000.jpg"):
        shutil.copy2(world_folder / "images" / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def index(folder: Path) -> Index:
    index = Index.create(folder / "x.resight", recipe="sift-match")
    index.add(folder)
    return index


RESULT = Result(
    "the query", None, [Hit("poster-02_2.jpg", 2.0, box=(0.0, 0.0, 9.0, 9.0), query=1), Hit("other-000.jpg", 1.0)], 0.1
)


def test_thumbnails_keep_original_pixels_by_their_factor(index: Index, folder: Path) -> None:
    section = page_query(index.collection, RESULT, [Query("poster-02_1.jpg", box=(1.0, 2.0, 30.0, 40.0))])
    (asked,) = section.photos
    size = decode(folder / "poster-02_1.jpg").size
    assert asked.image is not None
    assert max(asked.image.shape[:2]) == SIDE < max(size)
    assert asked.factor == pytest.approx(SIDE / max(size))
    assert asked.box == (1.0, 2.0, 30.0, 40.0)
    assert section.title == "the query"
    assert [(hit.name, hit.score, hit.query, hit.photo.box) for hit in section.hits] == [
        ("poster-02_2.jpg", 2.0, 1, (0.0, 0.0, 9.0, 9.0)),
        ("other-000.jpg", 1.0, 0, None),
    ]


def test_hits_are_marked_as_the_ground_truth_says(index: Index) -> None:
    unmarked = page_query(index.collection, RESULT, [])
    assert [hit.mark for hit in unmarked.hits] == [None, None]
    marked = page_query(index.collection, RESULT, [], lambda name: "right" if name.startswith("poster") else "wrong")
    assert [hit.mark for hit in marked.hits] == ["right", "wrong"]


def test_arrays_stand_for_themselves_and_files_that_are_no_photos_for_nothing(index: Index, tmp_path: Path) -> None:
    pixels = np.zeros((7, 9, 3), np.uint8)
    (tmp_path / "text.jpg").write_text("no photo")
    section = page_query(index.collection, RESULT, [Query(pixels), Query(tmp_path / "text.jpg")])
    np.testing.assert_array_equal(section.photos[0].image, pixels)
    assert section.photos[1].image is None
