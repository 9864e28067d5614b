"""The default recipe on real photos: a slice of a set with ground truth, judged as the whole set is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from resight.datasets.dataset import ALL
from resight.datasets.folder import read_folder
from resight.evaluation.protocols import evaluate_index
from resight.index.index import Index


@pytest.mark.photos
@pytest.mark.slow
def test_phone_photos_find_their_cover_among_distractors(photos: Path, tmp_path: Path) -> None:
    covers = read_folder(photos / "covers")
    queries = covers.queries[::9]
    wanted = {name for query in queries for name in query.positives}
    sliced = replace(covers, images=tuple(sorted(wanted)), settings={ALL: queries})
    index = Index.create(tmp_path / "x.resight")
    index.add(sliced.root, only=wanted)
    distractors = sorted(path.name for path in (photos / "distractors" / "images").iterdir())[::12]
    report = index.add(photos / "distractors" / "images", prefix="distractors/", only=set(distractors))
    assert report.added == len(distractors)
    result = evaluate_index(index, sliced, recipe=index.recipe.name, distractors=len(distractors))
    assert result.mean()["AP"] == 1.0
