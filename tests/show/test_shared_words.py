"""The words that a query and a hit share, on the page of a search."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from index_samples import collection, write
from resight.index.index import Index
from resight.index.queries import Query
from resight.show.page import write_page
from resight.show.results import page_query
from resight.show.shared_words import placed_words, told
from resight.words.shares import WordShare

RECIPE = """
name = "small"
[features]
kind = "convolutional"
network = "resnet18"
layer = "layer2"
max_side = 96
runtime = "torch"
box = "mask"
[features.checkpoint]
source = "random"
[words]
kind = "blcf"
size = 16
dimensions = 8
fit = "collection"
[[rerank]]
kind = "windows"
"""


def test_places_are_dots_in_pixels_of_the_thumbnail() -> None:
    xy = [np.array([[10.0, 20.0], [30.0, 4.0]], np.float32), np.array([[2.0, 2.0]], np.float32)]
    drawn = placed_words(xy, ["first", "second"], 0.5, (0.0, 0.0, 40.0, 20.0))
    assert drawn.count('d="M5.0 10.0h0M15.0 2.0h0"') == 2
    # The first word is drawn last.
    assert drawn.index("second") < drawn.index("first")
    assert 'points="0.0,0.0 20.0,0.0 20.0,10.0 0.0,10.0"' in drawn
    assert "polygon" not in placed_words(xy, ["first", "second"], 0.5, None)
    assert told(WordShare(7, 0.25, xy[0], xy[1])) == "word 7 adds +0.250; places: 2 in the query, 1 here"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("shared")
    (folder / "small.toml").write_text(RECIPE)
    index = Index.create(folder / "x.resight", folder / "small.toml")
    index.add(write(folder / "photos", collection(3)))
    return index


def test_a_hit_tells_the_words_of_its_window(index: Index, tmp_path: Path) -> None:
    name = next(iter(collection(3)))
    file = index.path.parent / "photos" / name
    query = Query(file, box=(0.0, 0.0, 100.0, 80.0))
    result = index.search(query, k=2, include_self=True)
    section = page_query(index.collection, result, [query])
    first = section.hits[0]
    assert first.name == name
    assert first.photo.box is not None
    assert 1 <= len(first.words) <= 5
    x0, y0, x1, y1 = first.photo.box
    for one in first.words:
        assert one.share > 0
        assert len(one.query_xy)
        assert len(one.image_xy)
        assert (one.query_xy < (100, 80)).all()
        assert ((one.image_xy >= (x0, y0)) & (one.image_xy < (x1, y1))).all()
    assert [one.share for one in first.words] == sorted((one.share for one in first.words), reverse=True)
    text = write_page(tmp_path / "hits.html", [section]).read_text()
    assert "words add" in text
    assert len(re.findall(r'<path class="word" ', text)) == 2 * sum(len(hit.words) for hit in section.hits)


def test_a_query_that_is_gone_has_no_words(index: Index, tmp_path: Path) -> None:
    result = index.search(Query(index.path.parent / "photos" / next(iter(collection(3)))), k=2)
    section = page_query(index.collection, result, [Query(tmp_path / "gone.jpg")])
    assert all(not hit.words for hit in section.hits)
