"""Asking an index with a line drawing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawn_shapes import ARROW, BOAT, HOUSE, OUTLINES, drawing, photo
from index_samples import texture, write
from resight.errors import UsageError
from resight.features.extractor import SeesDrawings
from resight.images import Decoded
from resight.index.index import Index
from resight.index.queries import Query
from resight.show.results import page_query


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("drawings")
    (folder / "photos").mkdir()
    for name, shape in (("arrow", ARROW), ("boat", BOAT), ("house", HOUSE)):
        Image.fromarray(photo(shape)).save(folder / "photos" / f"{name}.png")
    (folder / "outlines.toml").write_text(OUTLINES)
    made = Index.create(folder / "x.resight", folder / "outlines.toml")
    made.add(folder / "photos")
    return made


@pytest.mark.parametrize(("name", "shape"), [("arrow", ARROW), ("boat", BOAT), ("house", HOUSE)])
def test_a_drawing_finds_the_photo_of_its_shape_and_the_result_says_how(
    index: Index, name: str, shape: np.ndarray
) -> None:
    result = index.search(drawing(shape, 3))
    assert result[0].name == f"{name}.png"
    assert "line drawing" in result.note
    assert result.to_dict()["note"] == result.note


def test_what_a_person_says_is_done_and_doubted_where_it_looks_otherwise(index: Index) -> None:
    assert index.search(drawing(BOAT), sketch=True).note == ""
    assert "looks like a line drawing" in index.search(drawing(BOAT), sketch=False).note
    assert "looks like a photo" in index.search(photo(BOAT, 1), sketch=True).note
    found = index.search(photo(BOAT, 1))
    assert found[0].name == "boat.png"
    assert "its edges" in found.note


def test_a_transparent_drawing_is_one(index: Index, tmp_path: Path) -> None:
    sheet = drawing(HOUSE, 3)
    ink = np.dstack([np.zeros_like(sheet), 255 - sheet[..., :1]])
    Image.fromarray(ink).save(tmp_path / "house.png")
    white = np.dstack([np.full_like(sheet, 255), 255 - sheet[..., :1]])
    Image.fromarray(white).save(tmp_path / "white.png")
    assert index.search(tmp_path / "house.png", sketch=True)[0].name == "house.png"
    assert index.search(tmp_path / "white.png", sketch=True)[0].name == "house.png"


@pytest.mark.parametrize("sketch", [None, True])
def test_an_empty_sheet_is_refused_with_what_to_do(index: Index, sketch: bool | None) -> None:
    with pytest.raises(UsageError, match="no lines can be seen in it: draw something"):
        index.search(np.full((80, 80, 3), 255, np.uint8), sketch=sketch)


def test_what_a_person_calls_a_photo_is_asked_with_however_faint(index: Index) -> None:
    assert index.search(np.full((80, 80, 3), 200, np.uint8), sketch=False).error is None


def test_an_index_that_compares_no_edges_says_so(tmp_path: Path) -> None:
    write(tmp_path / "photos", {"a.png": texture(0)})
    index = Index.create(tmp_path / "x.resight", "sift-match")
    index.add(tmp_path / "photos")
    with pytest.raises(UsageError, match="compares no edges"):
        index.search(drawing(BOAT), sketch=True)
    assert index.search(drawing(BOAT)).note == ""


def test_a_result_knows_how_each_query_was_treated(index: Index) -> None:
    assert index.search(drawing(BOAT)).drawn == (True,)
    assert index.search(photo(BOAT, 1)).drawn == (False,)
    assert index.search(drawing(BOAT), sketch=False).drawn == (False,)
    assert index.search_together([drawing(BOAT), photo(BOAT, 1)]).drawn == (True, False)


def test_the_page_shows_of_a_query_what_the_search_compared(index: Index) -> None:
    for picture, sketch in ((drawing(BOAT), None), (drawing(BOAT), False), (photo(BOAT, 1), None)):
        query = Query(picture, sketch=sketch)
        result = index.search(query)
        (shown,) = page_query(index.collection, result, [query]).photos
        (extractor,) = (one.extractor for one in index.collection.channels.values())
        assert isinstance(extractor, SeesDrawings)
        decoded = Decoded(query.source, (picture.shape[1], picture.shape[0]))
        compared = extractor.edges(decoded, bool(result.drawn[0]))
        np.testing.assert_array_equal(shown.edges[..., 0], np.rint(255 * (1 - compared)))
