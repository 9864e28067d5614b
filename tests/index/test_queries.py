from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from index_samples import Pixels, collection, names, seen_again, texture, told, write
from resight.errors import ImageError, UsageError
from resight.folders.names import Name
from resight.index import answering
from resight.index.index import Index

pytestmark = pytest.mark.usefixtures("unsynced")


@pytest.fixture(scope="module")
def photos() -> dict[str, Pixels]:
    """Views of things, one photo twice, and one that shows two things side by side."""
    photos = collection(5)
    both = np.hstack([photos["03-0.png"], photos["04-0.png"]])
    return {**photos, "both.png": both, "copy.png": photos["02-0.png"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Pixels]) -> Path:
    return write(tmp_path_factory.mktemp("queries") / "photos", photos)


@pytest.fixture(scope="module")
def index(folder: Path, recipes: Path) -> Index:
    index = Index.create(folder.parent / "x.resight", recipes / "verified.toml")
    index.add(folder)
    return index


def test_a_file_that_is_in_the_index_is_left_out_by_its_content(index: Index, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to(folder / "00-0.png")
    (tmp_path / "way").symlink_to(folder)
    for query in (
        folder / "00-0.png",
        str(folder / "00-0.png"),
        folder / ".." / folder.name / "00-0.png",
        tmp_path / "way" / "00-0.png",
        tmp_path / "link.png",
        "00-0.png",
        Name("00-0.png"),
    ):
        assert names(index.search(query, k=1)) == ["00-1.png"]
        found = index.search(query, k=2, include_self=True)
        assert names(found) == ["00-0.png", "00-1.png"]
        assert [hit.copy for hit in found.hits] == [True, False]


def test_a_file_outside_of_the_index_finds_its_copies_first(index: Index, folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "02-0.png", tmp_path / "elsewhere.png")
    os.link(folder / "02-0.png", tmp_path / "hard-link.png")
    data = (folder / "02-0.png").read_bytes()
    for query in (tmp_path / "elsewhere.png", tmp_path / "hard-link.png", data, bytearray(data), memoryview(data)):
        found = index.search(query, k=3)
        assert names(found) == ["02-0.png", "copy.png", "02-1.png"]
        assert [hit.copy for hit in found.hits] == [True, True, False]
        assert found.hits[0].score == found.hits[1].score > found.hits[2].score


def test_copies_of_an_indexed_query_are_hits_and_only_its_own_name_is_left_out(index: Index, folder: Path) -> None:
    for query in ("02-0.png", folder / "02-0.png"):
        assert names(index.search(query, k=2)) == ["copy.png", "02-1.png"]
        assert index.search(query, k=1).hits[0].copy
    for query in ("copy.png", folder / "copy.png"):
        assert names(index.search(query, k=1)) == ["02-0.png"]
    found = index.search("02-0.png", k=3, include_self=True)
    assert names(found) == ["02-0.png", "copy.png", "02-1.png"]
    assert found.hits[0].score == found.hits[1].score
    part = index.search(folder / "02-0.png", box=(20, 20, 150, 120), k=1)
    assert names(part) == ["copy.png"]


def test_copies_are_known_when_files_are_gone_and_when_they_have_no_features(tmp_path: Path, recipes: Path) -> None:
    blank = np.full((60, 50, 3), 90, np.uint8)
    folder = write(tmp_path / "photos", {"a.png": texture(1), "b.png": texture(1), "blank.png": blank, "no.png": blank})
    index = Index.create(tmp_path / "x", recipes / "verified.toml")
    index.add(folder)
    for name in ("blank.png", folder / "blank.png"):
        assert [(hit.name, hit.score, hit.copy) for hit in index.search(name).hits] == [("no.png", 1.0, True)]
    shutil.rmtree(folder)
    assert [(hit.name, hit.copy) for hit in index.search("a.png").hits] == [("b.png", True)]
    assert [hit.name for hit in index.search("blank.png").hits] == ["no.png"]


def test_a_file_that_changed_since_it_was_indexed_is_another_photo(tmp_path: Path, recipes: Path) -> None:
    folder = write(tmp_path / "photos", collection(2))
    index = Index.create(tmp_path / "x", recipes / "verified.toml")
    index.add(folder)
    shutil.copy(folder / "01-0.png", folder / "00-0.png")
    found = index.search(folder / "00-0.png")
    assert (found.hits[0].name, found.hits[0].copy) == ("01-0.png", True)
    # Of the name the index keeps what was there.
    assert names(index.search(Name("00-0.png")))[0] == "00-1.png"


def test_an_array_is_asked_like_a_file(index: Index, folder: Path, photos: dict[str, Pixels]) -> None:
    array, file = index.search(photos["01-1.png"]), index.search(folder / "01-1.png", include_self=True)
    assert told(array)[1:] == told(file)[1:]
    first, itself = array.hits[0], file.hits[0]
    assert (first.name, first.transform) == (itself.name, itself.transform)
    # Its content is known to be that of the file, which puts it just above all others.
    assert itself.score == np.nextafter(np.float32(first.score), np.float32(np.inf))


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((5, 5), np.float64),
        np.zeros((5, 5, 4), np.uint8),
        np.zeros((5, 5, 3), np.uint16),
        np.zeros((5, 5, 3), np.bool_),
        np.zeros(5, np.uint8),
        np.zeros((5, 5, 3), np.float32),
        np.zeros((0, 5, 3), np.uint8),
    ],
)
def test_an_array_that_is_no_photo_is_refused(index: Index, array: np.ndarray) -> None:
    with pytest.raises(UsageError, match=r"uint8 \(H, W, 3\) RGB"):
        index.search(array)


def test_an_array_has_no_more_pixels_than_a_file_may_have(index: Index) -> None:
    # It is a view of three bytes, and is refused before it is copied.
    large = np.broadcast_to(np.zeros((1, 1, 3), np.uint8), (1_000_000, 1_000_000, 3))
    with pytest.raises(UsageError, match="an array of 1000000 megapixels, over the limit of 100"):
        index.search(large)
    with pytest.raises(UsageError, match="over the limit"):
        index.search(large[..., 0])


def test_a_name_whose_file_is_gone_asks_with_what_the_index_keeps(
    tmp_path: Path, recipes: Path, photos: dict[str, Pixels]
) -> None:
    folder = write(tmp_path / "photos", photos)
    index = Index.create(tmp_path / "x", recipes / "verified.toml")
    index.add(folder)
    there = index.search("00-0.png", k=3)
    (folder / "00-0.png").unlink()
    gone = index.search("00-0.png", k=3)
    assert gone.hits[0].name == there.hits[0].name == "00-1.png"
    assert gone.hits[0].inliers is not None
    assert gone.size == there.size == (200, 150)
    assert "00-0.png" in names(index.search("00-0.png", include_self=True))
    with pytest.raises(UsageError, match=r"00-0\.png: its file is gone or has changed"):
        index.search("00-0.png", box=(0, 0, 50, 50))


@pytest.mark.parametrize("method", ["asmk", "bow", "hamming", "vlad", "match"])
def test_what_is_kept_of_an_image_finds_its_other_view(tmp_path: Path, recipes: Path, method: str) -> None:
    folder = write(tmp_path / "photos", collection(4))
    index = Index.create(tmp_path / "x", recipes / f"{method}.toml")
    index.add(folder)
    shutil.rmtree(folder)
    assert names(index.search("02-0.png", k=1)) == ["02-1.png"]


def test_an_unknown_query_names_the_nearest(index: Index) -> None:
    with pytest.raises(UsageError, match=r'00-9\.png: neither a file nor .* nearest name is "00-\d\.png"'):
        index.search("00-9.png")
    with pytest.raises(UsageError, match="neither a file nor"):
        index.search("x" * 5000)
    with pytest.raises(ImageError, match="no such file"):
        index.search(Path("00-9.png"))


def corners(box: tuple[float, float, float, float], transform: list[list[float]]) -> np.ndarray:
    x0, y0, x1, y1 = box
    points = np.array([[x0, y0, 1], [x1, y0, 1], [x1, y1, 1], [x0, y1, 1]]) @ np.array(transform).T
    return points[:, :2] / points[:, 2:]


def test_a_hit_says_where_the_query_is_in_original_pixels(index: Index) -> None:
    view, there = seen_again(texture(3), 77)
    hit = next(hit for hit in index.search(view, k=8).hits if hit.name == "both.png")
    assert hit.transform is not None
    assert hit.box is not None
    expected = corners((40, 40, 160, 110), np.linalg.inv(there).tolist())
    np.testing.assert_allclose(corners((40, 40, 160, 110), hit.transform), expected, atol=4)
    assert hit.box[2] <= 400
    assert hit.box[0] < 10
    assert abs(hit.box[2] - 200) < 25


@pytest.mark.parametrize("by", ["file", "name", "array"])
def test_a_box_asks_for_a_part_in_original_pixels(
    index: Index, folder: Path, photos: dict[str, Pixels], by: str
) -> None:
    query = {"file": folder / "both.png", "name": "both.png", "array": photos["both.png"]}[by]
    box = (210.0, 10.0, 390.0, 140.0)
    result = index.search(query, box=box, k=3)
    found = [hit for hit in result.hits if hit.name != "both.png"]
    assert [hit.name for hit in found[:1]] == ["04-0.png"]
    assert found[0].box is not None
    np.testing.assert_allclose(found[0].box, (10, 10, 190, 140), atol=4)
    assert found[0].transform is not None
    np.testing.assert_allclose(corners(box, found[0].transform)[0], (10, 10), atol=4)
    assert (result.box, result.size) == (box, (400, 150))
    assert "03-0.png" not in names(result)[:2]


def test_a_box_in_a_photo_that_is_larger_than_the_features_need(index: Index, tmp_path: Path) -> None:
    large = Image.fromarray(texture(4)).resize((2000, 1500), Image.Resampling.BICUBIC)
    large.save(tmp_path / "large.png")
    hit = index.search(tmp_path / "large.png", box=(200, 150, 1800, 1350), k=1).hits[0]
    assert hit.name in ("04-0.png", "both.png")
    assert hit.box is not None
    left = 200 if hit.name == "both.png" else 0
    np.testing.assert_allclose(hit.box, (left + 20, 15, left + 180, 135), atol=4)


def test_a_box_in_a_photo_that_is_too_large_to_be_decoded_whole(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(texture(4)).resize((2000, 1500), Image.Resampling.BICUBIC).save(tmp_path / "large.jpg", quality=95)
    Image.fromarray(texture(4)).resize((2000, 1500), Image.Resampling.BICUBIC).save(tmp_path / "large.png")
    box = (200.0, 150.0, 1800.0, 1350.0)
    expected = next(hit for hit in index.search(tmp_path / "large.jpg", box=box).hits if hit.name == "04-0.png")
    monkeypatch.setattr("resight.images.limits.MAX_PIXELS", 1_000_000)
    monkeypatch.setattr("resight.images.decoding.REDUCED_SIDE", 500)
    hit = next(hit for hit in index.search(tmp_path / "large.jpg", box=box).hits if hit.name == "04-0.png")
    assert hit.box is not None
    assert expected.box is not None
    np.testing.assert_allclose(hit.box, expected.box, atol=4)
    with pytest.raises(ImageError, match="3 megapixels, over the limit of 1"):
        index.search(tmp_path / "large.png", box=box)


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ((0, 0, 0, 10), "it is empty"),
        ((10, 10, 5, 5), "it is empty"),
        ((500, 0, 600, 10), "it lies outside the image"),
        ((0, 0, 201, 10), "it reaches beyond the image"),
        ((float("nan"), 0, 10, 10), "not all of its numbers are finite"),
        ((0, 0, float("inf"), 10), "not all of its numbers are finite"),
        ((0, 0, 10), "a box has four numbers"),
    ],
)
@pytest.mark.parametrize("query", ["file", "name", "array"])
def test_a_bad_box_is_refused_with_the_size_of_the_photo(
    index: Index, folder: Path, photos: dict[str, Pixels], box: tuple[float, ...], reason: str, query: str
) -> None:
    source = {"file": folder / "00-0.png", "name": "00-0.png", "array": photos["00-0.png"]}[query]
    with pytest.raises(UsageError, match=rf"200 x 150 pixels: {reason}"):
        index.search(source, box=box)  # type: ignore[arg-type]


def test_a_box_of_less_than_a_pixel_gives_an_answer(index: Index, folder: Path) -> None:
    assert index.search(folder / "00-0.png", box=(10.2, 10.2, 10.4, 10.4)).hits == []


def test_several_photos_together_find_what_each_of_them_shows(index: Index) -> None:
    together = index.search_together(["03-1.png", "04-1.png"], k=3)
    assert set(names(together)) == {"both.png", "03-0.png", "04-0.png"}
    first, second = index.search("03-1.png", k=50), index.search("04-1.png", k=50)
    scores = [{hit.name: hit.score for hit in one.hits} for one in (first, second)]
    for hit in together.hits:
        assert hit.score == pytest.approx(np.mean([one.get(hit.name, 0.0) for one in scores]))
    by_query = {hit.name: hit.query for hit in together.hits}
    assert (by_query["03-0.png"], by_query["04-0.png"]) == (0, 1)
    assert together.hits[0].inliers is not None


def test_together_leaves_out_every_query(index: Index) -> None:
    asked = ["00-0.png", "00-1.png"]
    assert not {"00-0.png", "00-1.png"} & set(names(index.search_together(asked)))
    assert set(names(index.search_together(asked, k=2, include_self=True))) == {"00-0.png", "00-1.png"}
    with pytest.raises(UsageError, match="no query"):
        index.search_together([])


def test_one_photo_together_is_that_photo(index: Index) -> None:
    alone = index.search("03-1.png", k=5)
    together = index.search_together(["03-1.png"], k=5)
    assert names(alone) == names(together)
    assert [hit.box for hit in alone.hits] == [hit.box for hit in together.hits]


def test_k(index: Index, photos: dict[str, Pixels]) -> None:
    everything = index.search(photos["00-0.png"], k=10**6)
    assert len(everything.hits) == len(set(names(everything))) <= len(photos)
    assert names(index.search(photos["00-0.png"], k=2)) == names(everything)[:2]
    for k in (0, -3):
        with pytest.raises(UsageError, match=f"k is {k}: give a whole number, 1 or more"):
            index.search(photos["00-0.png"], k=k)


def test_a_query_without_features_has_no_hits(index: Index) -> None:
    assert index.search(np.full((40, 40, 3), 128, np.uint8)).hits == []
    assert index.search(np.zeros((1, 1, 3), np.uint8)).hits == []


def test_an_index_without_photos_says_so(tmp_path: Path, recipes: Path, photos: dict[str, Pixels]) -> None:
    index = Index.create(tmp_path / "x", recipes / "verified.toml")
    with pytest.raises(UsageError, match=r"no photos yet; add some with `resight add`"):
        index.search(photos["00-0.png"])
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"text")
    index.add(folder)
    with pytest.raises(UsageError, match="none of the 1 photos of the index could be read"):
        index.search(photos["00-0.png"])
    write(folder, {"b.png": photos["00-0.png"]})
    index.add(folder)
    with pytest.raises(UsageError, match=r"a\.jpg: this photo could not be read when it was indexed: not an image"):
        index.search("a.jpg")
    index.remove(["a.jpg", "b.png"])
    with pytest.raises(UsageError, match="no photos any more: 2 were removed from it"):
        index.search(photos["00-0.png"])


def test_together_an_image_is_never_above_one_that_every_query_rates_higher(
    tmp_path: Path, recipes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = Index.create(tmp_path / "x", recipes / "vlad.toml")
    index.add(write(tmp_path / "photos", collection(6)))
    asked = [texture(1), texture(4)]
    true = [{hit.name: hit.score for hit in index.search(one, k=50).hits} for one in asked]
    assert min(score for one in true for score in one.values()) < 0
    together = index.search_together(asked, k=50)
    assert len(together.hits) == 12
    for hit in together.hits:
        assert hit.score == pytest.approx(sum(one[hit.name] for one in true) / 2, abs=1e-6)
    # Where rankings are cut, what is missing has no more than what is there, and no more than 0.
    monkeypatch.setattr(answering, "TOGETHER", 10)
    cut = [sorted(one.values(), reverse=True)[9] for one in true]
    for hit in index.search_together(asked, k=9).hits:
        given = [
            one[hit.name] if one[hit.name] >= least else min(least, 0.0) for one, least in zip(true, cut, strict=True)
        ]
        assert hit.score == pytest.approx(sum(given) / 2, abs=1e-6)


def test_together_copies_of_any_query_come_first(index: Index, folder: Path) -> None:
    found = index.search_together([folder / "02-0.png", "03-1.png"], k=3)
    assert found.hits[0].name == "copy.png"
    assert (found.hits[0].copy, found.hits[0].query) == (True, 0)
    assert not any(hit.copy for hit in found.hits[1:])
    assert not {"02-0.png", "03-1.png"} & set(names(found))


def test_hits_may_be_asked_to_have_a_score_and_inliers(index: Index, folder: Path) -> None:
    everything = index.search("02-0.png", k=50).hits
    bound = everything[2].score
    assert [h.name for h in index.search("02-0.png", min_score=bound).hits] == [h.name for h in everything[:3]]
    verified = [hit.name for hit in everything if hit.copy or (hit.inliers or 0) >= 20]
    assert 1 < len(verified) < len(everything)
    assert names(index.search("02-0.png", min_inliers=20)) == verified
    assert names(index.search("02-0.png", min_inliers=20, k=1)) == verified[:1]
    # A copy is certain.
    assert names(index.search("02-0.png", min_score=1e9, min_inliers=10**6)) == ["copy.png"]


def test_inliers_are_not_asked_of_what_has_none(tmp_path: Path, recipes: Path) -> None:
    index = Index.create(tmp_path / "x", recipes / "vlad.toml")
    index.add(write(tmp_path / "photos", collection(1)))
    with pytest.raises(UsageError, match="vlad verifies no hits"):
        index.search("00-0.png", min_inliers=5)
    assert len(index.search("00-0.png", min_inliers=0).hits) == 1


def test_a_str_is_a_file_where_there_is_one_and_a_name_says_that_it_is_none(
    index: Index, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(folder / "03-0.png", "00-0.png")
    assert names(index.search("00-0.png", k=1)) == names(index.search(Path("00-0.png"), k=1)) == ["03-0.png"]
    assert names(index.search(Name("00-0.png"), k=1)) == ["00-1.png"]
    assert names(index.search_together([Name("00-0.png")], k=1)) == ["00-1.png"]
    # A hit's name asks for the hit.
    hit = index.search(Name("00-1.png"), k=1).hits[0]
    assert hit.name == "00-0.png"
    assert names(index.search(hit.name, k=1)) == ["00-1.png"]
    Path("01-0.png").mkdir()
    assert names(index.search("01-0.png", k=1)) == ["01-1.png"]


def test_a_name_is_found_however_it_is_written_in_search_and_removal(tmp_path: Path, recipes: Path) -> None:
    folder = write(tmp_path / "photos", {"Zürich/0.png": texture(1), "Zürich/1.png": texture(1), "2.png": texture(2)})
    index = Index.create(tmp_path / "x", recipes / "verified.toml")
    index.add(folder, prefix="holidays/")
    for query in ("./holidays/Zürich/0.png", "holidays\\Zürich\\0.png", "holidays/Zu\u0308rich/0.png"):
        assert names(index.search(query, k=1)) == ["holidays/Zürich/1.png"]
    for given in ("0.png", "Zürich/0.png"):
        with pytest.raises(UsageError, match=r"neither .*; did you mean holidays/Zürich/0\.png\?"):
            index.search(given)
        with pytest.raises(UsageError, match=r"nothing was removed; did you mean holidays/Zürich/0\.png\?"):
            index.remove([given])
    (folder / "2.png").unlink()
    assert names(index.search(str(folder / "2.png"), include_self=True, k=1)) == ["holidays/2.png"]
    assert index.remove([folder / "2.png", "holidays\\Zu\u0308rich/0.png"]) == 2
    assert list(index.collection.snapshot.images.names) == ["holidays/Zürich/1.png"]
