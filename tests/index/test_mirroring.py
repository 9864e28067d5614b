from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from index_samples import collection, index_by, names, texture, told, write
from resight.errors import UsageError
from resight.index.index import Index
from resight.index.mirroring import mirrored_box

pytestmark = pytest.mark.usefixtures("unsynced")

FUSED = """
name = "mirrored"
[channel.words.words]
kind = "asmk"
size = 64
fit = "codebook.npz"
[channel.vectors.descriptor]
kind = "vlad"
size = 64
fit = "codebook.npz"
[[rerank]]
kind = "spatial"
channel = "words"
score = "evidence"
[[rerank]]
kind = "fusion"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("mirroring") / "photos", collection(4))


@pytest.fixture(scope="module")
def index(folder: Path, recipes: Path) -> Index:
    index = Index.create(folder.parent / "x.resight", recipes / "verified.toml")
    index.add(folder)
    return index


def test_a_box_changes_sides() -> None:
    assert mirrored_box((10.0, 20.0, 50.0, 60.0), 200) == (150.0, 20.0, 190.0, 60.0)
    assert mirrored_box(None, 200) is None


def test_a_mirrored_photo_is_found_with_evidence_of_the_query_as_it_is(index: Index) -> None:
    straight = index.search(texture(2), k=2)
    turned = texture(2)[:, ::-1]
    assert all((hit.inliers or 0) < 20 for hit in index.search(turned, k=2).hits)
    found = index.search(turned, k=2, mirror=True)
    assert names(found) == names(straight) == ["02-0.png", "02-1.png"]
    flip = np.array([[-1, 0, 200], [0, 1, 0], [0, 0, 1.0]])
    for hit, other in zip(found.hits, straight.hits, strict=True):
        assert hit.mirrored
        assert (hit.score, hit.inliers) == (other.score, other.inliers)
        np.testing.assert_allclose(hit.transform, np.array(other.transform) @ flip, atol=1e-6)
        np.testing.assert_allclose(hit.box, other.box, atol=1e-3)
        assert hit.verification is not None
        assert other.verification is not None
        np.testing.assert_allclose(hit.verification.query_xy[:, 0], 200 - other.verification.query_xy[:, 0], atol=1e-3)
        # The transform puts the query's points where the image has them.
        points = np.column_stack([hit.verification.query_xy, np.ones(hit.inliers or 0)]) @ np.array(hit.transform).T
        assert np.abs(points[:, :2] / points[:, 2:] - hit.verification.image_xy).max() < 8


def test_a_part_is_mirrored_within_the_photo(index: Index) -> None:
    turned = np.ascontiguousarray(texture(3)[:, ::-1])
    hit = index.search(turned, box=(100, 0, 200, 150), mirror=True, k=1).hits[0]
    assert (hit.name, hit.mirrored) == ("03-0.png", True)
    assert hit.box is not None
    np.testing.assert_allclose(hit.box, (0, 0, 100, 150), atol=5)


def test_what_is_not_mirrored_stays_as_it_is_found(index: Index, folder: Path) -> None:
    for query in (texture(1), folder / "01-0.png"):
        plain, both = index.search(query, k=1), index.search(query, k=1, mirror=True)
        assert told(both) == told(plain)
        assert not any(hit.mirrored for hit in both.hits)


def test_channels_are_fused_by_the_better_of_both(folder: Path, recipes: Path, tmp_path: Path) -> None:
    index = index_by(recipes, FUSED, tmp_path / "mirrored.resight")
    index.add(folder)
    straight = index.search(texture(2), k=2, mirror=True)
    turned = index.search(np.ascontiguousarray(texture(2)[:, ::-1]), k=2, mirror=True)
    assert names(turned) == names(straight) == ["02-0.png", "02-1.png"]
    assert [hit.score for hit in turned.hits] == pytest.approx([hit.score for hit in straight.hits])
    assert [hit.inliers for hit in turned.hits] == [hit.inliers for hit in straight.hits]
    assert [hit.mirrored for hit in turned.hits] == [True, True]
    assert [hit.mirrored for hit in straight.hits] == [False, False]
    together = index.search_together([texture(1), np.ascontiguousarray(texture(2)[:, ::-1])], k=4, mirror=True)
    assert {hit.name: hit.mirrored for hit in together.hits} == {
        "01-0.png": False,
        "01-1.png": False,
        "02-0.png": True,
        "02-1.png": True,
    }


def test_what_the_index_keeps_cannot_be_mirrored(recipes: Path, tmp_path: Path) -> None:
    folder = write(tmp_path / "photos", collection(1))
    index = Index.create(tmp_path / "x", recipes / "vlad.toml")
    index.add(folder)
    (folder / "00-0.png").unlink()
    with pytest.raises(UsageError, match=r"00-0\.png: its file is gone or has changed, so that .* asked mirrored"):
        index.search("00-0.png", mirror=True)
