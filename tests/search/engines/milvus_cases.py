"""Tests by a real server of Milvus: run by `test_milvus.py` in a private network namespace, never where others can see.

RESIGHT_SERVER says which: "milvus" is the server 2.3.5 of the package milvus, "milvus-lite" that of milvus-lite.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from index_samples import collection, index_by, told, write
from resight.arrays import Vectors
from resight.errors import EngineError
from resight.features.kinds import Sift
from resight.features.sift import detect
from resight.index.index import Index
from resight.learned.artefact import save
from resight.learned.passes import Terms
from resight.search.dense import DenseSearch
from resight.search.engines.loaded import Loaded
from resight.search.engines.milvus import Milvus, MilvusCollection
from resight.search.engines.rows import FIRST, LAST, claim, listed, owner_of, sums_of
from resight.search.engines.searching import EngineSearcher
from resight.search.vectors import VectorBlock, VectorRows
from resight.words.kinds import Hamming

from index_samples import texture  # isort: skip

PORT = 19530
DIMENSION = 24
VECTORS = 'name = "d"\n[descriptor]\nkind = "vlad"\nsize = 4\nfit = "few.npz"\n'
PHOTOS = collection(8, 2)
LATER = {f"later/{name}": pixels for name, pixels in collection(10, 2).items() if name >= "08"}


class Server:
    """A server that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.lite = folder, os.environ["RESIGHT_SERVER"] == "milvus-lite"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if self.lite:
            given = ["--data-dir", str(self.folder), "--port", str(PORT), "--host", "127.0.0.1"]
            self.process = subprocess.Popen([sys.executable, "-m", "milvus_lite", "server", *given])
        else:
            self.start_milvus()
        until = time.monotonic() + 200
        while True:
            try:
                engine = at("warm").connected()
                engine.count(FIRST, LAST)
                return engine.close()
            except EngineError:
                assert time.monotonic() < until, "the server does not answer"
                time.sleep(0.3)

    def start_milvus(self) -> None:
        from milvus import MilvusServer

        if not (self.folder / "bin").exists():
            # Unpacks the program, and writes its settings; it starts it on another port where this one was just used.
            server = MilvusServer(data_dir=str(self.folder), wait_for_started=False)
            server.listen_port = PORT
            server.start()
            self.process, server.server_proc = server.server_proc, None
            return
        settings = {"DEPLOY_MODE": "STANDALONE", "METRICS_PORT": "9091", "MILVUS_RUN_DIR": str(self.folder / "run")}
        environment = {**os.environ, **settings, "LD_LIBRARY_PATH": str(self.folder / "bin")}
        program = [str(self.folder / "bin" / "milvus"), "run", "standalone"]
        with (self.folder / "logs" / "again.log").open("ab") as log:
            self.process = subprocess.Popen(program, cwd=self.folder, env=environment, stdout=log, stderr=log)

    def kill(self) -> None:
        assert self.process is not None
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()


def at(name: str) -> Milvus:
    return Milvus(address=f"milvus://127.0.0.1:{PORT}/{name}")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    one = Server(tmp_path_factory.mktemp("server"))
    one.start()
    yield one
    one.kill()


@pytest.fixture
def engine(server: Server, request: pytest.FixtureRequest) -> Iterator[MilvusCollection]:
    one = at(f"c_{request.node.name[:200]}").connected()
    yield one
    one.close()


def drawn(count: int, seed: int = 0) -> Vectors:
    return np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)


def test_rows_are_there_once_however_often_they_are_put(engine: MilvusCollection) -> None:
    assert (owner_of(engine), engine.count(FIRST, LAST)) == (None, 0)
    engine.prepare(DIMENSION)
    vectors, ids = drawn(200), np.arange(200) * 3
    claim(engine, (1 << 62) - 1, DIMENSION)
    for _ in range(2):
        engine.put(ids, sums_of(vectors), vectors)
    assert owner_of(engine) == (1 << 62) - 1
    there = listed(engine, int(ids.max()))
    np.testing.assert_array_equal(there[0], ids)
    np.testing.assert_array_equal(there[1], sums_of(vectors))
    engine.delete(np.array([0, 3, 12345]))
    engine.put(ids[5:6], np.array([-9]), vectors[:1])
    assert engine.count(FIRST, LAST) == 198
    assert engine.sums(int(ids[5]), int(ids[5]) + 1)[1].tolist() == [-9]
    (nearest,) = engine.search(vectors[:1], 1)
    assert nearest.tolist() == [15]
    with pytest.raises(EngineError, match="25 dimensions"):
        engine.prepare(DIMENSION + 1)


def test_the_first_ten_are_those_of_exact_search(engine: MilvusCollection) -> None:
    vectors = drawn(300)
    alive = np.arange(300) % 9 > 0
    rows = VectorRows([VectorBlock(vectors, np.arange(300), alive)], DIMENSION)
    engine.prepare(DIMENSION)
    claim(engine, 7, DIMENSION)
    loaded = np.arange(280)
    engine.put(loaded, sums_of(vectors[:280]), vectors[:280])
    by_engine = EngineSearcher(rows, engine._params, Loaded(7, loaded, loaded, np.empty(0, np.int64)))
    queries = drawn(100, 1)
    for query, found in zip(queries, by_engine.search_many(queries, 10), strict=True):
        wanted = DenseSearch(rows).search(query, 10)
        np.testing.assert_array_equal(found.ids, wanted.ids)
        np.testing.assert_array_equal(found.scores, wanted.scores)


def test_an_index_is_as_one_that_is_searched_here(
    server: Server, recipes: Path, tmp_path: Path, unsynced: None
) -> None:
    sample = np.concatenate([detect(texture(seed), Sift()).descriptors for seed in range(900, 910)])
    (fitted,) = Hamming(size=4).passes
    save(recipes / "few.npz", fitted.fit(sample, Terms(0)), {"test": "codebook"})
    address = at("photos").address
    index = index_by(recipes, VECTORS + f'[search]\nkind = "milvus"\naddress = "{address}"\n', tmp_path / "x.resight")
    here = index_by(recipes, VECTORS, tmp_path / "here.resight")
    for one in (index, here):
        one.add(write(tmp_path / "photos", PHOTOS))
        one.remove("00-0.png")
        one.add(write(tmp_path / "photos", LATER))
    for photo in (PHOTOS["00-0.png"], PHOTOS["05-1.png"], LATER["later/08-0.png"]):
        assert told(index.search(photo, k=8)) == told(here.search(photo, k=8))
    assert index.verify().problems == []
    client = at("photos").connected()
    client.delete(np.array([5, 6]))
    client.put(np.array([77]), np.array([1]), np.ones((1, 512), np.float32))
    problems = index.verify().problems
    assert ["missing there" in problems[0], "not in the index: id 77" in problems[1]] == [True, True]
    assert index.verify(repair=True).problems == []
    assert index.verify().problems == []
    client._client.drop_collection("photos")
    with pytest.raises(EngineError, match="verify --repair"):
        Index.open(index.path).search(PHOTOS["05-1.png"])
    index.add(tmp_path / "photos")
    assert told(index.search(PHOTOS["05-1.png"], k=8)) == told(here.search(PHOTOS["05-1.png"], k=8))
    client.close()


def test_what_was_acknowledged_outlives_the_server(server: Server, engine: MilvusCollection) -> None:
    vectors = drawn(200)
    engine.prepare(DIMENSION)
    engine.put(np.arange(200), sums_of(vectors), vectors)
    server.kill()
    began = time.monotonic()
    with pytest.raises(EngineError, match="see that the server runs"):
        engine.search(vectors[:1], 3)
    with pytest.raises(EngineError, match="see that the server runs"):
        engine._params.connected()
    assert time.monotonic() - began < 60
    server.start()
    again = engine._params.connected()
    again.prepare(DIMENSION)
    np.testing.assert_array_equal(listed(again, 199)[1], sums_of(vectors))
    assert [ids.tolist() for ids in again.search(vectors[:1], 1)] == [[0]]
    again.close()
