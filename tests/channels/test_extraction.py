from __future__ import annotations

import threading
import time
from operator import attrgetter
from pathlib import Path

import numpy as np
import pytest

from index_samples import collection, texture, write
from resight.channels import extraction
from resight.channels.extraction import cores, extract, extract_one, sample_rows
from resight.errors import UsageError
from resight.features import sift_extractor
from resight.features.kinds import Sift
from resight.features.local import LocalFeatures
from resight.features.sift_extractor import SiftExtractor
from resight.folders.walking import find_images
from resight.images import Decoded, content_hash

SIFT = SiftExtractor(Sift())
DESCRIPTORS = attrgetter("descriptors")


class Kept:
    """A channel that keeps the features as they are."""

    def __init__(self, extractor: SiftExtractor) -> None:
        self.extractor = extractor

    def encode(self, features: LocalFeatures, size: tuple[int, int]) -> LocalFeatures:
        return features


def test_results_come_in_the_order_of_the_files_on_any_number_of_threads(tmp_path: Path) -> None:
    found = list(find_images(write(tmp_path, collection(5))))
    alone = [extract_one(one, {"a": Kept(SIFT)}) for one in found]  # type: ignore[dict-item]
    for workers in (1, 3):
        together = list(extract(found, {"a": Kept(SIFT)}, workers))  # type: ignore[dict-item]
        assert [one.found for one in together] == found
        for one, other in zip(together, alone, strict=True):
            np.testing.assert_array_equal(one.evidence["a"].xy, other.evidence["a"].xy)  # type: ignore[attr-defined]
            assert (one.hash, one.size) == (content_hash(one.found.path.read_bytes()), (200, 150))


def test_channels_of_the_same_features_share_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    extract_sift = sift_extractor.extract_sift
    monkeypatch.setattr(
        sift_extractor, "extract_sift", lambda *args, **named: calls.append(args) or extract_sift(*args, **named)
    )
    found = next(iter(find_images(write(tmp_path, {"a.png": texture(1)}))))
    channels = {"a": Kept(SIFT), "b": Kept(SIFT), "c": Kept(SiftExtractor(Sift(max_features=5)))}
    evidence = extract_one(found, channels).evidence  # type: ignore[arg-type]
    assert len(calls) == 2
    assert evidence["a"] is evidence["b"]
    assert len(evidence["c"]) == 5  # type: ignore[arg-type]


def test_few_files_are_in_work_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others = set(threading.enumerate())
    found = list(find_images(write(tmp_path, {f"{i:02d}.png": texture(i, 60, 60) for i in range(30)})))
    started = []
    real = extraction.read_one

    def counted(one, channels, recall=None):  # type: ignore[no-untyped-def]
        started.append(one.name)
        return real(one, channels, recall)

    monkeypatch.setattr(extraction, "read_one", counted)
    running = extract(iter(found), {"a": Kept(SIFT)}, 2)  # type: ignore[dict-item]
    next(running)
    time.sleep(0.2)
    assert len(started) <= 2 * extraction.AHEAD + 1
    running.close()
    before = len(started)
    time.sleep(0.1)
    assert len(started) == before
    assert not [t for t in threading.enumerate() if t not in others and "ThreadPoolExecutor" in t.name]


def test_a_sample_is_drawn_by_seed_over_sorted_names(tmp_path: Path) -> None:
    photos = collection(3)
    found = list(find_images(write(tmp_path, photos)))
    first = np.concatenate(list(sample_rows(found, SIFT, DESCRIPTORS, 60, seed=1)))
    assert first.shape == (60, 128)
    again = np.concatenate(list(sample_rows(found[::-1], SIFT, DESCRIPTORS, 60, seed=1, workers=3)))
    np.testing.assert_array_equal(first, again)
    other = np.concatenate(list(sample_rows(found, SIFT, DESCRIPTORS, 60, seed=2)))
    assert not np.array_equal(first, other)
    (tmp_path / "bad.png").write_bytes(b"x")
    with_bad = list(sample_rows(list(find_images(tmp_path)), SIFT, DESCRIPTORS, 60, seed=1))
    assert sum(map(len, with_bad)) <= 60


def test_a_part_of_a_query_is_in_pixels_of_the_original() -> None:
    pixels = texture(3, 400, 300)
    whole = SIFT.prepare_query(Decoded(pixels, (400, 300)), None)
    part = SIFT.prepare_query(Decoded(pixels, (400, 300)), (50.5, 40.0, 350.0, 260.0))
    inside = (np.abs(part.xy[:, None] - whole.xy[None]).max(axis=2) < 0.05).any(axis=1)
    assert len(part) > 50
    # Large features near the edges differ, as they see other surroundings.
    assert inside.mean() > 0.6
    assert (part.xy >= (50, 40)).all()
    assert (part.xy <= (350, 260)).all()
    enlarging = SiftExtractor(Sift(enlarge_to=600))
    enlarged = enlarging.prepare_query(Decoded(pixels, (400, 300)), (50.5, 40.0, 350.0, 260.0))
    assert len(enlarged) > 40
    assert (enlarged.xy >= (50, 40)).all()
    assert (enlarged.xy <= (350, 260)).all()


def test_a_part_of_a_reduced_query_is_in_pixels_of_the_original() -> None:
    pixels = texture(3, 400, 300)
    box = (200.0, 160.0, 1400.0, 1040.0)
    there = SIFT.prepare_query(Decoded(pixels, (400, 300)), (50.0, 40.0, 350.0, 260.0))
    reduced = SIFT.prepare_query(Decoded(pixels, (1600, 1200)), box)
    np.testing.assert_allclose(reduced.xy, there.xy * 4, rtol=1e-5)
    np.testing.assert_allclose(reduced.scale, there.scale * 4, rtol=1e-5)
    np.testing.assert_array_equal(reduced.descriptors, there.descriptors)
    with pytest.raises(UsageError, match="1600 x 1200"):
        SIFT.prepare_query(Decoded(pixels, (1600, 1200)), (0, 0, 1601, 10))


def test_cores_are_those_that_the_process_may_use() -> None:
    assert cores() >= 1
