"""Vectors drawn so that their neighbours are as near as those of real photos, in any number: for benchmarks of search.

Photos are things of kinds of a few families: a vector is the sum of its own part, and of those of its thing (4 photos
on average), its kind (30) and its family (a sixth of all), each as long as that thing, kind or family happens to be
strong. All are normal, with variances that fall off as the square of rank^-0.2, and the sum has unit length.

The seven numbers were fitted to the vectors of `resight index --recipe fast` on 1,343 photos (covers of films, produce,
rooms, drawings), the first half of their dimensions: similarities to the neighbours of ranks 1, 3, 10, 30, 100 and 300
at the quantiles 10, 25, 50, 75 and 90 % differ by 0.015 on average and 0.06 at most; local intrinsic dimension of 100
neighbours: 57 drawn, 48 real. More photos are more things and kinds, not more photos of each.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

FALL = 0.204
"""Exponent of the standard deviation by rank of the dimension."""
LEVELS = ((4.0, 0.682, 0.520), (30.0, 0.454, 0.469), (1 / 6, 0.263, 0.415))
"""Photos of each group on a level, or its share of all; strength and its spread as a logarithm."""
PART = 16_384


def drawn_vectors(count: int, dimension: int = 512, seed: int = 0) -> Iterator[NDArray[np.float32]]:
    """Yields (m, d) vectors of unit length, `count` in all; the same for the same arguments."""
    rng = np.random.default_rng(seed)
    scale = np.arange(1, dimension + 1, dtype=np.float32) ** np.float32(-FALL)
    scale /= np.linalg.norm(scale)
    groups = []
    for size, strength, spread in LEVELS:
        number = max(1, round(count / size if size >= 1 else 1 / size))
        lengths = strength * np.exp(spread * rng.standard_normal(number))
        centres = rng.standard_normal((number, dimension), dtype=np.float32) * scale
        groups.append((centres * lengths.astype(np.float32)[:, None]).astype(np.float16))
    for start in range(0, count, PART):
        here = min(PART, count - start)
        vectors = rng.standard_normal((here, dimension), dtype=np.float32) * scale
        for centres in groups:
            vectors += centres[rng.integers(0, len(centres), here)]
        yield vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
