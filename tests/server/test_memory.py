"""Memory of photos goes back to the system when they are let go."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import numpy, os, threading
from resight.server.memory import give_back_memory
told = give_back_memory()

def held():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20

def work():
    for size in (30, 20, 10, 5):
        blocks = [numpy.ones(size << 20, numpy.uint8) for _ in range(3)]
        small.append(bytes(1000))
small, before = [], held()
threads = [threading.Thread(target=work) for _ in range(12)]
for one in threads: one.start()
for one in threads: one.join()
print(told, held() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what the system holds is read from /proc")
def test_large_blocks_of_many_threads_are_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    told, left = done.stdout.split()
    if told == "False":
        pytest.skip("the C library is not glibc")
    assert int(left) < 60, "MiB; of 12 threads with 90 MiB each"
