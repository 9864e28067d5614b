"""UKBench: the photos are known by their numbers."""

from __future__ import annotations

from pathlib import Path

from resight.datasets.benchmarks.ukbench import BENCHMARKS


def test_every_photo_asks_for_the_four_of_its_object(tmp_path: Path) -> None:
    dataset = BENCHMARKS[0].load(tmp_path)
    assert (len(dataset.images), len(dataset.queries)) == (10200, 10200)
    assert (dataset.images[0], dataset.images[-1]) == ("ukbench00000.jpg", "ukbench10199.jpg")
    assert dataset.path(dataset.images[7]) == tmp_path / "full" / "ukbench00007.jpg"
    assert dataset.rules.measure == "N-S"
    query = dataset.queries[6]
    assert (query.id, query.image, query.box) == ("ukbench00006", "ukbench00006.jpg", None)
    assert query.positives == {f"ukbench0000{number}.jpg" for number in (4, 5, 6, 7)}
    assert query.mark(query.image) == "right"
    assert not query.junk
