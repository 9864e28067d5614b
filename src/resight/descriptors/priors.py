"""Weights of the positions of a feature map that prefer its centre, float32 (H, W)."""

from __future__ import annotations

import numpy as np

from resight.arrays import Float32


def centre_prior(height: int, width: int, sigma: float | None = None) -> Float32:
    """SPoC's Gaussian around the centre, (H, W): exp(-d^2 / 2 sigma^2), d in positions.

    sigma: by default min(H, W) / 6, a third of the way from the centre to the nearest border.

    Source: Babenko & Lempitsky, ICCV 2015, section 3.2 (for Oxford; left out for Holidays).

    Notes: position i counts as i + 1/2, so that the prior is symmetric.
    """
    spread = min(height, width) / 6.0 if sigma is None else sigma
    y = np.arange(height) + 0.5 - height / 2.0
    x = np.arange(width) + 0.5 - width / 2.0
    return np.exp(-(y[:, None] ** 2 + x[None, :] ** 2) / (2.0 * spread**2)).astype(np.float32)


def centre_bias(height: int, width: int, bias: float) -> Float32:
    """1 + bias in the middle, falling linearly to 1 at the border, (H, W).

    A 4 x 4 map with `bias` in its central 2 x 2, enlarged bilinearly, corner on corner.

    Source: Gordo, Almazan, Revaud & Larlus, "End-to-end learning of deep visual representations for image retrieval",
    IJCV 2017, authors' later code.
    """
    y, x = (np.interp(np.linspace(0.0, 3.0, side), np.arange(4), [0.0, 1.0, 1.0, 0.0]) for side in (height, width))
    return (1.0 + bias * y[:, None] * x[None, :]).astype(np.float32)
