"""NetVLAD: a VLAD with soft assignment, all of it learned.

Arandjelovic, Gronat, Torii, Pajdla & Sivic, "NetVLAD: CNN architecture for weakly supervised place recognition", CVPR
2016, section 3.1.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from resight.arrays import Floating
from resight.descriptors.pooling import l2_normalise
from resight.errors import UsageError

SHARPNESS = 100.0
"""How much more the nearest word of a typical descriptor weighs than the second nearest, at the start of training."""


class NetVLAD(nn.Module):
    """(B, C, H, W) maps to L2-normalised (B, clusters * C) vectors, word after word.

    `centroids` are the anchors c_k; `conv`, a 1 x 1 convolution, gives the logits w_k x + b_k of the assignment. These
    names are those of the published checkpoints; theirs without `conv.bias` were trained with `bias=False`.
    """

    def __init__(self, clusters: int, dimensions: int, bias: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(dimensions, clusters, kernel_size=1, bias=bias)
        self.centroids = nn.Parameter(torch.zeros(clusters, dimensions))

    def forward(self, maps: Tensor) -> Tensor:
        """Positions are L2-normalised and softly assigned, residuals summed; L2 of each word's block, then of all."""
        if maps.shape[1] != self.centroids.shape[1]:
            raise UsageError(f"NetVLAD was made for {self.centroids.shape[1]} channels, the map has {maps.shape[1]}")
        x = nn.functional.normalize(maps, dim=1)
        assignment = self.conv(x).flatten(2).softmax(dim=1)
        return netvlad(x.flatten(2), assignment, self.centroids)

    def start_from(self, centroids: Floating, alpha: float) -> None:
        """Makes the layer a VLAD of `centroids` (clusters, C), assigned by softmax of -alpha |x - c_k|^2, eq. 3."""
        anchors = torch.from_numpy(np.asarray(centroids, np.float32))
        if anchors.shape != self.centroids.shape:
            raise UsageError(f"{tuple(anchors.shape)} centroids do not suit {tuple(self.centroids.shape)}")
        with torch.no_grad():
            self.centroids.copy_(anchors)
            self.conv.weight.copy_(2.0 * alpha * anchors[:, :, None, None])
            if self.conv.bias is not None:
                self.conv.bias.copy_(-alpha * (anchors**2).sum(dim=1))


def netvlad(x: Tensor, assignment: Tensor, centroids: Tensor) -> Tensor:
    """L2-normalised (B, K * C) sums of residuals, L2-normalised word by word. Eq. 4.

    x: (B, C, m) local descriptors; assignment: (B, K, m), how far each belongs to each word; centroids: (K, C).

    Notes: the sum is taken apart into one of descriptors and one of weights, so that no residual is ever stored.
    """
    sums = assignment @ x.transpose(1, 2) - assignment.sum(dim=2)[:, :, None] * centroids
    vectors: Tensor = l2_normalise(l2_normalise(sums).flatten(1))
    return vectors


def starting_alpha(x: Floating, centroids: Floating) -> float:
    """Returns the alpha with which `start_from` makes assignments sharp.

    On average the nearest word weighs `SHARPNESS` times the second nearest.

    x: (n, d) L2-normalised local descriptors; centroids: (k, d), k > 1. UsageError: fewer words, or all equally far.

    Source: section 3.1 asks for a large alpha; this choice is that of the authors' code.
    """
    if len(centroids) < 2:
        raise UsageError(f"NetVLAD needs at least 2 words, not {len(centroids)}")
    rows, words = np.asarray(x, np.float64), np.asarray(centroids, np.float64)
    distances = (words**2).sum(axis=1) - 2.0 * rows @ words.T
    nearest = np.partition(distances, 1, axis=1)
    gap = float((nearest[:, 1] - nearest[:, 0]).mean())
    if not gap > 0:
        raise UsageError("all descriptors are equally far from two words; fit the codebook on other photos")
    return float(np.log(SHARPNESS) / gap)
