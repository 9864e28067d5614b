"""Fisher vectors of a Gaussian mixture with diagonal covariances.

Perronnin, Sanchez & Mensink, "Improving the Fisher kernel for large-scale image classification", ECCV 2010;
Sanchez, Perronnin, Mensink & Verbeek, "Image classification with the Fisher vector", IJCV 2013.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

Gradient = Literal["weights", "means", "sigmas"]
Floats = NDArray[np.floating[Any]]


def posteriors(x: Floats, weights: Floats, means: Floats, variances: Floats) -> NDArray[np.float64]:
    """Probability of each Gaussian given each descriptor, (m, components). IJCV 2013, eq. 15.

    x: (m, d), weights: (components,), means and variances: (components, d).
    """
    precisions = 1.0 / np.asarray(variances, np.float64)
    x, means = np.asarray(x, np.float64), np.asarray(means, np.float64)
    distances = x**2 @ precisions.T - 2.0 * x @ (means * precisions).T + (means**2 * precisions).sum(axis=1)
    logs = np.log(weights) + 0.5 * (np.log(precisions).sum(axis=1) - distances)
    normalised: NDArray[np.float64] = np.exp(logs - logsumexp(logs, axis=1, keepdims=True))
    return normalised


def fisher_gradients(
    x: Floats, weights: Floats, means: Floats, variances: Floats
) -> dict[Gradient, NDArray[np.float64]]:
    """Normalised gradients of the mean log-likelihood: weights (components,), means and sigmas (components, d).

    x: (m, d), m > 0; weights: (components,), means and variances: (components, d). IJCV 2013, eq. 16 to 18, over m.
    """
    q = posteriors(x, weights, means, variances)
    sigmas, roots = np.sqrt(np.asarray(variances, np.float64)), np.sqrt(np.asarray(weights, np.float64))[:, None]
    mass, first, second = q.sum(axis=0)[:, None], q.T @ x, q.T @ np.asarray(x, np.float64) ** 2
    squares = (second - 2.0 * means * first + mass * np.asarray(means, np.float64) ** 2) / variances
    return {
        "weights": ((mass - len(x) * np.asarray(weights)[:, None]) / (len(x) * roots))[:, 0],
        "means": (first - mass * means) / (sigmas * len(x) * roots),
        "sigmas": (squares - mass) / (len(x) * roots * np.sqrt(2.0)),
    }


def fisher_vector(
    x: Floats,
    weights: Floats,
    means: Floats,
    variances: Floats,
    *,
    gradients: Sequence[Gradient] = ("means",),
    power: float = 0.5,
) -> NDArray[np.float32]:
    """L2-normalised Fisher vector of one image, float32: the chosen gradients in the order given, each row by row.

    x: (m, d), weights: (components,), means and variances: (components, d). Zeros where m = 0. power: exponent of
    sign(v) |v|^power before the L2 norm (ECCV 2010, sections 3.1 and 3.2).
    """
    if len(x) == 0:
        return np.zeros(sum(len(weights) if name == "weights" else means.size for name in gradients), np.float32)
    parts = fisher_gradients(x, weights, means, variances)
    vector = np.concatenate([parts[name].ravel() for name in gradients])
    vector = np.sign(vector) * np.abs(vector) ** power
    norm = np.linalg.norm(vector)
    return np.asarray(vector / norm if norm > 0 else vector, np.float32)
