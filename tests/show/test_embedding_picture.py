"""An index in the plane: which photos are drawn and marked, the picture, and the page."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index_samples import collection, texture, write
from resight.errors import ImageError, UsageError
from resight.images import decode
from resight.index.collection import Collection
from resight.index.index import Index
from resight.index.queries import Query
from resight.recipe import load_recipe, recipes
from resight.show.embedding import PlacedPhoto, Plane, descriptors_of, plane_of, thumbnail_side, top_folder
from resight.show.embedding_page import EUCLIDEAN, MANIFOLD, QUERY, describe, write_embedding_page
from resight.show.embedding_picture import SIDE, draw_embedding
from resight.show.palette import coloured, rgb
from resight.show.scripts import data_element

THINGS = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    photos = {f"set{int(name[:2]) % 2}/{name}": pixels for name, pixels in collection(THINGS).items()}
    return write(tmp_path_factory.mktemp("embedded") / "photos", photos)


@pytest.fixture(scope="module")
def reader(folder: Path, recipes: Path) -> Collection:
    index = Index.create(folder.parent / "vlad.resight", recipes / "vlad.toml")
    index.add(folder)
    return index.collection


def embedded(page: Path) -> dict[str, Any]:
    """What a page gives its script."""
    (text,) = re.findall(r'<script id="data" type="application/json">(.*?)</script>', page.read_text(), re.DOTALL)
    return dict(json.loads(text))


def marked(plane: Plane, kind: str) -> dict[int, str]:
    """Names by rank."""
    return {getattr(photo, kind): photo.name for photo in plane.photos if getattr(photo, kind)}


def test_every_photo_has_its_place_and_its_folder(reader: Collection) -> None:
    plane = plane_of(reader, method="isomap")
    assert [photo.name for photo in plane.photos] == sorted(reader.snapshot.images.names)
    assert (plane.drawn, plane.total, plane.query) == (12, 12, None)
    assert {photo.group for photo in plane.photos} == {"set0", "set1"}
    xy = np.array([(photo.x, photo.y) for photo in plane.photos])
    assert xy.min() >= 0
    assert xy.max() <= 1
    assert np.ptp(xy, axis=0).max() == pytest.approx(1)
    assert all(photo.image is not None for photo in plane.photos)
    assert describe(plane) == "all 12 photos by Isomap"


def test_descriptors_are_those_of_the_index_by_name(reader: Collection) -> None:
    names, vectors = descriptors_of(reader)
    assert names == sorted(names)
    (view,) = reader.views.values()
    for name, vector in zip(names, vectors, strict=True):
        image = int(reader.snapshot.images.ids[reader.snapshot.images.by_name[name]])
        assert np.array_equal(vector, view.kept_query(image))


def test_augmented_descriptors_are_shown_as_they_are_searched(folder: Path, recipes: Path, tmp_path: Path) -> None:
    text = (recipes / "vlad.toml").read_text() + '\n[augmentation]\nkind = "alpha"\nalpha = 1.0\nneighbours = 3\n'
    (recipes / "augmented-vlad.toml").write_text(text)
    index = Index.create(tmp_path / "augmented.resight", recipes / "augmented-vlad.toml")
    index.add(folder)
    names, vectors = descriptors_of(index.collection)
    (view,) = index.collection.views.values()
    images = index.collection.snapshot.images
    kept = np.stack([view.kept_query(int(images.ids[images.by_name[name]])) for name in names])
    assert ((vectors * kept).sum(axis=1) < 0.95).all()
    for name, vector in zip(names, vectors, strict=True):
        found = view.search(vector, 1)
        assert index.collection.name_of(int(found.ids[0])) == name
        assert found.scores[0] == pytest.approx(1, abs=1e-3)


def test_neighbours_of_a_query_are_ranked_by_distance_and_by_manifold(reader: Collection) -> None:
    plane = plane_of(reader, method="mds", query=Query("set0/00-0.png"), neighbours=4)
    assert plane.query is not None
    assert plane.query.name == "set0/00-0.png"
    assert (plane.query.euclidean, plane.query.manifold) == (0, 0)
    names, vectors = descriptors_of(reader)
    similar = vectors @ vectors[names.index("set0/00-0.png")]
    expected = [names[row] for row in np.argsort(-similar)[1:5]]
    assert [marked(plane, "euclidean")[rank] for rank in range(1, 5)] == expected
    assert expected[0] == "set0/00-1.png"
    assert marked(plane, "manifold")[1] == "set0/00-1.png"


def test_of_many_photos_some_are_drawn_by_seed_and_the_neighbours_in_any_case(reader: Collection) -> None:
    drawn = [{photo.name for photo in plane_of(reader, method="mds", most=5, seed=seed).photos} for seed in (0, 0, 1)]
    assert [len(names) for names in drawn] == [5, 5, 5]
    assert drawn[0] == drawn[1] != drawn[2]
    everything = plane_of(reader, method="mds", query=Query("set1/03-0.png"), neighbours=2)
    plane = plane_of(reader, method="mds", most=1, query=Query("set1/03-0.png"), neighbours=2)
    for kind in ("euclidean", "manifold"):
        assert marked(plane, kind) == marked(everything, kind)
    assert {photo.name for photo in plane.photos} == {
        "set1/03-0.png",
        *marked(plane, "euclidean").values(),
        *marked(plane, "manifold").values(),
    }
    assert re.fullmatch(r"\d of 12 photos by multidimensional scaling", describe(plane))


def test_a_file_that_is_not_in_the_index_is_placed_with_it(reader: Collection, tmp_path: Path) -> None:
    query = write(tmp_path, {"other.png": texture(2)[8:, 8:]}) / "other.png"
    plane = plane_of(reader, method="mds", query=Query(query), neighbours=1)
    assert (len(plane.photos), plane.drawn) == (13, 12)
    assert plane.query == plane.photos[-1]
    assert plane.query.name == str(query)
    assert marked(plane, "euclidean")[1] == "set0/02-0.png"
    *photos, query_photo = plane.photos
    nearest = min(photos, key=lambda photo: np.hypot(photo.x - query_photo.x, photo.y - query_photo.y))
    assert nearest.name.startswith("set0/02")


def test_a_query_with_a_mask_is_placed_and_shown_as_the_mask_leaves_it(reader: Collection, folder: Path) -> None:
    values = np.full((150, 200), 255, np.uint8)
    values[:, 120:] = 0
    plane = plane_of(reader, method="mds", query=Query("set1/01-1.png", mask=values), neighbours=1)
    assert (len(plane.photos), plane.drawn) == (13, 12)
    assert plane.query is not None
    assert plane.query.name == "set1/01-1.png (with a mask)"
    assert plane.query.image is not None
    left_out = plane.query.image[:, int(0.65 * plane.query.image.shape[1]) :]
    assert left_out.std(axis=(0, 1)).max() < 1
    itself = next(photo for photo in plane.photos if photo.name == "set1/01-1.png")
    assert (itself.x, itself.y) != (plane.query.x, plane.query.y)


def test_the_file_of_an_indexed_photo_is_that_photo(reader: Collection, folder: Path) -> None:
    plane = plane_of(reader, method="mds", query=Query(folder / "set1/01-1.png"))
    assert len(plane.photos) == 12
    assert plane.query is not None
    assert plane.query.name == "set1/01-1.png"


def test_groups_can_be_given(reader: Collection) -> None:
    plane = plane_of(reader, method="mds", groups={"set0/00-0.png": "statue"})
    assert {photo.name: photo.group for photo in plane.photos if photo.group} == {"set0/00-0.png": "statue"}
    assert [top_folder(name) for name in ("a/b/c.jpg", "c.jpg")] == ["a", ""]


def test_photos_that_are_gone_and_photos_without_features_are_there(
    recipes: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    grey = np.full((60, 80, 3), 120, np.uint8)
    folder = write(tmp_path / "photos", {**collection(3), "grey-0.png": grey, "grey-1.png": grey})
    index = Index.create(tmp_path / "x.resight", recipes / "vlad.toml")
    index.add(folder)
    (folder / "00-0.png").unlink()
    with caplog.at_level(logging.WARNING):
        plane = plane_of(index.collection, method="tsne", query=Query("grey-0.png"), neighbours=3)
    by_name = {photo.name: photo for photo in plane.photos}
    assert by_name["00-0.png"].image is None
    assert "2 photos have no features" in caplog.text
    assert (by_name["grey-0.png"].x, by_name["grey-0.png"].y) == (by_name["grey-1.png"].x, by_name["grey-1.png"].y)
    # A query without features has no manifold, and says so.
    assert not marked(plane, "manifold")
    assert "grey-0.png has 0 other photos" in caplog.text
    assert draw_embedding(plane).shape[0] == SIDE
    assert embedded(write_embedding_page(tmp_path / "p.html", plane, title="x"))["photos"][0]["picture"] is None


@pytest.mark.parametrize("method", ["asmk", "match", "bow"])
def test_other_recipes_are_told_which_can(recipes: Path, tmp_path: Path, method: str) -> None:
    index = Index.create(tmp_path / "x.resight", recipes / f"{method}.toml")
    index.add(write(tmp_path / "photos", collection(1)))
    with pytest.raises(UsageError, match="keeps no single vector of an image") as error:
        plane_of(index.collection, method="mds")
    assert "rmac-mobilenet" in str(error.value)
    assert "sift-vlad" in str(error.value)
    for name in ("sift-asmk", "regions-mobilenet", "sift-match"):
        assert load_recipe(name).name == name
        assert name not in str(error.value)


def test_wrong_requests_are_told(reader: Collection, recipes: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="both must be at least 1"):
        plane_of(reader, method="mds", most=0)
    with pytest.raises(UsageError, match="both must be at least 1"):
        plane_of(reader, method="mds", query=Query("set0/00-0.png"), neighbours=0)
    with pytest.raises(UsageError, match=r'the nearest name is "set0/00-0\.png"'):
        plane_of(reader, method="mds", query=Query("set0/00-0.jpg"))
    (tmp_path / "text.jpg").write_text("no photo")
    with pytest.raises(ImageError):
        plane_of(reader, method="mds", query=Query(tmp_path / "text.jpg"))
    with pytest.raises(UsageError, match="no photos yet"):
        plane_of(Index.create(tmp_path / "empty.resight", recipes / "vlad.toml").collection, method="mds")


def placed(**changes: Any) -> PlacedPhoto:
    """A red photo in the middle."""
    red = np.zeros((30, 40, 3), np.uint8)
    red[:, :, 0] = 200
    return replace(PlacedPhoto("a.png", "g", 0.5, 0.5, red), **changes)


def colours_of(picture: np.ndarray[Any, Any]) -> set[tuple[int, ...]]:
    packed = np.unique(picture[:, :SIDE].astype(np.int64) @ (65536, 256, 1))
    return {(colour >> 16, colour >> 8 & 255, colour & 255) for colour in packed.tolist()}


def test_the_picture_has_photos_where_they_lie_in_the_colour_of_their_group() -> None:
    photos = [placed(x=0.0, y=0.0), placed(name="b.png", group="h", x=1.0, y=1.0)]
    picture = draw_embedding(Plane(photos, 2, 2, "mds"))
    assert picture.dtype == np.uint8
    red = np.argwhere((picture[:, :SIDE] == (200, 0, 0)).all(axis=2))
    assert red.min() < 0.1 * SIDE
    assert red.max() > 0.9 * SIDE
    seen = colours_of(picture)
    for group in coloured(["g", "h"]):
        assert rgb(group.colour) in seen
    for mark in (EUCLIDEAN, MANIFOLD, QUERY):
        if mark not in {group.colour for group in coloured(["g", "h"])}:
            assert rgb(mark) not in seen


def test_the_picture_marks_the_query_and_both_kinds_of_neighbours_differently() -> None:
    photos = [
        placed(is_query=True, group=""),
        placed(name="b", group="", x=0.1, euclidean=1),
        placed(name="c", group="", x=0.9, manifold=1),
    ]
    picture = draw_embedding(Plane(photos, 3, 3, "mds"))
    marks = EUCLIDEAN, MANIFOLD, QUERY
    columns = {mark: np.argwhere((picture[:, :SIDE] == rgb(mark)).all(axis=2))[:, 1] for mark in marks}
    assert columns[EUCLIDEAN].max() < 0.3 * SIDE
    assert columns[MANIFOLD].min() > 0.7 * SIDE
    assert 0.3 * SIDE < columns[QUERY].mean() < 0.7 * SIDE
    # A square fills its bounds, a disc does not.
    square, disc = ((picture[:, SIDE:] == rgb(mark)).all(axis=2).sum() for mark in marks[:2])
    assert square > 1.1 * disc > 0


def test_the_page_holds_each_photo_once_and_runs_by_itself(reader: Collection, tmp_path: Path) -> None:
    plane = plane_of(reader, method="mds", query=Query("set0/00-0.png"), neighbours=3)
    page = write_embedding_page(tmp_path / "page.html", plane, title="set & more")
    text = page.read_text(encoding="utf-8")
    assert text.count("data:image/jpeg") == 12
    assert "<h1>set &amp; more</h1>" in text
    assert not re.findall(r'(?:src|href)="(?!data:)[^"]', text)
    assert "all 12 photos by multidimensional scaling" in text
    data = embedded(page)
    assert [photo["name"] for photo in data["photos"]] == [photo.name for photo in plane.photos]
    assert [photo["x"] for photo in data["photos"]] == pytest.approx([photo.x for photo in plane.photos], abs=1e-5)
    assert [photo["euclidean"] for photo in data["photos"]] == [photo.euclidean for photo in plane.photos]
    assert [photo["query"] for photo in data["photos"]].count(True) == 1
    assert [name for name, _ in data["groups"]] == ["set0", "set1"]
    for legend in ("Euclidean neighbours", "manifold neighbours", "the query"):
        assert legend in text


def test_names_cannot_break_out_of_the_page(tmp_path: Path) -> None:
    name = '</script><script>alert(1)</script>&"\udc80\u2028.jpg'
    page = write_embedding_page(
        tmp_path / "page.html", Plane([placed(name=name, group=name, is_query=True)], 1, 1, "mds"), title=name
    )
    text = page.read_text(encoding="utf-8")
    assert "alert(1)</script>" not in text
    assert text.count("<script") == 2
    assert embedded(page)["photos"][0]["name"] == name.replace("\udc80", "?")
    assert json.loads(re.sub(r"<[^>]*>", "", data_element({"a": "<&>\u2029"}))) == {"a": "<&>\u2029"}


def test_thumbnails_of_many_photos_are_small() -> None:
    assert [thumbnail_side(count) for count in (0, 1, 400, 100_000)] == [320, 320, 320, 96]
    assert 150 < thumbnail_side(2000) < 160


def test_any_number_of_groups_has_its_colours() -> None:
    groups = coloured(["a"] * 2 + ["b"] * 3 + [""] * 9 + [f"g{i:02d}" for i in range(60)])
    assert [(group.name, group.count) for group in groups[:2]] == [("b", 3), ("a", 2)]
    assert groups[-1].name == ""
    assert len({group.colour for group in groups}) == len(groups)
    assert [group for group in coloured(["a", "b"]) if not group.name] == []


def test_every_shipped_recipe_with_one_vector_is_listed() -> None:
    from resight.show.embedding import _vector_channel

    can = {one.name for one in recipes() if _vector_channel(load_recipe(one.name))}
    assert {"sift-vlad", "sift-fisher", "rmac-mobilenet", "gem-vgg16", "neural-codes", "mop"} <= can
    assert {"rmac-layers-mobilenet", "cam-vgg16", "netvlad-mobilenet", "sift-cnn-fused"} <= can
    assert not can & {"sift-asmk", "sift-bow", "sift-match", "regions-mobilenet", "razavian-regions"}


def test_a_thumbnail_is_no_larger_than_asked(reader: Collection, folder: Path) -> None:
    (photo,) = [one for one in plane_of(reader, method="mds").photos if one.name == "set0/00-0.png"]
    assert photo.image is not None
    assert np.array_equal(photo.image, decode(folder / photo.name, max_side=320).pixels)
