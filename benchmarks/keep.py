"""Runs a benchmark and keeps what it prints as JSON, with the commit, the machine and the versions that made it.

python benchmarks/keep.py opening -- --rows 1000000

writes benchmarks/results/opening.json and prints what the benchmark prints. A figure in the docs names the file.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from resight.cores import cores
from resight.files import write_whole
from resight.versions import versions

HERE = Path(__file__).resolve().parent
LIBRARIES = (
    "resight",
    "numpy",
    "scipy",
    "opencv-contrib-python-headless",
    "faiss-cpu",
    "numba",
    "torch",
    "onnxruntime",
    "openvino",
)


def processor() -> str:
    """Returns the processor's name, or what Python says of it where /proc has none."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def commit() -> str:
    """Returns the commit of the code, with "+" where files were changed since."""
    git = ["git", "-C", str(HERE)]
    name = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    changed = subprocess.run([*git, "status", "--porcelain", "--untracked-files=no"], capture_output=True, text=True)
    return name + ("+" if changed.stdout.strip() else "")


def provenance(benchmark: str, arguments: Sequence[str]) -> dict[str, Any]:
    """Returns what made the figures of a benchmark: its arguments, the commit, the machine and the versions."""
    return {
        "benchmark": benchmark,
        # Folders of photos are called by their name: where they lie says nothing to others.
        "arguments": [Path(one).name if os.sep in one else one for one in arguments],
        "commit": commit(),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {"processor": processor(), "cores": cores(), "load before": round(os.getloadavg()[0], 1)},
        "versions": {"python": platform.python_version(), **versions(LIBRARIES)},
    }


def write_results(name: str, document: Mapping[str, Any]) -> None:
    """Writes figures and what made them into the folder of results."""
    place = HERE / "results" / f"{name}.json"
    place.parent.mkdir(exist_ok=True)
    write_whole(place, json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", help="a benchmark of this folder, without .py")
    parser.add_argument("--as", dest="kept", help="name of the file of results; that of the benchmark unless given")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="after --: arguments of the benchmark")
    given = parser.parse_args()
    script = HERE / f"{given.name}.py"
    if not script.is_file():
        parser.error(f"there is no benchmark {given.name}: {', '.join(sorted(p.stem for p in HERE.glob('*.py')))}")
    arguments = [one for one in given.arguments if one != "--"]
    made, began = provenance(given.name, arguments), time.perf_counter()
    done = subprocess.run([sys.executable, str(script), *arguments], stdout=subprocess.PIPE, text=True)
    print(done.stdout, end="")
    if done.returncode != 0:
        return done.returncode
    try:
        printed = json.loads(done.stdout)
    except ValueError:
        printed = done.stdout.splitlines()
    write_results(
        given.kept or given.name, {**made, "seconds": round(time.perf_counter() - began, 1), "printed": printed}
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
