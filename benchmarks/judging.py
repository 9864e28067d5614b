"""How long judging takes, against what numpy needs to sort as many scores.

    python benchmarks/judging.py [--queries 1000] [--images 100000] [--positives 60] [--junk 30] [--json]

Every query ranks all images by random scores. Judging is everything from a ranking to all figures of a query: of ids;
of names that are the same objects in every ranking, as an index gives them; of names that are new objects each time,
as they come from a file of somebody's run. The sides take turns on every query, on one thread, and the first query
does not count. The ratio is of the time for all queries to that of np.sort (np.argsort) on the float32 scores.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable

import numpy as np

from resight.evaluation.figures import figures
from resight.evaluation.metrics import positions, positions_of_ids


def measure(queries: int, images: int, positives: int, junk: int) -> dict[str, list[float]]:
    """Seconds of each side for each query; all ways of judging have to give the same figures."""
    rng = np.random.default_rng(0)
    names = [f"{image // 1000:03d}/photo_{image:07d}.jpg" for image in range(images)]
    seconds: dict[str, list[float]] = {}
    for query in range(queries + 1):
        scores = rng.random(images, np.float32)
        ids = np.argsort(-scores, kind="stable")
        marked = rng.choice(images, positives + junk, replace=False)
        wanted, ignored = marked[:positives], marked[positives:]
        ranked = [names[image] for image in ids]
        read = "\n".join(ranked).split("\n")
        wanted_names, ignored_names = ({names[image] for image in some} for some in (wanted, ignored))

        def judge_names(ranking: list[str], good: set[str] = wanted_names, bad: set[str] = ignored_names) -> object:
            return figures(positions(ranking, good, bad), positives, "trapezoid")

        sides: dict[str, Callable[[], object]] = {
            "sort": lambda scores=scores: np.sort(scores),
            "argsort": lambda scores=scores: np.argsort(scores),
            "ids": lambda a=ids, b=wanted, c=ignored: figures(positions_of_ids(a, b, c), positives, "trapezoid"),
            "names": lambda a=ranked, judge=judge_names: judge(a),
            "new_names": lambda a=read, judge=judge_names: judge(a),
        }
        given = {}
        for name, side in sides.items():
            start = time.perf_counter()
            given[name] = side()
            taken = time.perf_counter() - start
            if query:
                seconds.setdefault(name, []).append(taken)
        assert given["ids"] == given["names"] == given["new_names"], "the ways of judging differ"
    return seconds


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--positives", type=int, default=60)
    parser.add_argument("--junk", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    seconds = measure(options.queries, options.images, options.positives, options.junk)
    totals = {name: sum(taken) for name, taken in seconds.items()}
    rows = {
        name: {
            "median_ms": statistics.median(taken) * 1e3,
            "total_s": totals[name],
            "times_sort": totals[name] / totals["sort"],
            "times_argsort": totals[name] / totals["argsort"],
            "median_times_sort": statistics.median(a / b for a, b in zip(taken, seconds["sort"], strict=True)),
        }
        for name, taken in seconds.items()
    }
    if options.json:
        chosen = {name: value for name, value in vars(options).items() if name != "json"}
        print(json.dumps({"processor": platform.processor(), "numpy": np.__version__, **chosen, **rows}, indent=2))
        return
    print(
        f"{options.queries} queries, {options.images} images each, {options.positives} positives, {options.junk} junk"
    )
    print("             median ms   total s   times sort   times argsort   median of times sort")
    for name, row in rows.items():
        print(
            f"{name:12} {row['median_ms']:9.2f} {row['total_s']:9.2f} {row['times_sort']:12.2f}"
            f" {row['times_argsort']:15.2f} {row['median_times_sort']:22.2f}"
        )


if __name__ == "__main__":
    main()
