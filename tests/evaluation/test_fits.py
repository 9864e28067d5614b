"""What a recipe fits is fitted on all photos that an evaluation searches."""

from __future__ import annotations

from pathlib import Path

import pytest

from index_samples import collection, write
from resight.datasets.dataset import ALL, Dataset, JudgedQuery
from resight.evaluation.protocols import evaluate
from resight.index.index import Index
from resight.learned.artefact import load


@pytest.mark.usefixtures("unsynced")
def test_distractors_are_fitted_on_too(tmp_path: Path) -> None:
    photos = [*collection(5).items()]
    own, others = tmp_path / "own", tmp_path / "others"
    for folder, some in ((own, photos[:5]), (others, photos[5:])):
        folder.mkdir()
        write(folder, dict(some))
    names = tuple(sorted(name for name, _ in photos[:4]))  # one photo of the folder is no photo of the data set
    query = JudgedQuery("q", names[0], frozenset(names[1:2]))
    at = tmp_path / "kept.resight"
    recipe = tmp_path / "vlad.toml"
    recipe.write_text(
        'name = "v"\n[features]\nkind = "sift"\n[descriptor]\nkind = "vlad"\nsize = 4\nfit = "collection"\n'
    )
    evaluate(recipe, Dataset("own", own, names, {ALL: (query,)}), distractors=others, at=at)
    (fitted,) = (file for name, file in Index.open(at)._store.fitted().items() if name.endswith("fitted.npz"))
    assert load(fitted).provenance["photos"] == len(names) + len(photos[5:])
