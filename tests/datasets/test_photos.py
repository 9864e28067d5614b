"""That the photos of a data set are all there, that no other one is, and that boxes lie inside them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from resight.datasets import photos
from resight.datasets.dataset import ALL, Dataset, JudgedQuery
from resight.datasets.photos import check_photos
from resight.errors import UsageError
from resight.images import Box


def save(path: Path, size: tuple[int, int] = (40, 30), orientation: int | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    Image.new("RGB", size, "gray").save(path, exif=exif)


def boxed(image: str, box: Box | None, more: tuple[tuple[str, Box | None], ...] = ()) -> JudgedQuery:
    return JudgedQuery(image, image, frozenset({"a.jpg"}), box=box, more=more)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Three photos, of which one is the query and one is in a folder."""
    for name in ("a.jpg", "b.jpg", "c/d.jpg"):
        save(tmp_path / "jpg" / name)
    queries = (boxed("b.jpg", (0, 0, 40, 30)),)
    return Dataset("mini", tmp_path / "jpg", ("a.jpg", "b.jpg", "c/d.jpg"), {ALL: queries}, allowed=frozenset())


def asking(dataset: Dataset, *queries: JudgedQuery) -> Dataset:
    return replace(dataset, settings={ALL: queries})


def test_a_data_set_that_is_whole_passes(dataset: Dataset) -> None:
    (dataset.root / "notes.txt").write_text("no photo")
    check_photos(dataset)


def test_missing_photos_are_named_and_counted(dataset: Dataset) -> None:
    (dataset.root / "c" / "d.jpg").unlink()
    with pytest.raises(
        UsageError, match=r"jpg/c/d\.jpg: no such photo of the 3 photos of the database of mini; get what is missing"
    ):
        check_photos(dataset)
    (dataset.root / "a.jpg").unlink()
    with pytest.raises(UsageError, match=r"jpg/a\.jpg: no such photo \(and 1 more\) of the 3 photos"):
        check_photos(dataset)


def test_a_name_that_only_looks_like_the_one_that_is_missing_is_told_of(dataset: Dataset) -> None:
    save(dataset.root / "e\u0301.jpg")
    looked_for = replace(dataset, images=("\u00e9.jpg",))
    with pytest.raises(
        UsageError, match="of mini; one that looks the same is there, spelt with other Unicode characters"
    ):
        check_photos(looked_for)


def test_surplus_photos_are_named_and_counted(dataset: Dataset) -> None:
    save(dataset.root / "c" / "z.png")
    with pytest.raises(UsageError, match=r"jpg/c/z\.png: is no photo of mini; take away .* the database has 3 photos"):
        check_photos(dataset)
    save(dataset.root / "c" / "y.png")
    with pytest.raises(UsageError, match=r"jpg/c/y\.png: is no photo of mini \(and 1 more\)"):
        check_photos(dataset)
    check_photos(replace(dataset, allowed=frozenset({"c/z.png", "c/y.png"})))
    check_photos(replace(dataset, allowed=None))


def test_query_photos_may_lie_beside_the_database(dataset: Dataset) -> None:
    save(dataset.root / "q.jpg")
    save(dataset.root / "r.jpg")
    check_photos(asking(dataset, boxed("q.jpg", None), boxed("a.jpg", None, more=(("r.jpg", None),))))
    with pytest.raises(UsageError, match=r"jpg/r\.jpg: is no photo of mini"):
        check_photos(asking(dataset, boxed("q.jpg", None)))
    with pytest.raises(UsageError, match=r"jpg/s\.jpg: no such photo of the 2 photos of the queries of mini"):
        check_photos(asking(dataset, boxed("q.jpg", None, more=(("s.jpg", None),)), boxed("q.jpg", (0, 0, 1, 1))))


def test_query_photos_may_lie_elsewhere(dataset: Dataset, tmp_path: Path) -> None:
    elsewhere = asking(replace(dataset, query_root=tmp_path / "queries"), boxed("a.jpg", (0, 0, 90, 80)))
    with pytest.raises(UsageError, match=r"queries: no such folder; the queries of mini go there"):
        check_photos(elsewhere)
    save(tmp_path / "queries" / "b.jpg")
    with pytest.raises(UsageError, match=r"queries/a\.jpg: no such photo of the 1 photos of the queries"):
        check_photos(elsewhere)
    save(tmp_path / "queries" / "a.jpg", size=(90, 80))
    check_photos(elsewhere)


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ((0, 0, 41, 30), "reaches beyond the image"),
        ((0, 0, 40, 30.5), "reaches beyond the image"),
        ((-0.5, 0, 40, 30), "reaches beyond the image"),
        ((50, 0, 60, 30), "lies outside the image"),
        ((5, 5, 5, 30), "it is empty"),
    ],
)
def test_boxes_outside_their_photo_are_named(box: Box, message: str, dataset: Dataset) -> None:
    with pytest.raises(
        UsageError, match=rf"jpg/b\.jpg: box .* in an image of 40 x 30 pixels: .*{message}.*; the ground truth of mini"
    ):
        check_photos(asking(dataset, boxed("b.jpg", box)))
    with pytest.raises(UsageError, match=rf"jpg/a\.jpg: box .*{message}.* \(and 1 more\)"):
        check_photos(asking(dataset, boxed("a.jpg", box), boxed("b.jpg", None, more=(("c/d.jpg", box),))))


def test_boxes_are_those_of_the_upright_photo(dataset: Dataset) -> None:
    save(dataset.root / "a.jpg", size=(40, 30), orientation=6)
    check_photos(asking(dataset, boxed("a.jpg", (0, 0, 30, 40))))
    with pytest.raises(UsageError, match="in an image of 30 x 40 pixels"):
        check_photos(asking(dataset, boxed("a.jpg", (0, 0, 40, 30))))


def test_a_query_with_a_box_that_is_no_photo_is_named(dataset: Dataset) -> None:
    (dataset.root / "b.jpg").write_text("<html>302 Found</html>")
    with pytest.raises(UsageError, match=r"jpg/b\.jpg: not an image"):
        check_photos(dataset)
    check_photos(asking(dataset, boxed("b.jpg", None)))


def test_a_photo_is_measured_once_and_progress_told(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    measured, told = [], []
    monkeypatch.setattr(photos, "upright_size", lambda path: measured.append(path.name) or (40, 30))
    queries = [boxed("b.jpg", (0, 0, side, side)) for side in (5, 6, 7)]
    check_photos(
        asking(dataset, *queries, boxed("a.jpg", None)), progress=lambda done, total: told.append((done, total))
    )
    assert measured == ["b.jpg"]
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_folders_that_are_missing_or_empty_are_named(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none: no such folder; the photos of mini go there"):
        check_photos(replace(dataset, root=tmp_path / "none"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"empty: no photos there; the photos of mini go there"):
        check_photos(replace(dataset, root=tmp_path / "empty"))
    with pytest.raises(UsageError, match=r"oxc1_100k: no such folder; the distractors of mini go there"):
        check_photos(replace(dataset, distractors=tmp_path / "oxc1_100k"))


def test_all_published_distractors_must_be_there_and_no_others(dataset: Dataset, tmp_path: Path) -> None:
    for name in ("x/1.jpg", "y/1.jpg", "y/2.jpg"):
        save(tmp_path / "oxc1_100k" / name)
    distracted = replace(dataset, distractors=tmp_path / "oxc1_100k", distractor_count=3)
    check_photos(distracted)
    for published in (2, 4):
        with pytest.raises(UsageError, match=f"oxc1_100k: 3 photos; the distractors of mini are {published}: get all"):
            check_photos(replace(distracted, distractor_count=published))


def test_links_to_nothing_are_named(dataset: Dataset) -> None:
    os.symlink(dataset.root / "gone.jpg", dataset.root / "link.jpg")
    with pytest.raises(UsageError, match=r"jpg/link\.jpg: is a link to nothing; the photos of mini cannot be told"):
        check_photos(dataset)


def test_names_that_are_not_utf8_are_found_and_named(dataset: Dataset) -> None:
    raw = os.fsdecode(b"caf\xe9.jpg")
    save(dataset.root / "e.jpg")
    (dataset.root / "e.jpg").rename(dataset.root / raw)
    more = replace(dataset, images=(*dataset.images, "caf%E9.jpg"))
    check_photos(asking(more, boxed("caf%E9.jpg", (0, 0, 40, 30))))
    with pytest.raises(UsageError, match=r"caf\\xe9\.jpg: is no photo of mini"):
        check_photos(dataset)
