"""The loss of a step: which of its images match, and what the training recipe makes of that."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from resight.training import losses
from resight.training.drawing import Step
from resight.training.kinds import (
    Contrastive,
    InfoNce,
    LossKind,
    MultiSimilarity,
    SmoothAp,
    Triplet,
    WeakTriplet,
)
from resight.training.material import Material


def loss_of(kind: LossKind, step: Step, vectors: Tensor, material: Material) -> Tensor:
    """Returns the loss of the L2-normalised descriptors (N, D) of a step's images, in their order."""
    match kind:
        case InfoNce():
            count = len(step.anchors)
            related = related_pairs(step, material).to(vectors.device)
            return losses.info_nce(vectors[:count], vectors[count : 2 * count], related, kind.temperature)
        case MultiSimilarity() | SmoothAp():
            same, different = (one.to(vectors.device) for one in matches(step, material))
            if isinstance(kind, SmoothAp):
                return losses.smooth_ap(vectors, same, different, kind.temperature)
            return losses.multi_similarity(vectors, same, different, kind.alpha, kind.beta, kind.base, kind.epsilon)
        case Contrastive() | Triplet():
            loss = losses.contrastive if isinstance(kind, Contrastive) else losses.triplet
            terms = [loss(torch.cat([a, p[:1], n])[None], kind.margin) for a, p, n in _tuples(step, vectors)]
            return torch.stack(terms).sum()
        case WeakTriplet():
            rows = [(a, p, n) for a, p, n in _tuples(step, vectors) if len(n)]
            terms = [losses.weak_triplet(a, p[None], n[None], kind.margin) for a, p, n in rows]
            return torch.stack(terms).sum() if terms else vectors.sum() * 0.0
        case _:
            raise AssertionError(f"{kind.kind} is no loss of descriptors")


def classification(scores: Tensor, step: Step, labels: Tensor) -> Tensor:
    """Returns the mean cross entropy of the class scores (N, classes) of a step's images; labels: (n,) of photos."""
    wanted = labels[[one.photo for one in step.images]].to(scores.device)
    return nn.functional.cross_entropy(scores, wanted)


def related_pairs(step: Step, material: Material) -> Tensor:
    """Returns (B, B) bool: anchor i and the pair j may show the same thing."""
    pairs = [
        {anchor.photo, *(one.photo for one in positives)}
        for anchor, positives in zip(step.anchors, step.positives, strict=True)
    ]
    return torch.tensor([[_may_match(one, other, material) for other in pairs] for one in pairs])


def matches(step: Step, material: Material) -> tuple[Tensor, Tensor]:
    """Returns (N, N) bool pairs of images that show the same, and pairs that do not; other pairs are neither."""
    images = step.images
    count = len(step.anchors)
    group = list(range(count))
    for number, positives in enumerate(step.positives):
        group += [number] * len(positives)
    for negatives in step.negatives:
        group += range(len(group), len(group) + len(negatives))
    numbers = torch.tensor(group)
    same = numbers[:, None] == numbers[None]
    may = torch.tensor([[_may_match({a.photo}, {b.photo}, material) for b in images] for a in images])
    return same, ~(same | may)


def distilled(vectors: Tensor, before: Tensor) -> Tensor:
    """Returns the mean squared change of the similarities among descriptors (N, D), whose dimensions may differ.

    Source: Park et al., "Relational knowledge distillation", CVPR 2019, section 3.1, with similarities for distances.
    """
    return nn.functional.mse_loss(vectors @ vectors.T, before @ before.T)


def _may_match(one: set[int], other: set[int], material: Material) -> bool:
    clusters = material.clusters
    return any(clusters[a] == clusters[b] or b in material.related[a] for a in one for b in other)


def _tuples(step: Step, vectors: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Returns anchor (1, D), positives (P, D) and negatives (N, D) of each tuple."""
    counts = [len(own) for own in (*step.positives, *step.negatives)]
    anchors, *others = torch.tensor_split(vectors, np.cumsum([len(step.anchors), *counts[:-1]]).tolist())
    half: Sequence[Tensor] = others[: len(step.anchors)]
    return list(zip(anchors[:, None], half, others[len(step.anchors) :], strict=True))
