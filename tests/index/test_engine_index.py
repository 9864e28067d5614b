"""An index that an engine searches: the same as one that is searched here, whatever is killed, and whatever is lost."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine_samples import Sqlite, a_table
from index_samples import collection, index_by, told, write
from resight.errors import EngineError, IndexLockedError, RecipeError
from resight.features.kinds import Sift
from resight.features.sift import detect
from resight.index.index import Index
from resight.learned.artefact import save
from resight.learned.passes import Terms
from resight.recipe import load_recipe
from resight.recipe.searching import SearchWish, with_search
from resight.search.engines.searching import EngineSearcher
from resight.store import Store
from resight.words.kinds import Hamming

from index_samples import texture  # isort: skip

VECTORS = 'name = "d"\n[descriptor]\nkind = "vlad"\nsize = 4\nfit = "few.npz"\n'
PHOTOS = collection(12, 2)
LATER = {f"later/{name}": pixels for name, pixels in collection(15, 2).items() if name >= "12"}
BLANK = {"blank.png": np.full((60, 80, 3), 9, np.uint8)}


@pytest.fixture(scope="module")
def few(recipes: Path) -> Path:
    """The folder of recipes with a codebook of four words, so that vectors are short."""
    sample = np.concatenate([detect(texture(seed), Sift()).descriptors for seed in range(900, 910)])
    (fitted,) = Hamming(size=4).passes
    save(recipes / "few.npz", fitted.fit(sample, Terms(0)), {"test": "codebook"})
    return recipes


def made_with(few: Path, folder: Path, address: str) -> Index:
    return index_by(few, VECTORS + f'[search]\nkind = "sqlite"\naddress = "{address}"\n', folder / "x.resight")


@pytest.fixture
def index(few: Path, tmp_path: Path, unsynced: None) -> Index:
    """An index with photos, and its table."""
    made = made_with(few, tmp_path, a_table(tmp_path))
    made.add(write(tmp_path / "photos", PHOTOS | BLANK))
    return made


def rows(index: Index) -> list[int]:
    """The ids of images that the table has."""
    base = sqlite3.connect(index.path.parent / "engine.sqlite")
    return [one for (one,) in base.execute("SELECT id FROM rows WHERE id >= 0 ORDER BY id")]


def images(index: Index) -> list[int]:
    """The ids of images that have a vector."""
    index.refresh()
    return index.collection.vector_view("main").vectors()[0].tolist()


def change(index: Index, statement: str) -> None:
    with sqlite3.connect(index.path.parent / "engine.sqlite") as base:
        base.execute(statement)


def test_an_index_by_an_engine_is_as_one_that_is_searched_here(
    index: Index, few: Path, tmp_path: Path, unsynced: None
) -> None:
    here = index_by(few, VECTORS + '[search]\nkind = "exact"\n', tmp_path / "here.resight")
    here.add(tmp_path / "photos")
    write(tmp_path / "photos", LATER)
    for change_of in (
        lambda one: None,
        lambda one: one.add(tmp_path / "photos"),
        lambda one: one.remove(["00-0.png", "later/13-1.png"]),
        lambda one: one.update(exclude="*-1.png"),
        lambda one: one.compact(),
    ):
        for one in (index, here):
            change_of(one)
        for photo in (PHOTOS["00-0.png"], PHOTOS["05-1.png"], LATER["later/13-0.png"]):
            assert told(index.search(photo, k=8)) == told(here.search(photo, k=8))
        assert isinstance(index.collection.vector_view("main").searcher, EngineSearcher)
    assert rows(index) == images(index)
    assert index.info().stale == {}
    assert index.verify().problems == []


def test_info_tells_what_waits_to_be_loaded_and_deleted_without_asking(index: Index, tmp_path: Path) -> None:
    (facts,) = index.info().search.values()
    assert (facts.kind, facts.images, facts.added, facts.removed) == ("sqlite", 24, 0, 0)
    assert index.info().stale == {}
    index.remove("03-0.png")
    (tmp_path / "engine.sqlite").rename(tmp_path / "gone")
    (facts,) = index.info().search.values()
    assert (facts.images, facts.added, facts.removed) == (23, 0, 1)
    assert list(index.info().stale.values()) == [1]
    (tmp_path / "gone").rename(tmp_path / "engine.sqlite")
    index.update()
    assert index.info().stale == {}
    assert rows(index) == images(index)


def test_without_its_engine_nothing_is_written_and_nothing_is_searched(
    index: Index, few: Path, tmp_path: Path, unsynced: None
) -> None:
    (tmp_path / "engine.sqlite").rename(tmp_path / "gone")
    with pytest.raises(EngineError, match="no such file"):
        made_with(few, tmp_path / "other", f"sqlite://{tmp_path}/engine.sqlite")
    assert not (tmp_path / "other" / "x.resight").exists()
    before = index.newest_generation()
    for asked in (
        lambda: index.search(PHOTOS["00-0.png"]),
        lambda: index.add(write(tmp_path / "photos", LATER)),
        lambda: index.update(),
        lambda: index.compact(),
    ):
        with pytest.raises(EngineError, match="no such file"):
            asked()
    assert index.newest_generation() == before
    assert [line for line in index.verify().problems if "no such file" in line]


def test_verify_tells_what_is_missing_too_much_or_other_and_repairs_it(index: Index) -> None:
    change(index, "DELETE FROM rows WHERE id IN (2, 3)")
    change(index, "UPDATE rows SET id = 900 WHERE id = 4")
    change(index, "UPDATE rows SET sum = 1 WHERE id = 5")
    known = index.collection.snapshot.images
    of = dict(zip(known.ids.tolist(), known.names, strict=True))
    missing, other, surplus = index.verify().problems
    assert f"missing there: {of[2]}, {of[3]}, {of[4]} (" in missing
    assert f"there with another vector: {of[5]} (" in other
    assert "not in the index: id 900" in surplus
    report = index.verify(repair=True)
    assert report.problems == []
    assert len(report.repaired) == 3
    assert rows(index) == images(index)
    assert index.verify().problems == []
    change(index, "DELETE FROM rows")
    assert index.verify(repair=True).problems == []
    assert rows(index) == images(index)


def test_an_index_that_is_written_to_is_not_called_damaged(index: Index) -> None:
    writer = Store.open(index.path, read_only=False)
    with writer.writing(), pytest.raises(IndexLockedError, match="is being written"):
        index.verify()
    assert index.verify().problems == []


def test_what_an_engine_lost_is_loaded_by_the_next_change(index: Index, tmp_path: Path) -> None:
    change(index, "DELETE FROM rows WHERE id < 8 AND id >= 0")
    index.add(write(tmp_path / "photos", LATER))
    assert rows(index) == images(index)
    change(index, "DELETE FROM rows")
    index.add(tmp_path / "photos")
    assert rows(index) == images(index)


def test_a_collection_of_another_index_is_left_alone(index: Index, few: Path, tmp_path: Path, unsynced: None) -> None:
    before = rows(index)
    other = made_with(few, tmp_path / "other", f"sqlite://{tmp_path}/engine.sqlite")
    with pytest.raises(EngineError, match="belongs to an index"):
        other.add(write(tmp_path / "photos of the other", LATER))
    assert rows(index) == before
    assert any("belongs to an index" in line for line in other.verify(repair=True).problems)
    change(index, "DELETE FROM rows WHERE id < 0")
    assert any("another program" in line for line in index.verify().problems)
    assert rows(index) == before


def test_what_the_index_knew_may_be_lost(index: Index, tmp_path: Path) -> None:
    shutil.rmtree(index.path / "search" / "main")
    index.refresh()
    assert list(index.info().stale.values()) == [len(index)]
    index.add(write(tmp_path / "photos", LATER))
    assert rows(index) == images(index)
    assert index.verify().problems == []


DYING = """
import os, signal, sys
sys.path.insert(0, sys.argv[4])
import engine_samples
from resight.index.index import Index
from resight.search.engines import loaded

step, count = int(sys.argv[2]), 0
loaded.SENT, loaded.SECONDS = 4 * 512 * 4, -1.0

def dying(at):
    def wrapped(*given):
        global count
        result = None if at is fsync else at(*given)
        count += 1
        if count == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return wrapped

fsync = os.fsync
os.fsync = dying(os.fsync)
engine_samples.Table.put = dying(engine_samples.Table.put)
engine_samples.Table.delete = dying(engine_samples.Table.delete)
Index.open(sys.argv[1]).add(sys.argv[3])
"""
"""Adds photos in small loads, and dies when the disk or the engine has been asked for the n-th time."""


@pytest.mark.parametrize("step", [6, 12, 14, 18, 25, 31])
def test_a_loader_that_is_killed_loses_nothing_and_loads_nothing_twice(index: Index, tmp_path: Path, step: int) -> None:
    write(tmp_path / "photos", LATER)
    tests = Path(__file__).parents[1]
    given = [index.path, str(step), tmp_path / "photos", tests]
    ran = subprocess.run([sys.executable, "-c", DYING, *given], check=False)
    assert ran.returncode in (0, -signal.SIGKILL)
    index.refresh()
    acknowledged = len(index)
    assert {hit.name for hit in index.search(PHOTOS["05-0.png"], k=100)} <= set(PHOTOS) | set(LATER)
    index.remove("01-0.png")
    index.add(tmp_path / "photos")
    assert len(index) == len(PHOTOS) + len(LATER) + 1 - 1 >= acknowledged - 1
    assert rows(index) == images(index)
    assert index.info().stale == {}
    assert index.verify().problems == []


def test_augmented_vectors_are_loaded_anew(few: Path, tmp_path: Path, unsynced: None) -> None:
    table = a_table(tmp_path)
    recipe = VECTORS + f'[search]\nkind = "sqlite"\naddress = "{table}"\n[augmentation]\nkind = "alpha"\n'
    index = index_by(few, recipe, tmp_path / "x.resight")
    index.add(write(tmp_path / "photos", PHOTOS))
    index.add(write(tmp_path / "photos", LATER))
    index.update()
    assert index.verify().problems == []
    assert rows(index) == images(index)


def test_a_person_names_the_collection_when_an_index_is_made(few: Path, tmp_path: Path) -> None:
    (tmp_path / "d.toml").write_text(VECTORS)
    text = with_search(VECTORS, "d", SearchWish("milvus://localhost:19530/photos"))
    assert text.endswith('[search]\nkind = "milvus"\naddress = "milvus://localhost:19530/photos"\n')
    two = with_search(
        'name = "t"\n'
        + "".join(f'[channel.a-{x}.descriptor]\nkind = "vlad"\nfit = "few.npz"\n' for x in "bc")
        + '[[rerank]]\nkind = "fusion"\n',
        "t",
        SearchWish("sqlite:///x"),
    )
    assert two.count('address = "sqlite:///x_a_') == 2
    for wrong in ("milvus://localhost/photos", "milvus://localhost:1/ph-otos", "milvus://u:p@h:1/x"):
        (few / "wrong.toml").write_text(with_search(VECTORS, "d", SearchWish("exact")).replace("exact", "milvus"))
        with pytest.raises(RecipeError, match="address"):
            load_recipe(few / "wrong.toml")
        (few / "wrong.toml").write_text(VECTORS + f'[search]\nkind = "milvus"\naddress = "{wrong}"\n')
        with pytest.raises(RecipeError, match="milvus://HOST:PORT/COLLECTION"):
            load_recipe(few / "wrong.toml")
    (few / "wrong.toml").write_text(
        'name = "w"\n[words]\nkind = "asmk"\nfit = "few.npz"\n[search]\nkind = "milvus"\naddress = "milvus://h:1/x"\n'
    )
    with pytest.raises(RecipeError, match="one vector an image"):
        load_recipe(few / "wrong.toml")
    assert Sqlite(address="sqlite:///x").derived == Sqlite(address="sqlite:///x").derived
