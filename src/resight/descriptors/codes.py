"""Descriptors from the fully connected layers of a network: neural codes and MOP-CNN. Arrays in and out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from resight.arrays import Float32, Floating
from resight.descriptors.vlad import vlad
from resight.errors import UsageError
from resight.learned.assignment import Assigner


def neural_codes(activations: Floating) -> Float32:
    """L2-normalised activations (n, d) of a fully connected layer, such as AlexNet's fc6; rows of zeros stay.

    Source: Babenko, Slesarev, Chigorin & Lempitsky, "Neural codes for image retrieval", ECCV 2014, section 3; there
    PCA to 128 dimensions and L2 follow.
    """
    x = np.asarray(activations, np.float64)
    norms = np.linalg.norm(x, axis=1, keepdims=True)
    return np.asarray(np.divide(x, norms, out=np.zeros_like(x), where=norms > 0), np.float32)


def mop(levels: Sequence[Float32], codebooks: Sequence[Assigner]) -> Float32:
    """Multi-scale orderless pooling of one image: its own activations and a VLAD of those of each finer level.

    levels: activations (1, d) of the whole image, then (m, d) of the patches of each finer level, reduced by PCA as the
    codebook of that level needs. codebooks: one for each finer level. Each part is L2-normalised; they are concatenated
    and L2-normalised. UsageError: another number of codebooks, or of activations of the whole image.

    Source: Gong, Wang, Guo & Lazebnik, "Multi-scale orderless pooling of deep convolutional activation features", ECCV
    2014, section 3 (patches of 128 and 64 of 256 pixels every 32, 100 words, PCA to 500 before); there PCA with
    whitening to 2048 dimensions follows.
    """
    if not levels or len(codebooks) != len(levels) - 1:
        raise UsageError(f"{len(levels)} levels need {max(len(levels) - 1, 0)} codebooks, not {len(codebooks)}")
    if len(levels[0]) != 1:
        raise UsageError(f"the first level is the whole image, one row, not {len(levels[0])}")
    parts = [neural_codes(levels[0])[0]]
    for x, assigner in zip(levels[1:], codebooks, strict=True):
        words = assigner.assign(np.ascontiguousarray(x, np.float32))[0][:, 0]
        parts.append(vlad(x, words, assigner.centroids, normalisation="l2"))
    return np.asarray(neural_codes(np.concatenate(parts)[None])[0], np.float32)
