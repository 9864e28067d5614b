"""Groups of an index: photos whose copies, near-copies and other views are known."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import resight
from index_samples import collection, seen_again, texture, write
from resight.duplicates.grouping import Pair
from resight.errors import UsageError
from resight.index.index import Index


def names(group: resight.DuplicateGroup) -> set[str]:
    return {photo.name for photo in group.photos}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures with copies and near-copies, a second view of the first, and two that are alone."""
    folder = tmp_path_factory.mktemp("photos")
    first, second = texture(1, 400, 300), texture(2, 400, 300)
    write(folder, {"a.png": first, "b.png": second, "lone-1.png": texture(3, 400, 300), "lone-2.png": texture(4)})
    write(folder, {"a-view.png": seen_again(first, 5)[0]})
    shutil.copyfile(folder / "a.png", folder / "a-again.png")
    half = cv2.resize(first, (200, 150), interpolation=cv2.INTER_AREA)
    Image.fromarray(half).save(folder / "a-half.jpg", quality=80)
    Image.fromarray(np.rot90(second).copy()).save(folder / "b-turned.png")
    Image.fromarray(second[15:-15, 20:-20]).save(folder / "b-trimmed.png")
    (folder / "broken.jpg").write_bytes(b"no photo")
    (folder / "broken-too.jpg").write_bytes(b"no photo")
    Image.new("RGB", (60, 40), "white").save(folder / "plain.png")
    os.utime(folder / "a-again.png", ns=(10**18, 10**18))
    return folder


@pytest.fixture(scope="module")
def index(recipes: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Index:
    made = Index.create(tmp_path_factory.mktemp("index") / "verified.resight", recipes / "verified.toml")
    made.add(folder)
    return made


def test_copies_have_the_same_bytes(index: Index) -> None:
    found = index.duplicates("copies")
    assert [(group.kind, names(group)) for group in found.groups] == [("copies", {"a.png", "a-again.png"})]
    assert [photo.copy_of for photo in sorted(found.groups[0].photos, key=lambda p: p.name)] == [None, "a-again.png"]
    assert (found.photos, found.unreadable, found.verified) == (10, 2, 0)


def test_near_copies_are_one_picture(index: Index) -> None:
    found = index.duplicates("near")
    assert [(group.kind, names(group)) for group in found.groups] == [
        ("near", {"a.png", "a-again.png", "a-half.jpg"}),
        ("near", {"b.png", "b-turned.png", "b-trimmed.png"}),
    ]
    assert {group.pictures for group in found.groups} == {1}


def test_another_view_is_another_picture_of_the_same_thing(index: Index) -> None:
    found = index.duplicates()
    assert [(group.kind, names(group)) for group in found.groups] == [
        ("near", {"b.png", "b-turned.png", "b-trimmed.png"}),
        ("same", {"a.png", "a-again.png", "a-half.jpg", "a-view.png"}),
    ]
    same = found.groups[1]
    assert {photo.name: photo.picture for photo in same.photos}["a-view.png"] == 2
    assert [photo.name for photo in same.photos if photo.keep] == ["a-again.png", "a-view.png"]
    assert found.without_evidence == 1


def test_the_one_to_keep_has_most_pixels_and_is_the_oldest_of_equal_ones(index: Index) -> None:
    (group, _) = index.duplicates("near").groups
    by_name = {photo.name: photo for photo in group.photos}
    assert group.photos[0].name == "a-again.png"
    assert by_name["a-again.png"].oldest
    assert by_name["a-again.png"].date == "2001-09-09T01:46:40Z"
    assert by_name["a.png"].largest
    assert not by_name["a-half.jpg"].largest


def test_links_span_a_group_and_map_one_photo_to_the_other(index: Index) -> None:
    (group, _) = index.duplicates("near").groups
    (link,) = group.links
    assert {link.first, link.second} == {"a-again.png", "a-half.jpg"}
    assert link.kind == "near"
    assert link.inliers >= 12
    scale = 0.5 if link.first == "a-again.png" else 2.0
    assert np.allclose(np.array(link.transform)[:2, :2], scale * np.eye(2), atol=0.02)
    assert group.reasons() == {"a-half.jpg": link}


def test_the_same_index_gives_the_same_groups(index: Index) -> None:
    first, again = index.duplicates(), Index.open(index.path).duplicates()
    assert again.groups == first.groups


def test_the_order_in_which_photos_came_changes_nothing(
    index: Index, folder: Path, recipes: Path, tmp_path: Path
) -> None:
    other = Index.create(tmp_path / "verified.resight", recipes / "verified.toml")
    every = sorted(path.name for path in folder.iterdir())
    for part in (every[::-2], every[::2][::-1]):
        other.add(folder, only=part)
    other.update()
    assert [(g.kind, [p.name for p in g.photos]) for g in other.duplicates().groups] == [
        (g.kind, [p.name for p in g.photos]) for g in index.duplicates().groups
    ]


def test_progress_is_told_to_its_end(index: Index) -> None:
    told: list[Pair] = []
    index.duplicates(progress=lambda done, total: told.append((done, total)))
    assert told == [(done, 9) for done in range(1, 10)]


@pytest.mark.parametrize("method", ["asmk", "hamming", "bow"])
def test_every_kind_of_words_tells_near_copies(method: str, recipes: Path, folder: Path, tmp_path: Path) -> None:
    made = Index.create(tmp_path / "words.resight", recipes / f"{method}.toml")
    made.add(folder)
    assert {"a.png", "a-again.png", "a-half.jpg"} in [names(group) for group in made.duplicates("near").groups]


@pytest.mark.parametrize("method", ["vlad", "match"])
def test_a_recipe_that_keeps_no_words_tells_copies_alone(
    method: str, recipes: Path, folder: Path, tmp_path: Path
) -> None:
    made = Index.create(tmp_path / "vectors.resight", recipes / f"{method}.toml")
    made.add(folder)
    assert [names(group) for group in made.duplicates("copies").groups] == [{"a.png", "a-again.png"}]
    with pytest.raises(UsageError, match=f'"{method}" keeps no words.*sift-asmk-links'):
        made.duplicates()


def test_nothing_and_one_photo_have_no_duplicates(recipes: Path, tmp_path: Path) -> None:
    made = Index.create(tmp_path / "small.resight", recipes / "verified.toml")
    assert made.duplicates().groups == ()
    made.add(write(tmp_path / "one", collection(1, 1)))
    found = made.duplicates()
    assert (found.groups, found.photos) == ((), 1)


def test_photos_that_could_not_be_read_are_counted_and_in_no_group(recipes: Path, tmp_path: Path) -> None:
    for name in ("x.jpg", "y.jpg"):
        (write(tmp_path / "bad", {}) / name).write_bytes(b"no photo")
    made = Index.create(tmp_path / "bad.resight", recipes / "verified.toml")
    made.add(tmp_path / "bad")
    found = made.duplicates()
    assert (found.groups, found.photos, found.unreadable) == ((), 0, 2)


def test_within_looks_at_a_part_alone(index: Index) -> None:
    found = index.duplicates("near", within=["b*", "lone-1.png", "broken.jpg"])
    assert [names(group) for group in found.groups] == [{"b.png", "b-turned.png", "b-trimmed.png"}]
    assert (found.photos, found.unreadable) == (4, 2)
    with pytest.raises(UsageError, match="no name in the index matches"):
        index.duplicates("copies", within="elsewhere/")


def test_another_kind_is_refused(index: Index) -> None:
    with pytest.raises(UsageError, match="kind is 'alike'; it is one of copies, near, same"):
        index.duplicates("alike")  # type: ignore[arg-type]


def test_many_copies_do_not_hide_what_else_is_alike(
    recipes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They ask once, and are found once: else they alone would fill each other's rankings."""
    monkeypatch.setattr("resight.duplicates.walk.DEPTH", 3)
    front = texture(7, 300, 220)
    folder = write(tmp_path / "many", {"view.png": seen_again(front, 8)[0], "0.png": front})
    for number in range(1, 8):
        shutil.copyfile(folder / "0.png", folder / f"{number}.png")
    made = Index.create(tmp_path / "many.resight", recipes / "verified.toml")
    made.add(folder)
    found = made.duplicates()
    assert [len(group.photos) for group in found.groups] == [9]
    assert found.verified == 1
