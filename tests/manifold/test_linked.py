"""Neighbours kept with an index: the same whether made at once or followed through adds and removals."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from index_samples import collection, index_by, names, told, write
from resight.index.index import Index
from resight.manifold import approximate, linked, solving
from resight.manifold.linked import (
    SearchedNodes,
    VectorNodes,
    brought_up_to_date,
    keep_neighbourhoods,
    read_neighbourhoods,
)
from resight.search.looks import Neighbourhoods
from resight.search.ranking import Ranking
from resight.search.selection import best
from resight.store.structures import StructureFolder

VLAD = 'name = "d"\n[descriptor]\nkind = "vlad"\nsize = 64\nfit = "codebook.npz"\n'
ASMK = 'name = "d"\n[words]\nkind = "asmk"\nsize = 64\nfit = "codebook.npz"\n'
BOW = 'name = "d"\n[words]\nkind = "bow"\nsize = 64\nfit = "codebook.npz"\n'
DIFFUSION = '[[rerank]]\nkind = "diffusion"\nk = 4\nquery_k = 3\nalpha = 0.8\n'
SOLVERS = {
    "conjugate-gradient": "self_affinity = 1.0\n",
    "spectral": 'solver = "spectral"\nrank = 12\n',
    "hybrid": 'solver = "hybrid"\nrank = 10\nself_affinity = 1.0\n',
}
PHOTOS = collection(6, 3)


def shelf(index: Index) -> StructureFolder:
    return StructureFolder(index.path / "search" / "main", "neighbours-")


def vectors(n: int, seed: int = 0) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).normal(size=(n, 6))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def searched(images: NDArray[np.int64], similarities: NDArray[np.float32]) -> SearchedNodes:
    """Nodes that are compared by a table of similarities, by id; an image is most similar to itself."""

    def search(image: int, k: int) -> Ranking:
        return best(images.copy(), similarities[image, images].copy(), k)

    return SearchedNodes(images, search)


def equal(one: Neighbourhoods, other: Neighbourhoods) -> bool:
    return (
        np.array_equal(one.images, other.images)
        and np.array_equal(one.ids, other.ids)
        and np.allclose(one.similarities, other.similarities, atol=1e-6)
    )


@pytest.mark.parametrize("kind", ["vectors", "searched"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (range(20), range(30)),
        (range(20), [*range(0, 20, 3), *range(20, 25)]),
        (range(20), range(5, 20)),
        (range(3), range(40)),
        (range(4), [0, 1, 2]),
        (range(1), range(2)),
        ([], range(6)),
        (range(300), [*range(250), *range(300, 560)]),
    ],
)
def test_what_is_brought_up_to_date_equals_what_is_made_anew(kind: str, before: list[int], after: list[int]) -> None:
    x = vectors(560)
    table = (x @ x.T).astype(np.float32)
    np.fill_diagonal(table, 2.0)

    def nodes(ids: list[int]) -> VectorNodes | SearchedNodes:
        images = np.array(list(ids), np.int64)
        return VectorNodes(images, x[images]) if kind == "vectors" else searched(images, table)

    kept = brought_up_to_date(None, nodes(before), 5)
    assert equal(brought_up_to_date(kept, nodes(after), 5), brought_up_to_date(None, nodes(after), 5))


def test_each_image_has_its_nearest_and_never_itself() -> None:
    x = vectors(30)
    x[7] = x[3]
    for found in (
        brought_up_to_date(None, VectorNodes(np.arange(30), x), 4),
        brought_up_to_date(None, searched(np.arange(30), (x @ x.T).astype(np.float32)), 4),
    ):
        similarities = x @ x.T
        np.fill_diagonal(similarities, -2.0)
        assert np.allclose(found.similarities, -np.sort(-similarities, axis=1)[:, :4], atol=1e-6)
        assert not (found.ids == np.arange(30)[:, None]).any()
        assert found.ids[3, 0] == 7
        assert found.ids[7, 0] == 3


def test_what_is_kept_comes_back_and_takes_the_place_of_what_was(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert read_neighbourhoods(StructureFolder(tmp_path / "nothing", "neighbours-")) is None
    lists = StructureFolder(tmp_path, "neighbours-")
    for n in (5, 8):
        found = brought_up_to_date(None, VectorNodes(np.arange(n), vectors(n)), 3)
        keep_neighbourhoods(lists, Neighbourhoods(found.images, found.ids, found.similarities, {"a": np.arange(n)}))
        again = read_neighbourhoods(lists)
        assert again is not None
        assert equal(again, found)
        assert again.prepared["a"].tolist() == list(range(n))
    assert len(list(tmp_path.iterdir())) == 1
    (next(tmp_path.iterdir()) / "ids.npy").unlink()
    assert read_neighbourhoods(lists) is None
    assert "`resight update` makes it anew" in caplog.text
    keep_neighbourhoods(lists, found)
    assert len(list(tmp_path.iterdir())) == 1


def test_of_very_many_vectors_neighbours_are_approximate_and_their_recall_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(linked, "EXACT", 1000)
    monkeypatch.setattr(approximate, "EXACT", 1000)
    exact = brought_up_to_date(None, VectorNodes(np.arange(1000), vectors(1000)), 5)
    assert not caplog.records
    found = brought_up_to_date(None, VectorNodes(np.arange(1001), vectors(1001)), 5)
    assert found.ids.shape == (1001, 5)
    assert (found.ids[:1000] == exact.ids).mean() > 0.5
    assert re.search(r"of the nearest of each, \d+\.\d % were found", caplog.text)


def test_most_gone_is_made_anew() -> None:
    x = vectors(40)
    kept = brought_up_to_date(None, VectorNodes(np.arange(20), x[:20]), 5)
    false = Neighbourhoods(kept.images, kept.ids, np.zeros_like(kept.similarities))
    left = np.array([1, 3, 5, 25], np.int64)
    assert brought_up_to_date(false, VectorNodes(left, x[left]), 5).similarities.any()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("photos"), PHOTOS)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("method", [VLAD, ASMK], ids=["vlad", "asmk"])
def test_an_index_by_diffusion_follows_its_photos(
    method: str, solver: str, folder: Path, recipes: Path, tmp_path: Path, unsynced: None
) -> None:
    text = method + DIFFUSION + SOLVERS[solver]
    index = index_by(recipes, text, tmp_path / f"linked-{solver}.resight")
    some = {name for name in PHOTOS if not name.startswith("05")}
    index.add(folder, only=some)
    index.add(folder)
    kept = read_neighbourhoods(shelf(index))
    assert kept is not None
    assert len(kept.images) == len(PHOTOS)
    assert bool(kept.prepared) == (solver != "conjugate-gradient")
    at_once = index_by(recipes, text, tmp_path / f"at-once-{solver}.resight")
    at_once.add(folder)
    right = 0
    for thing in range(6):
        query = PHOTOS[f"{thing:02d}-0.png"]
        found = index.search(query, k=len(PHOTOS))
        if method == VLAD:  # words weigh by how many images have them, which was otherwise in between
            assert names(found)[:6] == names(at_once.search(query, k=18))[:6]
        scores = [hit.score for hit in found.hits]
        assert scores == sorted(scores, reverse=True)
        assert len(found.hits) == len(PHOTOS)
        right += sum(name.startswith(f"{thing:02d}-") for name in names(found)[:3])
    assert right >= 16
    # Not followed by a removal, but by what is opened after it.
    index.remove(["00-1.png"])
    found = index.search(PHOTOS["00-0.png"], k=18)
    assert "00-1.png" not in names(found)
    assert len(found.hits) == len(PHOTOS) - 1
    index.compact()
    again = read_neighbourhoods(shelf(index))
    assert again is not None
    assert len(again.images) == len(PHOTOS) - 1
    assert names(index.search(PHOTOS["00-0.png"], k=3))[0] == "00-0.png"


@pytest.mark.parametrize("method", [BOW, BOW.replace("bow", "hamming"), ASMK], ids=["bow", "hamming", "asmk"])
def test_words_that_weigh_otherwise_than_before_diffuse(
    method: str, folder: Path, recipes: Path, tmp_path: Path, unsynced: None
) -> None:
    if "hamming" in method:
        method = method.replace('fit = "codebook.npz"', 'fit = "collection"')
    index = index_by(recipes, method + DIFFUSION + SOLVERS["conjugate-gradient"], tmp_path / "words.resight")
    index.add(folder)
    everything = len(index.search(PHOTOS["02-0.png"], k=18).hits)
    index.remove([f"0{thing}-1.png" for thing in (0, 1, 3, 4)])
    assert names(index.search(PHOTOS["02-0.png"], k=18))[0] == "02-0.png"
    index.add(folder, again=True)
    found = names(index.search(PHOTOS["02-0.png"], k=18))
    assert found[0] == "02-0.png"
    assert len(found) == everything


@pytest.mark.parametrize("solver", ["spectral", "hybrid"])
def test_what_was_prepared_when_photos_were_added_is_used(
    solver: str, folder: Path, recipes: Path, tmp_path: Path, unsynced: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = index_by(recipes, VLAD + DIFFUSION + SOLVERS[solver], tmp_path / "prepared.resight")
    index.add(folder)
    before = told(index.search(PHOTOS["02-0.png"], k=18))
    for fit in ("fit_spectrum", "fit_subspace"):
        monkeypatch.setattr(solving, fit, lambda *given: pytest.fail("it is there already"))
    assert told(Index.open(index.path).search(PHOTOS["02-0.png"], k=18)) == before


@pytest.mark.parametrize("damage", ["cut", "flipped", "gone", "sums"])
def test_damaged_neighbours_are_found_and_made_again(
    damage: str, folder: Path, recipes: Path, tmp_path: Path, unsynced: None
) -> None:
    index = index_by(recipes, VLAD + DIFFUSION, tmp_path / "damaged.resight")
    index.add(folder)
    before = told(index.search(PHOTOS["02-0.png"], k=18))
    (structure,) = (index.path / "search" / "main").iterdir()
    file = structure / ("sums.json" if damage == "sums" else "similarities.npy")
    content = file.read_bytes()
    match damage:
        case "cut":
            file.write_bytes(content[:-20])
        case "gone":
            file.unlink()
        case _:
            file.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    (problem,) = Index.check(index.path).problems
    assert problem.startswith(str(structure))
    if damage != "flipped":  # which only verify reads all bytes for
        assert told(Index.open(index.path).search(PHOTOS["02-0.png"], k=18)) == before
    Index.check(index.path, repair=True)
    assert Index.check(index.path).problems == []
    again = Index.open(index.path)
    assert told(again.search(PHOTOS["02-0.png"], k=18)) == before
    again.add(folder)
    assert read_neighbourhoods(shelf(index)) is not None


def test_neighbours_that_are_lost_are_made_again(folder: Path, recipes: Path, tmp_path: Path, unsynced: None) -> None:
    import shutil

    index = index_by(recipes, VLAD + DIFFUSION, tmp_path / "lost.resight")
    index.add(folder)
    before = told(index.search(PHOTOS["02-0.png"], k=18))
    shutil.rmtree(index.path / "search" / "main")
    index.refresh()
    assert told(index.search(PHOTOS["02-0.png"], k=18)) == before
    index.add(folder)
    assert read_neighbourhoods(shelf(index)) is not None
