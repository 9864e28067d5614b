"""Approximate search in an index: made aside, followed by adds and removals, told by `info`, and crash-safe."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from index_samples import collection, index_by, names, texture, write
from resight.errors import RecipeError, UsageError
from resight.features.kinds import Sift
from resight.features.sift import detect
from resight.index.index import Index
from resight.learned.artefact import save
from resight.learned.passes import Terms
from resight.recipe import load_recipe
from resight.search.approximate import kept
from resight.search.approximate.searching import ApproximateSearch
from resight.search.dense import DenseSearch
from resight.search.kinds import Automatic
from resight.store.disk import TEMPORARY
from resight.words.kinds import Hamming

VECTORS = 'name = "d"\n[descriptor]\nkind = "vlad"\nsize = 4\nfit = "few.npz"\n'
PHOTOS = collection(20, 2)
LATER = {f"later/{name}": pixels for name, pixels in collection(24, 2).items() if name >= "20"}


@pytest.fixture(scope="module")
def few(recipes: Path) -> Path:
    """The folder of recipes with a codebook of four words, so that vectors are short."""
    sample = np.concatenate([detect(texture(seed), Sift()).descriptors for seed in range(900, 910)])
    (fitted,) = Hamming(size=4).passes
    save(recipes / "few.npz", fitted.fit(sample, Terms(0)), {"test": "codebook"})
    (recipes / "few.toml").write_text(VECTORS)
    return recipes


@pytest.fixture(scope="module")
def made(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos, and an index of them by an inverted file, whose structure has been made."""
    folder = tmp_path_factory.mktemp("made")
    index = index_by(few, VECTORS + '[search]\nkind = "ivf"\n', folder / "x.resight")
    index.add(write(folder / "photos", PHOTOS))
    assert index.info().stale == {"approximate search": 40}
    assert isinstance(index.collection.views["main"].searcher, DenseSearch)
    index.prepare_search()
    return folder


@pytest.fixture
def index(made: Path, tmp_path: Path) -> Index:
    shutil.copytree(made, tmp_path / "copy")
    return Index.open(tmp_path / "copy" / "x.resight")


def test_photos_are_found_before_and_after_a_structure_is_made_anew(index: Index) -> None:
    (facts,) = index.info().search.values()
    assert (facts.kind, facts.images, facts.added, facts.removed) == ("ivf", 40, 0, 0)
    assert facts.recall >= 0.98
    assert index.info().stale == {}
    assert isinstance(index.collection.views["main"].searcher, ApproximateSearch)
    index.add(write(index.path.parent / "more", LATER))
    (facts,) = index.info().search.values()
    assert (facts.images, facts.added) == (40, 8)
    assert names(index.search(LATER["later/21-0.png"], k=1, include_self=True)) == ["later/21-0.png"]
    index.remove("00-0.png")
    (facts,) = index.info().search.values()
    assert (facts.images, facts.added, facts.removed) == (40, 8, 1)
    assert names(index.search(PHOTOS["00-0.png"], k=1)) == ["00-1.png"]
    assert index.info().stale == {"approximate search": 9}
    index.update()
    assert index.info().stale == {"approximate search": 9}, "an update waits for no structure"
    index.compact()
    (facts,) = index.info().search.values()
    assert (facts.images, facts.added, facts.removed, index.info().stale) == (47, 0, 0, {})
    assert names(index.search(PHOTOS["00-0.png"], k=1)) == ["00-1.png"]
    assert index.verify().problems == []


def test_photos_without_evidence_are_no_change(index: Index) -> None:
    blank = {f"blank/{number}.png": np.full((60, 80, 3), 9 * number, np.uint8) for number in range(6)}
    index.add(write(index.path.parent / "more", blank))
    index.compact()
    (facts,) = index.info().search.values()
    assert (facts.images, facts.added, facts.removed) == (40, 0, 0)
    assert index.info().stale == {}


def test_others_write_while_a_structure_is_made(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()
    make = kept.make_cells

    def slowly(*arguments: object) -> object:
        begun.set()
        assert go_on.wait(60)
        return make(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(kept, "make_cells", slowly)
    index.add(write(index.path.parent / "more", LATER))
    other = Index.open(index.path)
    worker = threading.Thread(target=other.prepare_search)
    worker.start()
    assert begun.wait(60)
    index.remove(["00-0.png", "later/21-0.png"])
    go_on.set()
    worker.join()
    index.refresh()
    (facts,) = index.info().search.values()
    assert (facts.images, facts.added, facts.removed) == (48, 0, 2)
    assert "00-0.png" not in names(index.search(PHOTOS["00-0.png"], k=46))


DYING = """
import os, signal, sys
from resight.index.index import Index
from resight.search.approximate import kept

step, count = int(sys.argv[2]), 0

def dying(_):
    global count
    count += 1
    if count == step:
        os.kill(os.getpid(), signal.SIGKILL)

os.fsync = dying
kept.KeptApproximate.stale = lambda *_: 1
index = Index.open(sys.argv[1])
while True:
    index.prepare_search()
"""
"""Makes the structure anew until the disk has been asked to keep something for the n-th time, and dies there."""


@pytest.mark.parametrize("step", [1, 8, 20])
def test_a_kill_while_a_structure_is_made_loses_nothing(index: Index, step: int) -> None:
    index.add(write(index.path.parent / "more", LATER))
    ran = subprocess.run([sys.executable, "-c", DYING, index.path, str(step)], check=False)
    assert ran.returncode == -signal.SIGKILL
    again = Index.open(index.path)
    assert again.info().search
    assert len(again) == 48
    for photos in (PHOTOS, LATER):
        for name in list(photos)[:3]:
            assert names(again.search(photos[name], k=1, include_self=True)) == [name]
    assert again.verify().problems == []
    again.compact()
    assert [one.images for one in again.info().search.values()] == [48]
    assert not list(again.path.glob(f"search/*/{TEMPORARY}*"))


def test_a_damaged_structure_is_left_out_and_made_anew(index: Index) -> None:
    (codes,) = index.path.glob("search/main/approximate-*/codes.npy")
    data = bytearray(codes.read_bytes())
    data[-1] ^= 1
    codes.chmod(0o644)
    codes.write_bytes(data)
    index.refresh()
    assert isinstance(index.collection.views["main"].searcher, DenseSearch)
    assert index.info().stale == {"approximate search": 40}
    index.prepare_search()
    assert index.info().stale == {}
    assert index.verify().problems == []


def test_a_recipe_that_says_nothing_is_searched_exactly_while_photos_are_few(
    few: Path, tmp_path: Path, unsynced: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = index_by(few, VECTORS, tmp_path / "x.resight")
    assert index.recipe.channel["main"].search is None
    assert index.recipe.channel["main"].searched == Automatic()
    index.add(write(tmp_path / "photos", PHOTOS))
    index.compact()
    assert index.info().search == {}
    assert index.info().stale == {}
    monkeypatch.setattr(kept, "FAST", 0)
    monkeypatch.setattr("resight.search.approximate.plan.FAST", 0)
    assert index.info().stale == {"approximate search": 40}
    index.prepare_search()
    assert [one.kind for one in index.info().search.values()] == ["ivf"]


def test_a_person_says_how_an_index_is_searched(few: Path, tmp_path: Path, unsynced: None) -> None:
    recipe, path = few / "few.toml", tmp_path / "x.resight"
    index = Index.create(path, recipe, search="hnsw", memory=2)
    searched = index.recipe.channel["main"].searched
    assert (searched.kind, searched.memory) == ("hnsw", 2.0)  # type: ignore[attr-defined]
    index.add(write(tmp_path / "photos", PHOTOS))
    index.prepare_search()
    assert [one.kind for one in index.info().search.values()] == ["hnsw"]
    assert Index.open_or_create(path, recipe).recipe == index.recipe, "it goes on as it is"
    assert Index.open_or_create(path, recipe, search="hnsw", memory=2).recipe == index.recipe
    with pytest.raises(UsageError, match="leave search and memory out, or choose another path"):
        Index.open_or_create(path, recipe, search="ivf")
    with pytest.raises(RecipeError, match="no channel of asmk keeps one vector an image"):
        Index.create(tmp_path / "words.resight", few / "asmk.toml", search="ivf")
    with pytest.raises(RecipeError, match="ivff"):
        Index.create(tmp_path / "wrong.resight", recipe, search="ivff")


def test_a_wish_reaches_the_vectors_of_a_recipe_of_several_channels() -> None:
    from resight.recipe import SearchWish, parse_recipe, recipe_text, with_search

    text = with_search(recipe_text("default"), "default", SearchWish("ivf"))
    searched = {name: one.searched.kind for name, one in parse_recipe(text, "default").channel.items()}
    assert searched == {"words": "exact", "cnn": "ivf"}
    assert load_recipe("default").channel["cnn"].searched == Automatic()


def test_info_says_where_bytes_go(index: Index) -> None:
    info = index.info()
    assert sum(info.bytes_by_part.values()) == info.bytes
    assert {"main/vectors", "photos", "search/main/approximate", "fitted"} <= info.bytes_by_part.keys()
    vectors = sum(path.stat().st_size for path in index.path.glob("segments/*/main/vectors.npy"))
    assert info.bytes_by_part["main/vectors"] == vectors
    assert np.all(np.diff(list(info.bytes_by_part.values())) <= 0)
