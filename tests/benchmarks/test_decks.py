"""The experiments of the decks run from end to end on a small world."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

SMALL = ["--seeds", "0", "--side", "64", "--images", "8", "--anchors", "2"]


@pytest.fixture(scope="module")
def index(small_sets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The things of the small sets by words and a network."""
    import resight

    path = tmp_path_factory.mktemp("index") / "things.resight"
    made = resight.Index.create(path, recipe="sift-lite0-links")
    made.add(small_sets / "things" / "images")
    return path


@pytest.mark.slow
def test_components_are_added_one_by_one(
    small_sets: Path, index: Path, tmp_path: Path, page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import deck_components
    from training_rows import Mined

    # Mapping has tests of its own, and takes longest.
    for name in deck_components.TUPLES:
        monkeypatch.setitem(deck_components.TUPLES, name, Mined("verified"))
    rows = ["GeM: the same, whitening learned"]
    arguments = [str(index), "--sets", str(small_sets / "things"), "--rows", *rows, *SMALL]
    document = deck_components.main([*arguments, "--at", str(tmp_path / "at"), "--page", str(page)])
    assert [*document["rows"]] == ["GeM: as it was", *rows]
    assert all(0.0 <= row["things"]["mean"] <= 1.0 for row in document["rows"].values())
    text = page.read_text()
    assert "| GeM | things |" in text
    assert "| MAC | things |" not in text


@pytest.mark.slow
def test_networks_of_merged_lists_are_judged_by_epoch(
    small_sets: Path, index: Path, tmp_path: Path, page: Path
) -> None:
    import deck_merged_lists

    rows = ["A, 1 epochs", "B, 1 epochs"]
    arguments = [str(index), "--sets", str(small_sets / "things"), "--rows", *rows, *SMALL]
    document = deck_merged_lists.main([*arguments, "--at", str(tmp_path / "at"), "--page", str(page)])
    assert [*document["rows"]] == ["A, as it was", rows[0], "B, as it was", rows[1]]
    assert "| B, 1 epochs |" in page.read_text()


@pytest.mark.slow
def test_teacher_and_student_are_judged_by_size(small_sets: Path, index: Path, tmp_path: Path, page: Path) -> None:
    import deck_teacher

    folder = tmp_path / "boxed"
    folder.mkdir()
    (folder / "images").symlink_to(small_sets / "things" / "images")
    truth = json.loads((small_sets / "things" / "groundtruth.json").read_text())
    queries = [{**one, "box": [0, 0, 40 + 30 * row, 100]} for row, one in enumerate(truth["queries"])]
    (folder / "groundtruth_boxed.json").write_text(json.dumps({**truth, "queries": queries}))
    arguments = [str(index), "--boxed", str(folder), *SMALL]
    document = deck_teacher.main([*arguments, "--at", str(tmp_path / "at"), "--page", str(page)])
    assert [*document["rows"]] == [*deck_teacher.ROWS]
    assert [*document["rows"]["the student, taught"]] == ["small", "middling", "large"]


def test_right_photos_count_by_the_wrong_ones_before_them() -> None:
    from deck_teacher import Shown, by_size

    small, large, other = (Path(name) for name in ("small", "large", "other"))
    asking = Path("asking")
    rights = [Shown(small, [asking], 0.1), Shown(large, [asking], 0.9)]
    found = by_size(rights, {asking: [other, large, small]})
    assert found == {"small": [0.5], "middling": [], "large": [0.5]}
    assert by_size(rights, {asking: [large, other, small]}) == {"small": [0.5], "middling": [], "large": [1.0]}


@pytest.mark.slow
def test_manifolds_and_labels_are_judged_on_other_classes(
    small_sets: Path, tmp_path: Path, page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import deck_manifolds

    import resight

    photos = sorted((small_sets / "things" / "images").iterdir())
    things = sorted({photo.name.rsplit("_", 1)[0] for photo in photos})
    for photo in photos:
        thing = photo.name.rsplit("_", 1)[0]
        place = tmp_path / ("seen" if thing in things[:2] else "unseen") / thing
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, place)
    # Eight photos have no manifolds; mining on them has tests of its own.
    monkeypatch.setitem(deck_manifolds.TUPLES, "manifold", deck_manifolds.TUPLES["labels"])
    index = tmp_path / "seen.resight"
    resight.Index.create(index, recipe="rmac-lite0").add(tmp_path / "seen")
    arguments = [str(index), "--classes", str(tmp_path / "unseen"), "--rows", "labels", *SMALL]
    document = deck_manifolds.main([*arguments, "--at", str(tmp_path / "at"), "--page", str(page)])
    assert [*document["rows"]["labels"]] == ["Recall@1", "Recall@2", "Recall@4", "Recall@8"]


def test_recall_is_of_the_nearest_others() -> None:
    from deck_manifolds import recalls

    descriptors = np.array([[1, 0], [0.9, 0.1], [0.8, 0.2], [0, 1]], np.float32)
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    found = recalls(descriptors, np.array([0, 1, 0, 1]))
    assert found["Recall@1"] == [0.0, 0.0, 0.0, 0.0]
    assert found["Recall@2"] == [1.0, 0.0, 1.0, 1.0]
