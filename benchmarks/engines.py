"""An index that Milvus searches, beside the same index searched here: the same top 10, and what kills lose.

    python benchmarks/engines.py [--photos FOLDER] [--vectors 2000] [--queries 200] [--loader-kills 20]
        [--server-kills 5] [--index flat|hnsw] [--json]

A server is started in a private network namespace (`unshare`), where it and this program see nobody else: the test
server of Milvus listens on every address. Needs Linux, and the packages pymilvus and milvus (2.3.5, a server in a
package). What is loaded are the vectors of an index by `fast` of --photos, or drawn ones
(`benchmarks/drawn_vectors.py`) where no folder is given: 512 numbers each.

- same: share of queries whose 10 first images are those of exact search here, in its order; scores are compared too.
- loader kills: a process loads all vectors into an empty collection and is killed after 1, 2, ... parts were sent, at a
  random moment; then another goes on. Nothing that was acknowledged may be missing, no row twice.
- server kills: the same, and the server is killed, and started again.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from drawn_vectors import drawn_vectors

from resight.errors import EngineError
from resight.search.dense import DenseSearch
from resight.search.derived import Site
from resight.search.engines import loaded
from resight.search.engines.loaded import KeptLoaded
from resight.search.engines.milvus import Milvus
from resight.search.engines.rows import FIRST, LAST, compared, expected, listed, owner_of
from resight.search.engines.searching import EngineSearcher
from resight.search.vectors import VectorBlock, VectorRows
from resight.store.structures import StructureFolder

INSIDE = "RESIGHT_IN_A_NAMESPACE"
PORT = 19530
CONTEXT = multiprocessing.get_context("forkserver")
PARTS = 20
"""Parts in which all vectors are sent."""


class Rows:
    """The channel of a collection, as far as loading asks for it."""

    def __init__(self, live: VectorRows) -> None:
        self.live = live


def kept(folder: Path, rows: VectorRows, collection: str, index: str) -> KeptLoaded:
    """Returns what is known of a collection that is to have some rows."""
    site = Site(StructureFolder(folder, "engine-"), frozenset(), lambda: rows.images, lambda: Rows(rows))
    return KeptLoaded(site, Milvus(address=f"milvus://127.0.0.1:{PORT}/{collection}", index=index))


class Server:
    """A server of Milvus in a folder, that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        from milvus import MilvusServer

        if not self.folder.exists():
            # Unpacks the program, and writes its settings; it starts it on another port where this one was just used.
            server = MilvusServer(data_dir=str(self.folder), wait_for_started=False)
            server.listen_port = PORT
            server.start()
            self.process, server.server_proc = server.server_proc, None
            return
        environment = {
            **os.environ,
            "DEPLOY_MODE": "STANDALONE",
            "METRICS_PORT": "9091",
            "MILVUS_RUN_DIR": str(self.folder / "run"),
            "LD_LIBRARY_PATH": str(self.folder / "bin"),
        }
        program = [str(self.folder / "bin" / "milvus"), "run", "standalone"]
        with (self.folder / "logs" / "again.log").open("ab") as log:
            self.process = subprocess.Popen(program, cwd=self.folder, env=environment, stdout=log, stderr=log)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextmanager
def served(folder: Path) -> Iterator[Server]:
    server = Server(folder)
    server.start()
    try:
        await_answer(Milvus(address=f"milvus://127.0.0.1:{PORT}/first"))
        yield server
    finally:
        server.kill()


def await_answer(params: Milvus) -> None:
    """Waits until a server that was started again answers what is asked of the collection."""
    until = time.monotonic() + 300
    while True:
        try:
            engine = params.connected()
            engine.prepare(512)
            engine.count(FIRST, LAST)
            return engine.close()
        except EngineError:
            if time.monotonic() > until:
                raise
            time.sleep(1)


def same_top(rows: VectorRows, one: KeptLoaded, queries: np.ndarray) -> dict[str, Any]:
    """Compares the first 10 of queries with those of exact search here."""
    by_engine, exact = EngineSearcher(rows, one.search, one.read(rows.images)), DenseSearch(rows)
    counts = dict.fromkeys(("queries", "same top 10", "same score"), 0)
    milliseconds = []
    for query in queries:
        began = time.perf_counter()
        found = by_engine.search(query, 10)
        milliseconds.append(1000 * (time.perf_counter() - began))
        wanted = exact.search(query, 10)
        counts["queries"] += 1
        counts["same top 10"] += found.ids.tolist() == wanted.ids.tolist()
        counts["same score"] += np.array_equal(found.scores, wanted.scores)
    return {**counts, "median ms": round(float(np.median(milliseconds)), 1)}


def faults(rows: VectorRows, one: KeptLoaded) -> list[str]:
    """Returns what is wrong with a collection that has been loaded to its end."""
    engine = one.search.connected()
    count = engine.count(FIRST, LAST)
    found = compared(listed(engine, int(rows.images.max())), expected(rows))
    engine.close()
    wrong = [f"{count} rows of {len(rows)}"] if count != len(rows) else []
    names = ("missing", "surplus", "changed")
    return wrong + [f"{len(ids)} {name}" for name in names if len(ids := getattr(found, name))]


def lost(rows: VectorRows, one: KeptLoaded) -> list[str]:
    """Returns what of the rows that were acknowledged, as was written down, is not there after a kill."""
    known = one.read(rows.images)
    if known is None or not len(known.ids):
        return []
    engine = one.search.connected()
    found = compared(listed(engine, int(rows.images.max())), expected(rows))
    wrong = [] if owner_of(engine) == known.owner else ["the owner is lost"]
    engine.close()
    gone = np.intersect1d(known.ids, np.union1d(found.missing, found.changed))
    return wrong + ([f"{len(gone)} of {len(known.ids)} acknowledged rows are lost"] if len(gone) else [])


def load(one: KeptLoaded, rows: VectorRows, told: Connection | None = None) -> None:
    """Loads in PARTS parts, each written down at once; a message is sent to `told` after each."""
    loaded.SENT, loaded.SECONDS = max(1, len(rows) // PARTS) * 4 * rows.dimension, -1.0

    def progress(done: int, total: int) -> None:
        if told is not None:
            told.send_bytes(b"1")

    one.build(progress, None)


def load_elsewhere(folder: str, address: str, vectors: str, told: Connection) -> None:
    """Loads in a process of its own, which is to be killed."""
    rows = rows_of(np.load(vectors, mmap_mode="r"))
    load(kept(Path(folder), rows, address.rpartition("/")[2], "flat"), rows, told)


def killed(one: KeptLoaded, rows: VectorRows, parts: int, moment: float, server: Server | None) -> bool:
    """Loads in another process, kills it or the server after so many parts and seconds; tells if it was loading."""
    reading, told = CONTEXT.Pipe(duplex=False)
    given = str(one.site.shelf.folder), one.search.address, os.environ["RESIGHT_ROWS"], told
    child = CONTEXT.Process(target=load_elsewhere, args=given)
    child.start()
    told.close()
    for _ in range(parts):
        try:
            reading.recv_bytes()
        except EOFError:
            break
    time.sleep(moment)
    going = child.is_alive()
    if server is None:
        child.kill()
    else:
        server.kill()
    child.join()
    if server is not None:
        going = going and child.exitcode != 0
        server.start()
        await_answer(one.search)
    return going


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--vectors", type=int, default=2000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--loader-kills", type=int, default=20)
    parser.add_argument("--server-kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0, help="of the moments of kills")
    parser.add_argument("--index", default="flat", choices=("flat", "hnsw"))
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if INSIDE not in os.environ:
        inside = ["unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", sys.executable, __file__]
        os.execvpe("unshare", [*inside, *sys.argv[1:]], {**os.environ, INSIDE: "1"})
    CONTEXT.set_forkserver_preload(["pymilvus", "resight.search.dense"])
    draw = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as temporary, served(Path(temporary) / "server") as server:
        vectors, queries = vectors_of(given, Path(temporary))
        rows = rows_of(vectors)
        os.environ["RESIGHT_ROWS"] = str(Path(temporary) / "rows.npy")
        np.save(os.environ["RESIGHT_ROWS"], vectors)
        whole = kept(Path(temporary) / "whole", rows, "whole", given.index)
        began = time.perf_counter()
        load(whole, rows)
        result: dict[str, Any] = {"vectors": len(rows), "index": given.index}
        result["loaded in s"] = round(time.perf_counter() - began, 1)
        result.update(same_top(rows, whole, queries), wrong=faults(rows, whole))
        print(json.dumps(result), file=sys.stderr, flush=True)
        for what, kills in (("loader", given.loader_kills), ("server", given.server_kills)):
            wrong: list[str] = []
            hits = 0
            for kill in range(kills):
                one = kept(Path(temporary) / f"{what}{kill}", rows, f"{what}{kill}", "flat")
                parts = draw.randrange(PARTS)
                hits += killed(one, rows, parts, draw.uniform(0, 0.3), server if what == "server" else None)
                wrong += lost(rows, one)
                load(one, rows)
                wrong += faults(rows, one)
                print(what, kill, parts, wrong, file=sys.stderr, flush=True)
            result[f"{what} kills"] = {"kills": kills, "while it was loading": hits, "wrong": wrong}
    print(json.dumps(result) if given.json else result)


def vectors_of(given: argparse.Namespace, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Returns vectors (n, d) to be loaded, and queries (q, d)."""
    if given.photos is None:
        both = np.concatenate([*drawn_vectors(given.vectors + given.queries)])
        return both[: given.vectors], both[given.vectors :]
    from resight import Index

    index = Index.create(folder / "photos.resight", "fast", search="exact")
    index.add(given.photos)
    vectors = index.collection.vector_view("main").vectors()[1]
    return vectors, vectors[:: max(1, len(vectors) // given.queries)][: given.queries]


def rows_of(vectors: np.ndarray) -> VectorRows:
    """Returns vectors as the images of an index."""
    return VectorRows(
        [VectorBlock(vectors, np.arange(len(vectors)), np.ones(len(vectors), np.bool_))], vectors.shape[1]
    )


if __name__ == "__main__":
    main()
