"""Fast spatial matching against OpenCV's USAC_MAGSAC homography: pairs a second, pairs found, and what noise gives.

python benchmarks/verification.py [--pairs N] [--noise-pairs N] [--usac-threshold PX] [--json FILE]

Pairs are synthetic: a similarity, an affine map or a mild homography in turn between photos of 1000 x 750 pixels;
inliers are off by 1 pixel in either image, by 10 % in scale and by 4 degrees, outliers are uniform. A pair is found
when 80 % of its true inliers are returned and there are enough of them: more than any pair of the same size without
true inliers gave that method. Both sides see the same pairs in turn, on one thread; times are medians, in one process.
USAC_MAGSAC runs with OpenCV's defaults (2000 iterations, confidence 0.995); 10 pixels serve it best here, 4 are usual.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from resight.rerank.geometry import Correspondences, project
from resight.rerank.hypotheses import Gates, Hypothesis
from resight.rerank.refinement import fast_spatial_match
from resight.rerank.significance import chance, least_inliers

Array = NDArray[Any]
Inliers = NDArray[np.bool_]
Method = Callable[[Correspondences], Inliers | None]

SIZE = (1000, 750)
TOLERANCE = 10.0
KINDS = ("similarity", "affine", "homography")
SIZES = (100, 300, 1000)
FRACTIONS = (0.3, 0.1, 0.05)


def transform_of(kind: str, rng: np.random.Generator) -> Array:
    """A random transform of the given kind that keeps the middle of the photo near the middle."""

    def rotation(angle: float) -> Array:
        return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])

    linear = np.exp(rng.uniform(-0.7, 0.7)) * rotation(rng.uniform(-np.pi, np.pi))
    if kind != "similarity":
        tilt, axis = np.exp(rng.uniform(0, 0.47)), rotation(rng.uniform(-np.pi, np.pi))
        linear = linear @ axis.T @ np.diag([tilt**0.5, tilt**-0.5]) @ axis
    centre = np.array(SIZE) / 2
    transform = np.eye(3)
    transform[:2, :2], transform[:2, 2] = linear, centre + rng.normal(0, 60, 2) - linear @ centre
    if kind == "homography":
        bend = np.eye(3)
        bend[2, :2] = rng.normal(0, 2.5e-4, 2)
        to_centre = np.eye(3)
        to_centre[:2, 2] = -centre
        transform = transform @ np.linalg.inv(to_centre) @ bend @ to_centre
    return transform


def pair(n: int, fraction: float, kind: str, seed: int) -> tuple[Correspondences, Inliers]:
    """N correspondences and which of them are true."""
    rng = np.random.default_rng([n, round(1000 * fraction), seed])
    count = round(n * fraction)
    query, image = rng.uniform(0, SIZE, (n, 2)), rng.uniform(0, SIZE, (n, 2))
    scale, image_scale = np.exp(rng.normal(1.0, 0.6, (2, n)))
    angle, image_angle = rng.uniform(-np.pi, np.pi, (2, n))
    inside: Array = np.zeros(0, np.intp)
    while len(inside) < count:
        transform = transform_of(kind, rng)
        candidates = rng.uniform(0, SIZE, (20 * n, 2))
        mapped = project(transform, candidates)
        front = candidates @ transform[2, :2] + 1 > 0.3
        inside = np.flatnonzero(front & (mapped >= 0).all(axis=1) & (mapped < SIZE).all(axis=1))[:count]
    if count:
        q, p, step = candidates[inside], mapped[inside], 1e-3
        along = (project(transform, q + np.array([step, 0])) - p) / step
        across = (project(transform, q + np.array([0, step])) - p) / step
        area = along[:, 0] * across[:, 1] - along[:, 1] * across[:, 0]
        turned = along * np.cos(angle[:count, None]) + across * np.sin(angle[:count, None])
        query[:count], image[:count] = q + rng.normal(0, 1, (count, 2)), p + rng.normal(0, 1, (count, 2))
        image_scale[:count] = scale[:count] * np.sqrt(area) * np.exp(rng.normal(0, 0.1, count))
        image_angle[:count] = np.arctan2(turned[:, 1], turned[:, 0]) + rng.normal(0, np.radians(4), count)
    order = rng.permutation(n)
    columns = (query, scale, angle, image, image_scale, image_angle, np.ones(n))
    return Correspondences(*(column[order].astype(np.float32) for column in columns)), order < count


def clustered(n: int, seed: int) -> Correspondences:
    """N correspondences without any truth, crowded as real keypoints are: half in five patches, most turns small."""
    rng = np.random.default_rng([n, seed, 99])

    def crowded() -> Array:
        centres = rng.uniform([100, 100], [900, 650], (5, 2))[rng.integers(0, 5, n)]
        return np.where(rng.random((n, 1)) < 0.5, centres + rng.normal(0, 50, (n, 2)), rng.uniform(0, SIZE, (n, 2)))

    angle = rng.uniform(-np.pi, np.pi, n)
    turn = np.where(rng.random(n) < 0.7, rng.normal(0, 0.3, n), rng.uniform(-np.pi, np.pi, n))
    scale = np.exp(rng.normal(1.0, 0.6, n))
    columns = (crowded(), scale, angle, crowded(), scale * np.exp(rng.normal(0, 0.5, n)), angle + turn, np.ones(n))
    return Correspondences(*(column.astype(np.float32) for column in columns))


def spatial(hypothesis: Hypothesis) -> Method:
    def run(given: Correspondences) -> Inliers | None:
        match = fast_spatial_match(given, TOLERANCE, TOLERANCE, hypothesis)
        return None if match is None else match.inliers

    return run


def magsac(threshold: float) -> Method:
    """OpenCV alone, without our counting one to one: this is what it costs at least."""

    def run(given: Correspondences) -> Inliers | None:
        h, mask = cv2.findHomography(given.query_xy, given.image_xy, cv2.USAC_MAGSAC, threshold)
        return None if h is None else np.asarray(mask).ravel().astype(np.bool_)

    return run


def count(inliers: Inliers | None) -> int:
    return 0 if inliers is None else int(inliers.sum())


def compare(n: int, fraction: float, pairs: int, least: dict[str, int], usac: Method) -> dict[str, Any]:
    """Times and pairs found of both methods, which take turns on the same pairs."""
    methods: dict[str, Method] = {"fast_spatial": spatial("similarity"), "usac_magsac": usac}
    times: dict[str, list[float]] = {name: [] for name in methods}
    found: dict[str, list[bool]] = {name: [] for name in methods}
    for seed in range(pairs):
        given, true = pair(n, fraction, KINDS[seed % 3], seed)
        for name, method in methods.items():
            start = time.perf_counter()
            inliers = method(given)
            times[name].append(time.perf_counter() - start)
            hits = 0 if inliers is None else int((inliers & true).sum())
            found[name].append(hits >= 0.8 * true.sum() and count(inliers) >= least[name])
    row: dict[str, Any] = {"n": n, "inlier_fraction": fraction}
    for name in methods:
        row[f"{name}_ms"] = 1e3 * float(np.median(times[name]))
        row[f"{name}_found"] = float(np.mean(found[name]))
        for i, kind in enumerate(KINDS):
            row[f"{name}_found_{kind}"] = float(np.mean(found[name][i::3]))
    row["times_usac"] = row["usac_magsac_ms"] / row["fast_spatial_ms"]
    return row


def noise(n: int, pairs: int, usac: Method) -> dict[str, Any]:
    """How many inliers pairs without truth give: the largest, and the share of pairs with at least 4."""
    row: dict[str, Any] = {"n": n, "pairs": pairs}
    sources: dict[str, Callable[[int], Correspondences]] = {
        "uniform": lambda seed: pair(n, 0.0, "similarity", seed)[0],
        "clustered": lambda seed: clustered(n, seed),
    }
    for source, make in sources.items():
        runs = {"similarity": spatial("similarity"), "translation_scale": spatial("translation_scale"), "usac": usac}
        counts = {name: np.array([count(run(make(seed))) for seed in range(pairs)]) for name, run in runs.items()}
        for name, values in counts.items():
            row[f"{source}_{name}"] = {
                "largest": int(values.max()),
                "median": float(np.median(values)),
                "share_from_4": float((values >= 4).mean()),
                "share_from_6": float((values >= 6).mean()),
            }
    for name, gates in (("similarity", Gates()), ("translation_scale", Gates(angle=np.pi))):
        row[f"least_inliers_{name}"] = least_inliers(n, chance(SIZE, TOLERANCE, gates))
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=90, help="pairs for each number and share of inliers")
    parser.add_argument("--noise-pairs", type=int, default=200, help="pairs without true inliers")
    parser.add_argument("--usac-threshold", type=float, default=10.0, help="pixels")
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    usac = magsac(arguments.usac_threshold)
    spatial("similarity")(pair(100, 0.3, "homography", 0)[0])  # compiles

    nothing = [noise(n, arguments.noise_pairs, usac) for n in SIZES]
    print("pairs without true inliers: largest count (share with 4 or more, with 6 or more)")
    for row in nothing:
        for source in ("uniform", "clustered"):
            by_method = [
                f"{name} {cell['largest']} ({cell['share_from_4']:.2f}, {cell['share_from_6']:.2f})"
                for name in ("similarity", "translation_scale", "usac")
                for cell in [row[f"{source}_{name}"]]
            ]
            print(f"  n={row['n']:<5} {source:<10} " + "   ".join(by_method))
        print(f"          least_inliers {row['least_inliers_similarity']}, {row['least_inliers_translation_scale']}")

    rows = []
    print("n      inliers  fast spatial        USAC_MAGSAC         ratio")
    for row, n in zip(nothing, SIZES, strict=True):
        # The same rule for both: one more than noise of this kind ever gave it, and 4 at least.
        least = {
            "fast_spatial": max(4, row["uniform_similarity"]["largest"] + 1),
            "usac_magsac": max(4, row["uniform_usac"]["largest"] + 1),
        }
        for fraction in FRACTIONS:
            rows.append(compare(n, fraction, arguments.pairs, least, usac))
            cells = "  ".join(
                f"{rows[-1][f'{name}_ms']:6.3f} ms {100 * rows[-1][f'{name}_found']:5.1f} %"
                for name in ("fast_spatial", "usac_magsac")
            )
            print(f"{n:<6} {100 * fraction:5.0f} %  {cells}   {rows[-1]['times_usac']:.1f}")
    if arguments.json:
        machine: dict[str, Any] = {
            "machine": platform.processor() or platform.machine(),
            "python": platform.python_version(),
        }
        result = {
            **machine,
            "opencv": cv2.__version__,
            "usac_threshold": arguments.usac_threshold,
            "pairs": rows,
            "noise": nothing,
        }
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
