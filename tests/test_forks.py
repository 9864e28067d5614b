"""A process that has searched and then forks: the child answers, adds and opens anew, or fails at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from index_samples import collection, index_by, write
from resight.forks import WorkerPool
from resight.index.index import Index

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

ASKED_AND_FORKED = textwrap.dedent("""
    import json, multiprocessing, sys, warnings
    from pathlib import Path
    from resight.index.index import Index

    warnings.simplefilter("ignore")
    path, query, more = map(Path, sys.argv[1:])
    index = Index.open(path)

    def asked(index):
        return [hit.name for hit in index.search(query, k=3, include_self=True).hits]

    def child(pipe):
        pipe.send(["searches", asked(index)])
        pipe.send(["opens anew", asked(Index.open(path))])
        pipe.send(["adds", index.add(more, prefix="more/").added])

    known = asked(index)
    context = multiprocessing.get_context("fork")
    mine, its = context.Pipe()
    forked = context.Process(target=child, args=(its,))
    forked.start()
    its.close()
    said = [["knows", known]]
    while len(said) < 4 and mine.poll(90):
        said.append(mine.recv())
    forked.kill()
    print(json.dumps(said))
""")
NETWORK = """
name = "network"
[features]
kind = "maps"
network = "resnet18"
layer = "layer2"
runtime = "torch"
[features.checkpoint]
source = "random"
[descriptor]
kind = "mac"
"""


def program(source: str, *arguments: object) -> Any:
    """What a program prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", source, *map(str, arguments)], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("method", ["verified", "bow", "hamming", "vlad", "match", "network"])
def test_a_forked_process_searches_and_adds(method: str, recipes: Path, tmp_path: Path) -> None:
    photos, more = write(tmp_path / "photos", collection(3)), write(tmp_path / "more", collection(1))
    path = tmp_path / "it.resight"
    index = (
        index_by(tmp_path, NETWORK, tmp_path / "network.resight")
        if method == "network"
        else Index.create(path, recipes / f"{method}.toml")
    )
    index.add(photos)
    said = program(ASKED_AND_FORKED, index.path, photos / "01-0.png", more)
    known = said[0][1]
    assert known[0] == "01-0.png"
    assert said[1:] == [["searches", known], ["opens anew", known], ["adds", 2]]


def test_a_library_that_no_forked_process_can_use_is_refused_at_once() -> None:
    said = program(
        textwrap.dedent("""
            import json, os
            from resight.errors import ResightError
            from resight.forks import check_not_forked

            check_not_forked("OpenVINO")
            check_not_forked("OpenVINO")
            read, write = os.pipe()
            if not os.fork():
                try:
                    check_not_forked("OpenVINO")
                except ResightError as error:
                    os.write(write, str(error).encode())
                check_not_forked("another, first used here")
                os._exit(0)
            status = os.wait()[1]
            print(json.dumps([status, os.read(read, 1000).decode()]))
        """)
    )
    assert said[0] == 0
    assert said[1].startswith("OpenVINO was used before this process was forked")
    assert "spawn" in said[1]


def test_a_pool_is_kept_in_its_process() -> None:
    pool = WorkerPool(1)
    assert pool.executor is pool.executor
    assert pool.executor.submit(lambda: 7).result() == 7
