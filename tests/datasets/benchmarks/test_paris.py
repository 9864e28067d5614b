"""Paris6k and Paris106k in miniature: in folders or flat, without the corrupt photos."""

from __future__ import annotations

from pathlib import Path

import pytest
from landmarks import write_indices, write_photos, write_query

from resight.datasets.benchmarks.paris import CORRUPT, PARIS, read_paris6k, read_paris106k
from resight.datasets.photos import check_photos
from resight.errors import UsageError

PHOTOS = ["paris_defense_000605", "paris_defense_000331", "paris_general_002985"]
BROKEN = "paris_louvre_000136"


def nested(name: str) -> str:
    return f"{name.split('_')[1]}/{name}"


def write_text(folder: Path) -> None:
    write_query(
        folder / "groundtruth",
        "defense_1",
        "paris_defense_000605 2 3 20 15",
        good=["paris_defense_000605"],
        ok=["paris_defense_000331", BROKEN],
        junk=["paris_general_002985"],
    )


def write_gnd(folder: Path) -> None:
    labels = {"ok": ["paris_defense_000331", "paris_defense_000605"], "junk": ["paris_general_002985"]}
    write_indices(folder, "paris6k", sorted(PHOTOS), [("paris_defense_000605", (2, 3, 20, 15), labels)])


@pytest.mark.parametrize("truth", [write_text, write_gnd])
@pytest.mark.parametrize("root", ["jpg", "paris"])
def test_photos_may_lie_in_folders_by_landmark(root: str, truth, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    write_photos(tmp_path / root, [nested(name) for name in PHOTOS])
    (tmp_path / root / "louvre").mkdir()
    (tmp_path / root / f"{nested(BROKEN)}.jpg").write_text("<html>302 Found</html>")
    truth(tmp_path)
    dataset = read_paris6k(tmp_path)
    (query,) = dataset.queries
    assert dataset.root == tmp_path / root
    assert sorted(dataset.images) == sorted(f"{nested(name)}.jpg" for name in PHOTOS)
    assert (query.id, query.group, query.box) == ("defense_1", "defense", (2.0, 3.0, 20.0, 15.0))
    assert query.image == "defense/paris_defense_000605.jpg"
    assert query.positives == {"defense/paris_defense_000605.jpg", "defense/paris_defense_000331.jpg"}
    assert query.junk == {"general/paris_general_002985.jpg"}
    check_photos(dataset)
    write_photos(tmp_path / root, ["paris_more"])
    if truth is write_gnd:
        with pytest.raises(UsageError, match=r"paris_more\.jpg: is no photo of paris6k;"):
            check_photos(read_paris6k(tmp_path))


@pytest.mark.parametrize("truth", [write_text, write_gnd])
def test_photos_may_lie_flat(truth, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    write_photos(tmp_path / "jpg", [*PHOTOS, BROKEN])
    truth(tmp_path)
    dataset = read_paris6k(tmp_path)
    assert sorted(dataset.images) == sorted(f"{name}.jpg" for name in PHOTOS)
    assert dataset.queries[0].positives == {"paris_defense_000605.jpg", "paris_defense_000331.jpg"}
    check_photos(dataset)


def test_without_photos_names_are_flat(tmp_path: Path) -> None:
    write_gnd(tmp_path)
    dataset = read_paris6k(tmp_path)
    assert dataset.root == tmp_path / "jpg"
    assert dataset.queries[0].image == "paris_defense_000605.jpg"


def test_a_photo_that_is_there_twice_is_named(tmp_path: Path) -> None:
    write_photos(tmp_path / "jpg", [*PHOTOS, nested(PHOTOS[0])])
    write_gnd(tmp_path)
    with pytest.raises(UsageError, match=r"paris_defense_000605\.jpg: is at .*paris_defense_000605\.jpg as well"):
        read_paris6k(tmp_path)


def test_twenty_photos_are_corrupt_and_eleven_landmarks_are_asked_for() -> None:
    assert len(CORRUPT) == 20
    assert len(PARIS.landmarks) == 11
    assert list(PARIS.landmarks) == sorted(PARIS.landmarks)


def test_distractors_lie_beside_the_folder(tmp_path: Path) -> None:
    write_gnd(tmp_path)
    dataset = read_paris106k(tmp_path)
    assert (dataset.name, dataset.distractors) == ("paris106k", tmp_path.parent / "oxc1_100k")
    assert dataset.distractor_count == 100_071
