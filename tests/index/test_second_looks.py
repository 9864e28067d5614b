"""An index whose recipe looks at vectors again: every stage, and augmentation through adds, removals and compaction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from index_samples import collection, index_by, names, told, write
from resight.datasets.folder import read_folder
from resight.evaluation.protocols import evaluate
from resight.index.augmented import read_blocks
from resight.index.index import Index
from resight.rerank.database_augmentation import augmented

PLAIN = 'name = "plain"\n[descriptor]\nkind = "vlad"\nsize = 64\nfit = "codebook.npz"\n'
BOW = 'name = "plain"\n[words]\nkind = "bow"\nsize = 64\nfit = "codebook.npz"\n'
DBA = PLAIN + '[augmentation]\nkind = "alpha"\nneighbours = 2\n'
STAGES = {
    "alpha": (PLAIN, 'kind = "alpha-expansion"\ntop = 2'),
    "words": (BOW, 'kind = "alpha-expansion"\ntop = 2'),
    "svm": (PLAIN, 'kind = "discriminative"\ntop = 2'),
    "k-reciprocal": (PLAIN, 'kind = "k-reciprocal"\nk1 = 3\nk2 = 2'),
    "superglobal": (PLAIN, 'kind = "superglobal"\nneighbours = 2'),
}
PHOTOS = collection(6, 3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("photos"), PHOTOS)


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_runs_and_finds_all_views(
    stage: str, folder: Path, recipes: Path, tmp_path: Path, unsynced: None
) -> None:
    recipe, rerank = STAGES[stage]
    index = index_by(recipes, f"{recipe}[[rerank]]\n{rerank}\n", tmp_path / f"looks-{stage}.resight")
    plain = index_by(recipes, recipe, tmp_path / f"plain-{stage}.resight")
    for one in (index, plain):
        one.add(folder)
    right = 0
    for thing in range(6):
        result = index.search(PHOTOS[f"{thing:02d}-0.png"], k=18)
        scores = [hit.score for hit in result.hits]
        assert scores == sorted(scores, reverse=True)
        assert told(index.search(PHOTOS[f"{thing:02d}-0.png"], k=18)) == told(result)
        right += sum(name.startswith(f"{thing:02d}-") for name in names(result)[:3])
    assert right >= 16
    first = [told(one.search(PHOTOS["03-1.png"], k=18)) for one in (index, plain)]
    assert first[0] != first[1]


def test_a_stage_sees_more_images_than_are_asked_for(
    folder: Path, recipes: Path, tmp_path: Path, unsynced: None
) -> None:
    index = index_by(recipes, f"{PLAIN}[[rerank]]\nkind = 'alpha-expansion'\ntop = 6", tmp_path / "deep.resight")
    index.add(folder)
    (hit,) = index.search(PHOTOS["00-0.png"], k=1).hits
    assert told(index.search(PHOTOS["00-0.png"], k=18))[0] == (hit.name, hit.score, None, None, None)


def test_augmented_vectors_are_searched_and_follow_the_index(
    folder: Path, recipes: Path, tmp_path: Path, unsynced: None
) -> None:
    index = index_by(recipes, DBA, tmp_path / "dba.resight")
    index.add(folder, only=[name for name in PHOTOS if name < "03"])
    index.add(folder)

    def state() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """By name: the vectors of the segments, and those that are searched."""
        view = index.collection.views["main"]
        by_name = {index.collection.name_of(image): image for image in view.images.tolist()}
        own = {name: np.asarray(view.evidence(image)[0]) for name, image in by_name.items()}  # type: ignore[index]
        searched = view.descriptors(np.array(list(by_name.values())))
        return own, dict(zip(by_name, searched, strict=True))

    def expected(own: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        rows = np.stack(list(own.values()))
        similarities = rows @ rows.T
        np.fill_diagonal(similarities, -np.inf)
        near = np.argsort(-similarities, axis=1)[:, :2]
        return dict(zip(own, augmented(rows, near, np.take_along_axis(similarities, near, 1), 3.0), strict=True))

    assert sorted(
        len(block.rows.ids) for block in read_blocks(index.path / "search" / "main", index.collection.channels["main"])
    ) == [9, 9]
    index.remove(["04-2.png"])
    assert "04-2.png" not in names(index.search(PHOTOS["04-0.png"], k=18))
    index.compact()
    own, searched = state()
    assert set(own) == set(PHOTOS) - {"04-2.png"}
    for name, vector in expected(own).items():
        np.testing.assert_allclose(searched[name], vector, atol=1e-6)
    hits = index.search(PHOTOS["02-0.png"], k=3, include_self=True).hits
    assert {hit.name for hit in hits} == {"02-0.png", "02-1.png", "02-2.png"}
    query = own["02-0.png"]
    assert hits[-1].score == pytest.approx(float(sorted(v @ query for v in searched.values())[-3]), abs=1e-5)
    assert not np.allclose(searched["02-0.png"], own["02-0.png"])


def test_an_evaluation_augments_with_distractors_too(
    world_folder: Path, folder: Path, recipes: Path, tmp_path: Path, unsynced: None
) -> None:
    recipe = recipes / "judged.toml"
    recipe.write_text(DBA)
    at = tmp_path / "judged.resight"
    result = evaluate(str(recipe), read_folder(world_folder), distractors=folder, at=at)
    assert result.protocol.distractors == len(PHOTOS)
    channel = Index.open(at).collection.channels["main"]
    marks = np.concatenate([block.seen for block in read_blocks(at / "search" / "main", channel)])
    assert len(np.unique(marks, axis=0)) == 1
