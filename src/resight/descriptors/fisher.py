"""Fisher vectors of a Gaussian mixture with diagonal covariances.

Perronnin, Sanchez & Mensink, "Improving the Fisher kernel for large-scale image classification", ECCV 2010;
Sanchez, Perronnin, Mensink & Verbeek, "Image classification with the Fisher vector", IJCV 2013.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from resight.arrays import Float32, Float64, Floating
from resight.learned.mixture import Mixture, posteriors

Gradient = Literal["weights", "means", "sigmas"]


def fisher_gradients(x: Floating, mixture: Mixture) -> dict[Gradient, Float64]:
    """Normalised gradients of the mean log-likelihood: weights (components,), means and sigmas (components, d).

    x: (m, d), m > 0. IJCV 2013, eq. 16 to 18, over m.
    """
    points = np.asarray(x, np.float64)
    weights, means, variances = mixture.weights, mixture.means, mixture.variances
    q, roots = posteriors(points, mixture), np.sqrt(weights)[:, None]
    mass, first, second = q.sum(axis=0)[:, None], q.T @ points, q.T @ points**2
    squares = (second - 2.0 * means * first + mass * means**2) / variances
    return {
        "weights": ((mass - len(x) * weights[:, None]) / (len(x) * roots))[:, 0],
        "means": (first - mass * means) / (np.sqrt(variances) * len(x) * roots),
        "sigmas": (squares - mass) / (len(x) * roots * np.sqrt(2.0)),
    }


def fisher_vector(
    x: Floating,
    mixture: Mixture,
    *,
    gradients: Sequence[Gradient] = ("means",),
    power: float = 0.5,
) -> Float32:
    """L2-normalised Fisher vector of one image, float32: the chosen gradients in the order given, each row by row.

    x: (m, d). Zeros where m = 0. power: exponent of sign(v) |v|^power before the L2 norm (ECCV 2010, sections 3.1 and
    3.2).
    """
    if len(x) == 0:
        sizes = (len(mixture.weights) if name == "weights" else mixture.means.size for name in gradients)
        return np.zeros(sum(sizes), np.float32)
    parts = fisher_gradients(x, mixture)
    vector = np.concatenate([parts[name].ravel() for name in gradients])
    vector = np.sign(vector) * np.abs(vector) ** power
    norm = np.linalg.norm(vector)
    return np.asarray(vector / norm if norm > 0 else vector, np.float32)
