"""Why photos were found, by an index with a small network of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file

from index_samples import MAPS, texture, write
from resight.errors import ImageError, UsageError
from resight.features.networks.architectures import blank, randomise
from resight.index.explaining import Explainer, can_explain
from resight.index.index import Index
from resight.index.queries import Query
from resight.show.page import write_page
from resight.show.results import page_query

FLAT = np.full((150, 200, 3), 128, np.uint8)


def with_patch(x: int, y: int) -> np.ndarray:
    """A flat photo with one textured square of 40 pixels."""
    pixels = FLAT.copy()
    pixels[y : y + 40, x : x + 40] = texture(5, 40, 40)
    return pixels


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("explained")
    network = blank("mobilenet_v2")
    randomise(network, 1)
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    save_file(weights, folder / "net.safetensors")
    (folder / "small.toml").write_text(MAPS)
    photos = {"left.png": with_patch(16, 24), "right.png": with_patch(136, 88), "gone.png": with_patch(80, 64)}
    index = Index.create(folder / "x.resight", folder / "small.toml")
    index.add(write(folder / "photos", photos))
    (folder / "photos" / "gone.png").unlink()
    return index


def is_near(box: tuple[float, ...], x: int, y: int) -> bool:
    """Whether a box touches the patch, with the little that a position sees beside its cell."""
    return x - 16 < box[2] and box[0] < x + 56 and y - 16 < box[3] and box[1] < y + 56


def test_boxes_fall_on_what_both_photos_show(index: Index) -> None:
    query = Path(index.collection.snapshot.roots[1].path) / "left.png"
    found = index.explain(query, "right.png")
    assert len(found) == 5
    assert [one.share for one in found] == sorted((one.share for one in found), reverse=True)
    near = [is_near(one.query_box, 16, 24) and is_near(one.image_box, 136, 88) for one in found]
    assert sum(near) >= 4
    assert index.explain("left.png", "right.png") == found
    assert index.explain(with_patch(16, 24), "right.png", count=2) == found[:2]


def test_all_shares_are_the_score_of_the_search(index: Index) -> None:
    scores = {hit.name: hit.score for hit in index.search(with_patch(30, 30)).hits}
    everything = index.explain(with_patch(30, 30), "right.png", count=10_000)
    assert sum(one.share for one in everything) == pytest.approx(scores["right.png"], abs=2e-3)


def test_a_part_is_explained_in_pixels_of_the_whole_photo(index: Index) -> None:
    pixels = FLAT.copy()
    pixels[88:128, 136:176] = texture(5, 40, 40)
    pixels[10:50, 10:50] = texture(6, 40, 40)
    for one in index.explain(pixels, "left.png", box=(120, 70, 200, 150)):
        x0, y0, x1, y1 = one.query_box
        assert 120 <= x0 < x1 <= 200
        assert 70 <= y0 < y1 <= 150


def test_what_cannot_be_explained_says_why(index: Index, recipes: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no photo in the index has this name"):
        index.explain(FLAT, "none.png")
    with pytest.raises(ImageError, match="gone or has changed"):
        index.explain(FLAT, "gone.png")
    with pytest.raises(ImageError, match="gone or has changed"):
        index.explain("gone.png", "left.png")
    with pytest.raises(ImageError, match="no such file"):
        index.explain(tmp_path / "none.png", "left.png")
    words = Index.create(tmp_path / "words.resight", recipes / "match.toml")
    words.add(write(tmp_path / "photos", {"a.png": texture(1)}))
    assert not can_explain(words.collection)
    with pytest.raises(UsageError, match="does not search by a pooled feature map"):
        words.explain(texture(1), "a.png")


def test_the_page_shows_the_boxes_of_the_hits_that_can_be_read(index: Index, tmp_path: Path) -> None:
    query = tmp_path / "query.png"
    Image.fromarray(with_patch(60, 60)).save(query)
    told: list[tuple[str, int, int]] = []
    result = index.search(query, k=3)
    section = page_query(index.collection, result, [Query(query)], progress=lambda *one: told.append(one))
    by_name = {hit.name: hit for hit in section.hits}
    assert {name: len(hit.contributions) for name, hit in by_name.items()} == {
        "left.png": 5,
        "right.png": 5,
        "gone.png": 0,
    }
    assert by_name["left.png"].contributions == Explainer(index.collection, Query(query)).contributions("left.png")
    assert told == [("comparing", done, 3) for done in (1, 2, 3)]
    text = write_page(tmp_path / "page.html", [section]).read_text()
    assert text.count('<rect class="cell"') == 2 * 2 * 5
    assert text.count("channels add") == 2
    assert "thin box around each" in text


def test_several_photos_are_explained_by_the_one_that_found_the_hit(index: Index) -> None:
    queries = [Query(FLAT), Query(with_patch(16, 24))]
    result = index.search_together(queries, k=1)
    section = page_query(index.collection, result, queries)
    (hit,) = section.hits
    assert hit.query == 1
    assert hit.contributions == index.explain(with_patch(16, 24), hit.name)


def test_a_query_that_is_gone_leaves_its_hits_without_boxes(index: Index) -> None:
    result = index.search("gone.png", k=2)
    section = page_query(index.collection, result, [Query("gone.png")])
    assert [list(hit.contributions) for hit in section.hits] == [[], []]


def two_patches() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A photo with two patches, a mask of the second, and the photo as the mask leaves it."""
    pixels = with_patch(16, 24)
    pixels[88:128, 136:176] = texture(6, 40, 40)
    mask = np.full((150, 200), 255, np.uint8)
    mask[80:, 110:] = 0
    painted = pixels.copy()
    painted[mask == 0] = np.rint(pixels[mask > 0].mean(axis=0, dtype=np.float64)).astype(np.uint8)
    return pixels, mask, painted


def test_what_the_mask_of_a_query_leaves_out_explains_nothing(index: Index, tmp_path: Path) -> None:
    pixels, mask, _ = two_patches()
    Image.fromarray(pixels).save(tmp_path / "query.png")
    Image.fromarray(mask).save(tmp_path / "mask.png")
    whole = [(one.channel, one.share) for one in index.explain(pixels, "right.png")]
    other = pixels.copy()
    other[mask == 0] = texture(7, *mask.shape[::-1])[mask == 0]
    told = [
        [(one.channel, one.share) for one in index.explain(query, "right.png", mask=given)]
        for query, given in ((pixels, mask), (other, mask), (tmp_path / "query.png", tmp_path / "mask.png"))
    ]
    # Whatever lies beneath the mask.
    assert told[0] == told[1] == told[2] != whole
    with pytest.raises(UsageError, match="must have the proportions of its photo"):
        index.explain(pixels, "right.png", mask=np.ascontiguousarray(mask.T))


def test_the_page_shows_and_explains_the_query_as_its_mask_leaves_it(index: Index, tmp_path: Path) -> None:
    pixels, mask, painted = two_patches()
    Image.fromarray(pixels).save(tmp_path / "query.png")
    for photo in (pixels, tmp_path / "query.png"):
        query = Query(photo, mask=mask)
        section = page_query(index.collection, index.search(query, k=1), [query])
        np.testing.assert_array_equal(section.photos[0].image, painted)
        (hit,) = section.hits
        assert hit.contributions == index.explain(photo, hit.name, mask=mask) == index.explain(query, hit.name)
