"""Masks of an index: each photo has its own, a change is seen, and a photo is never taken without the mask it has."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from index_samples import names, texture, told, write
from resight.errors import UsageError
from resight.folders.walking import find_images
from resight.index.index import Index
from resight.index.masking import mask_choice, with_masks
from resight.index.queries import Query
from resight.index.vanished import MANY
from resight.store import Root

pytestmark = pytest.mark.usefixtures("unsynced")

SIZE = (200, 150)
BAR = np.full((150, 200), 255, np.uint8)
BAR[110:] = 0


def stamped(seed: int) -> np.ndarray:
    """A photo of its own with a stamp that all of them have."""
    pixels = texture(seed, *SIZE)
    pixels[110:] = texture(99, *SIZE)[110:]
    return pixels


def save_mask(path: Path, values: np.ndarray = BAR, seconds: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)
    os.utime(path, ns=(1, seconds * 10**9))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "photos", {"a.png": stamped(1), "sub/b.png": stamped(2), "plain.png": texture(3, *SIZE)})


@pytest.fixture
def index(tmp_path: Path, recipes: Path) -> Index:
    return Index.create(tmp_path / "x.resight", recipes / "verified.toml")


def features(index: Index, name: str) -> int:
    reader = Index.open(index.path).collection
    view = next(iter(reader.views.values()))
    return len(view.evidence(int(reader.snapshot.images.ids[reader.snapshot.images.by_name[name]])).words)  # type: ignore[attr-defined]


def test_a_stamp_that_is_masked_no_longer_decides(index: Index, folder: Path, tmp_path: Path, recipes: Path) -> None:
    write(folder, {"true.png": texture(7, *SIZE)})
    mask = save_mask(tmp_path / "mask.png")
    plain = Index.create(tmp_path / "plain.resight", recipes / "verified.toml")
    plain.add(folder)
    index.add(folder, mask=mask)
    query = stamped(7)
    assert names(plain.search(query, k=3))[0] in ("a.png", "sub/b.png", "true.png")
    found = index.search(query, k=4, mask=BAR).hits
    assert found[0].name == "true.png"
    # Nothing of the stamp is left in the others.
    assert all(hit.inliers is None or hit.inliers < 8 for hit in found[1:])
    with pytest.raises(UsageError, match="the mask has 150 x 200 pixels and the upright photo 200 x 150"):
        index.search(query, mask=np.ascontiguousarray(BAR.T))


def test_one_mask_is_kept_in_the_index_and_scaled_to_each_photo(index: Index, folder: Path, tmp_path: Path) -> None:
    write(folder, {"tall.png": texture(4, 150, 200)})
    mask = save_mask(tmp_path / "mask.png")
    index.add(folder, mask=mask)
    mask.unlink()
    write(folder, {"new.png": stamped(5)})
    report = index.update()
    assert (report.added, report.changed, report.unchanged) == (1, 0, 4)
    heights = {"new.png": 110, "a.png": 110, "tall.png": 200 * 110 / 150}
    reader = index.collection
    for name, height in heights.items():
        image = int(reader.snapshot.images.ids[reader.snapshot.images.by_name[name]])
        xy = next(iter(reader.views.values())).evidence(image).xy  # type: ignore[attr-defined]
        assert len(xy) > 10
        assert xy[:, 1].max() < height + 0.5
    assert index.info().masks == [{"path": str(folder), "mask": "one for all"}]


def test_each_photo_has_the_mask_of_its_name_and_one_without_is_counted(
    index: Index, folder: Path, tmp_path: Path
) -> None:
    masks = tmp_path / "masks"
    save_mask(masks / "a.png.png")
    save_mask(masks / "a.png", np.full_like(BAR, 255))  # the name with its ending wins
    save_mask(masks / "sub/b.png")
    report = index.add(folder, mask=masks)
    assert (report.added, report.without_mask, report.unreadable) == (3, 1, [])
    index.add(folder, prefix="whole/")
    for name in ("a.png", "sub/b.png"):
        assert features(index, name) < features(index, f"whole/{name}")
    assert features(index, "plain.png") == features(index, "whole/plain.png")
    assert index.info().masks == [{"path": str(folder), "mask": str(masks)}]


def test_a_changed_new_or_missing_mask_has_its_photo_read_again(index: Index, folder: Path, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    save_mask(masks / "a.png.png")
    index.add(folder, mask=masks)
    before = features(index, "a.png")
    assert (index.update().changed, index.add(folder).changed) == (0, 0)
    save_mask(masks / "a.png.png", np.where(np.arange(150)[:, None] < 40, BAR, 0).astype(np.uint8), 5)
    assert (index.update().changed, features(index, "a.png") < before) == (1, True)
    save_mask(masks / "plain.png.png")
    assert index.update().changed == 1
    (masks / "plain.png.png").unlink()
    assert index.update().changed == 1
    report = index.add(folder, no_mask=True)
    assert (report.changed, report.without_mask, index.info().masks) == (1, 0, [])
    assert features(index, "a.png") > before


def test_a_mask_that_cannot_be_used_makes_its_photo_unreadable_until_it_is_mended(
    index: Index, folder: Path, tmp_path: Path
) -> None:
    masks = tmp_path / "masks"
    save_mask(masks / "a.png.png", np.ascontiguousarray(BAR.T))
    (masks / "plain.png.png").write_bytes(b"no image")
    report = index.add(folder, mask=masks)
    reasons = dict(report.unreadable)
    assert report.added == 1
    assert "the mask has 150 x 200 pixels and the upright photo 200 x 150" in reasons["a.png"]
    assert f"its mask {masks / 'plain.png.png'} is not a PNG" in reasons["plain.png"]
    save_mask(masks / "a.png.png", BAR, 5)
    save_mask(masks / "plain.png.png", BAR, 5)
    report = index.update()
    assert (report.changed + report.added, report.unreadable) == (2, [])


def test_masks_are_no_photos_wherever_they_lie(folder: Path, index: Index) -> None:
    save_mask(folder / "a.png.png")
    save_mask(folder / "masks/sub/b.png.png")
    beside = with_masks(list(find_images(folder)), Root(str(folder), ""), mask_choice(folder, folder))
    assert [(one.name, one.mask is not None) for one in beside.found] == [
        ("a.png", True),
        ("masks/sub/b.png.png", False),
        ("plain.png", False),
        ("sub/b.png", False),
    ]
    report = index.add(folder, mask=folder / "masks")
    assert (report.added, report.without_mask) == (4, 3)
    assert "masks/sub/b.png.png" not in index.collection.snapshot.images.by_name


def test_beside_photos_a_png_of_the_same_stem_is_a_photo_and_no_mask(folder: Path) -> None:
    Image.fromarray(stamped(8)).save(folder / "a.jpg")
    found = with_masks(list(find_images(folder)), Root(str(folder), ""), mask_choice(folder, folder)).found
    assert [(one.name, one.mask) for one in found][:2] == [("a.jpg", None), ("a.png", None)]


def test_an_indexed_photo_asks_by_name_with_its_own_mask(index: Index, folder: Path, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    save_mask(masks / "a.png.png")
    save_mask(masks / "sub/b.png.png")
    index.add(folder, mask=masks)
    by_name = index.search("a.png", include_self=True).hits
    with_mask = index.search(folder / "a.png", mask=masks / "a.png.png", include_self=True).hits
    assert [(hit.name, hit.score, hit.inliers) for hit in by_name] == [
        (hit.name, hit.score, hit.inliers) for hit in with_mask
    ]
    # What the index keeps is asked where the mask is not as it was; a part cannot be.
    save_mask(masks / "a.png.png", np.full_like(BAR, 255), 5)
    assert index.search("a.png", include_self=True).hits[0].name == "a.png"
    with pytest.raises(UsageError, match="its mask is gone or has changed, so that it cannot be asked with a box"):
        index.search("a.png", box=(0, 0, 100, 100))


def test_several_queries_have_a_mask_each(index: Index, folder: Path) -> None:
    index.add(folder)
    masked, plain = stamped(1), stamped(2)
    together = index.search_together([Query(masked, mask=BAR), plain])
    assert told(together) != told(index.search_together([masked, plain]))
    changed = masked.copy()
    changed[BAR == 0] = 7
    assert told(index.search_together([Query(changed, mask=BAR), plain])) == told(together)


def test_a_folder_of_masks_that_is_gone_changes_nothing(index: Index, folder: Path, tmp_path: Path) -> None:
    masks = save_mask(tmp_path / "masks/a.png.png").parent
    index.add(folder, mask=masks)
    masks.rename(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="the folder of masks is gone"):
        index.add(folder)
    generation = index.info().generation
    assert [(one.folder, one.photos, one.why) for one in index.update().held] == [(str(masks), 3, "is gone")]
    assert (index.info().images, index.info().generation) == (3, generation)
    # The same masks in another place are the same masks.
    assert index.add(folder, mask=tmp_path / "elsewhere").changed == 0


@pytest.mark.parametrize("part", ["", "sub"])
def test_a_folder_of_masks_that_is_empty_or_unreadable_takes_no_mask_away(
    index: Index, folder: Path, tmp_path: Path, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    masks = tmp_path / "masks"
    save_mask(masks / "sub/b.png.png")
    index.add(folder, mask=masks)
    other = write(tmp_path / "other", {"x.png": texture(8, *SIZE), "y.png": texture(9, *SIZE)})
    index.add(other, prefix="other/")
    before = features(index, "sub/b.png")
    (other / "x.png").unlink()
    (folder / "a.png").unlink()
    write(folder, {"new.png": texture(6, *SIZE)})

    with monkeypatch.context() as patch:
        if part:
            scan = os.scandir

            def refused(path: str | Path) -> object:
                if Path(path) == masks / part:
                    raise PermissionError(13, "Permission denied", str(path))
                return scan(path)

            patch.setattr(os, "scandir", refused)
            why = f"cannot be read in part ({masks / part}: cannot be read: Permission denied)"
        else:
            masks.rename(tmp_path / "unmounted")
            masks.mkdir()
            why = "has no mask in it any more"
        report = index.update()
        (held,) = report.held
        assert (held.folder, held.photos, held.why, held.of_masks) == (str(masks), 3, why, True)
        assert (report.added, report.changed, report.removed, report.unchanged) == (0, 0, 1, 4)
        assert features(index, "sub/b.png") == before
        with pytest.raises(UsageError, match="the folder of masks"):
            index.add(folder)
    if not part:
        masks.rmdir()
        (tmp_path / "unmounted").rename(masks)
    report = index.update()
    assert (report.added, report.changed, report.removed, report.held) == (1, 0, 1, [])


def test_masks_beside_the_photos_move_with_them(index: Index, folder: Path, tmp_path: Path) -> None:
    masks = save_mask(tmp_path / "masks/a.png.png").parent
    index.add(folder, mask=masks)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    folder.rename(elsewhere / "photos")
    masks.rename(elsewhere / "masks")
    index.move_root(folder, elsewhere / "photos")
    report = index.update()
    assert (report.changed, report.unchanged, report.without_mask) == (0, 3, 2)
    assert index.info().masks == [{"path": str(elsewhere / "photos"), "mask": str(elsewhere / "masks")}]


def test_a_photo_is_not_taken_for_one_of_the_same_bytes_with_another_mask(
    index: Index, folder: Path, tmp_path: Path
) -> None:
    mask = save_mask(tmp_path / "mask.png")
    index.add(folder, mask=mask)
    report = index.add(folder, prefix="whole")
    assert (report.added, report.recalled) == (3, 0)
    assert features(index, "a.png") < features(index, "whole/a.png")
    assert index.add(folder, prefix="again").recalled == 3
    # What is known whole is read again where a mask is to be laid over it.
    report = index.add(folder, prefix="masked", mask=mask)
    assert (report.added, report.recalled) == (3, 0)
    assert features(index, "masked/a.png") == features(index, "a.png")


def test_masks_that_were_indexed_as_photos_go_out(index: Index, folder: Path) -> None:
    save_mask(folder / "masks/a.png.png")
    assert index.add(folder).added == 4
    index.add(folder, mask=folder / "masks")
    report = index.update()
    assert (report.excluded, report.became_masks, report.removed, report.held) == (0, 1, 0, [])
    assert index.info().images == 3


def test_a_mask_is_mirrored_with_its_query(index: Index, folder: Path) -> None:
    index.add(folder)
    half = np.ones((150, 200), np.bool_)
    half[:, 100:] = False
    mirrored = np.ascontiguousarray(texture(3, *SIZE)[:, ::-1])
    (hit,) = index.search(mirrored, k=1, mirror=True, mask=half).hits
    assert (hit.name, hit.mirrored) == ("plain.png", True)
    assert hit.verification is not None
    assert hit.verification.query_xy[:, 0].max() < 100.5


def test_a_wrong_mask_is_told_before_anything_is_written(index: Index, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "m.jpg").write_bytes(b"\xff\xd8\xff")
    for wrong, what in ((tmp_path / "none.png", "no such file"), (tmp_path / "m.jpg", "save it as PNG")):
        with pytest.raises(UsageError, match=what):
            index.add(folder, mask=wrong)
    assert index.info().generation == 0


PHOTOS_OF_TWO = ("sub/a.png", "sub/b.png", "c.png", "d.png")


@pytest.fixture
def two_disks(index: Index, tmp_path: Path) -> tuple[Path, Path]:
    """Photos with a mask each, in a folder of masks of which `sub` is a disk of its own."""
    folder = write(tmp_path / "both", {name: stamped(seed) for seed, name in enumerate(PHOTOS_OF_TWO)})
    masks = tmp_path / "masks"
    for name in PHOTOS_OF_TWO:
        save_mask(masks / f"{name}.png")
    assert index.add(folder, mask=masks).without_mask == 0
    return folder, masks


@pytest.mark.parametrize("gone", [False, True], ids=["empty", "gone"])
def test_a_part_of_the_masks_that_vanished_is_held_and_no_mask_taken_away(
    index: Index, two_disks: tuple[Path, Path], tmp_path: Path, gone: bool
) -> None:
    folder, masks = two_disks
    before = features(index, "sub/a.png")
    (masks / "sub").rename(tmp_path / "unmounted")
    if not gone:
        (masks / "sub").mkdir()
    write(folder, {"sub/new.png": stamped(8), "new.png": texture(9, *SIZE)})
    os.utime(folder / "sub/b.png", ns=(3, 3))
    report = index.update()
    (held,) = report.held
    why = "is gone" if gone else "has no mask of any of them any more"
    assert (held.folder, held.photos, held.why, held.of_masks, held.removable) == (
        str(masks / "sub"),
        2,
        why,
        True,
        True,
    )
    # What is new beside the lost masks waits: it may have one there.
    assert (report.added, report.changed, report.unchanged, report.without_mask) == (1, 0, 4, 1)
    assert features(index, "sub/a.png") == before
    assert len(index.add(folder).held) == 1
    if not gone:
        (masks / "sub").rmdir()
    (tmp_path / "unmounted").rename(masks / "sub")
    report = index.update()
    assert (report.added, report.changed, report.held) == (1, 1, [])


def test_another_disk_with_other_masks_takes_no_mask_away(
    index: Index, two_disks: tuple[Path, Path], tmp_path: Path
) -> None:
    _, masks = two_disks
    before = features(index, "c.png")
    masks.rename(tmp_path / "unmounted")
    save_mask(masks / "foreign.png")
    report = index.update()
    (held,) = report.held
    assert (held.folder, held.photos, report.changed, features(index, "c.png")) == (str(masks), 4, 0, before)
    # A person says that it was on purpose, and the photos are taken whole.
    report = index.update(removed=[masks])
    assert (report.held, report.changed, features(index, "c.png") > before) == ([], 4, True)


def test_one_mask_that_went_from_among_others_was_taken_away(index: Index, two_disks: tuple[Path, Path]) -> None:
    _, masks = two_disks
    (masks / "sub/a.png.png").unlink()
    report = index.update()
    assert (report.held, report.changed, report.without_mask) == ([], 1, 1)


def test_many_masks_that_went_at_once_are_held(index: Index, tmp_path: Path) -> None:
    count = MANY + 12
    folder = write(tmp_path / "many", {f"{n:02d}.png": texture(n, 60, 45) for n in range(count)})
    mask = np.full((45, 60), 255, np.uint8)
    mask[30:] = 0
    for n in range(count):
        save_mask(tmp_path / f"masks/{n:02d}.png.png", mask)
    index.add(folder, mask=tmp_path / "masks")
    for n in range(MANY):
        (tmp_path / f"masks/{n:02d}.png.png").unlink()
    report = index.update()
    assert [(one.photos, one.why) for one in report.held] == [(MANY, f"has lost the masks of {MANY} of them at once")]
    assert report.changed == 0


def test_a_folder_that_holds_the_photos_is_no_folder_of_masks(index: Index, folder: Path) -> None:
    with pytest.raises(UsageError, match="the folder of masks contains the photos"):
        index.add(folder / "sub", mask=folder)
    for masks, what in (
        (folder / "sub", "1 image in it, such as sub/b.png, is the mask of no photo and would be left out"),
        (write(folder / "more", {"x.jpg": texture(5), "a.png.png": BAR}), "such as more/x.jpg"),
    ):
        with pytest.raises(UsageError, match=what):
            index.add(folder, mask=masks)
    index.refresh()
    assert index.info().generation == 0
