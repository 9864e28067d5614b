"""Losses of descriptors, as pure functions of torch tensors, differentiable and on any device.

Descriptors are L2-normalised rows. Distances between such rows are taken from differences and not from similarities,
which would lose half of the digits of a small distance. A loss without a term that counts is 0, with a gradient of 0.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_ALONE = 1e-12
"""Squared distance below which two descriptors are one: there the distance has no gradient."""


def contrastive(tuples: Tensor, margin: float) -> Tensor:
    """Contrastive loss of tuples (T, 2 + n, D): an anchor, its positive, n negatives; a scalar, the sum of all pairs.

    Half the squared distance of each positive, and half of (margin - distance)^2 of each negative that is nearer than
    the margin.

    Source: Radenovic, Tolias & Chum, "CNN image retrieval learns from BoW", ECCV 2016, section 4 on the loss; the sum
    over a batch as in their code.

    Notes: their code adds 1e-6 to each difference of two coordinates; this does not.
    """
    squared = _squared_distances(tuples[:, :1], tuples[:, 1:])
    short = (margin - _root(squared[:, 1:])).clamp(min=0)
    return 0.5 * squared[:, 0].sum() + 0.5 * (short**2).sum()


def triplet(tuples: Tensor, margin: float) -> Tensor:
    """Triplet loss of tuples (T, 2 + n, D): an anchor, its positive, n negatives; a scalar, the sum of all triplets.

    max(0, margin + d^2(anchor, positive) - d^2(anchor, negative)) with squared distances d^2.

    Source: Gordo et al., "Deep image retrieval: learning global representations for image search", ECCV 2016,
    section 3, which has half of it; the sum as in the code of Radenovic, Tolias & Chum, TPAMI 2019.
    """
    squared = _squared_distances(tuples[:, :1], tuples[:, 1:])
    return (margin + squared[:, :1] - squared[:, 1:]).clamp(min=0).sum()


def weak_triplet(
    anchors: Tensor, positives: Tensor, negatives: Tensor, margin: float, positive_mask: Tensor | None = None
) -> Tensor:
    """NetVLAD's weakly supervised ranking loss; a scalar, the sum of all anchors and negatives.

    anchors: (T, D); positives: (T, P, D), of which the nearest to the anchor alone counts; negatives: (T, N, D).
    positive_mask: (T, P), True for those that there are; an anchor without any adds nothing. Distances are squared.

    Source: Arandjelovic et al., "NetVLAD: CNN architecture for weakly supervised place recognition", CVPR 2016,
    equation 7.
    """
    near = _squared_distances(anchors[:, None], positives)
    far = _squared_distances(anchors[:, None], negatives)
    if positive_mask is not None:
        near = near.masked_fill(~positive_mask, torch.inf)
        some = positive_mask.any(dim=1)
        # Left out before the minimum: the gradient of infinity times zero is not a number.
        near, far = near[some], far[some]
    return (margin + near.amin(dim=1, keepdim=True) - far).clamp(min=0).sum()


def info_nce(anchors: Tensor, positives: Tensor, related: Tensor, temperature: float) -> Tensor:
    """InfoNCE of a batch of pairs, in both directions; a scalar, the mean of the 2 B cross-entropies.

    anchors, positives: (B, D), row i of one shows the same as row i of the other; all other rows are its negatives.
    related: (B, B) bool, pairs that may show the same thing: they are left out; its diagonal is ignored.

    Source: van den Oord, Li & Vinyals, "Representation learning with contrastive predictive coding", 2018, equation 4;
    in both directions as in Radford et al., "Learning transferable visual models from natural language supervision",
    ICML 2021, figure 3.
    """
    logits = anchors @ positives.T / temperature
    own = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
    target = torch.arange(len(logits), device=logits.device)
    forth = logits.masked_fill(related & ~own, -torch.inf)
    back = logits.T.masked_fill(related.T & ~own, -torch.inf)
    return 0.5 * (functional.cross_entropy(forth, target) + functional.cross_entropy(back, target))


def multi_similarity(
    x: Tensor,
    same: Tensor,
    different: Tensor,
    alpha: float = 2.0,
    beta: float = 50.0,
    base: float = 0.5,
    margin: float = 0.1,
) -> Tensor:
    """Multi-similarity loss of descriptors (N, D); a scalar, the mean over all of them.

    same, different: (N, N) bool, pairs that are positive and negative; a pair that is neither does not count, nor does
    the diagonal. A negative counts that is more similar than the least similar positive less the margin; a positive
    that is less similar than the most similar negative and the margin. alpha, beta: weights of positives and negatives;
    base: the similarity that parts them.

    Source: Wang et al., "Multi-similarity loss with general pair weighting for deep metric learning", CVPR 2019,
    equations 11, 12 and 15, with the constants of section 5.

    Notes: a descriptor without positives, or without negatives, has no pair that counts and adds 0.
    """
    similarity = x @ x.T
    own = torch.eye(len(x), dtype=torch.bool, device=x.device)
    same, different = same & ~own, different & ~own
    fixed = similarity.detach()
    hardest_positive = fixed.masked_fill(~same, torch.inf).amin(dim=1, keepdim=True)
    hardest_negative = fixed.masked_fill(~different, -torch.inf).amax(dim=1, keepdim=True)
    # Without positives the least is infinite, and without negatives the greatest: nothing passes then.
    negatives = different & (fixed > hardest_positive - margin)
    positives = same & (fixed < hardest_negative + margin)
    pulled = _log_of_one_and_sum(-alpha * (similarity - base), positives) / alpha
    pushed = _log_of_one_and_sum(beta * (similarity - base), negatives) / beta
    return (pulled + pushed).mean()


def smooth_ap(x: Tensor, same: Tensor, different: Tensor, temperature: float = 0.01) -> Tensor:
    """One minus a smooth average precision of descriptors (N, D), each the query to all others; a scalar.

    same, different: (N, N) bool as in `multi_similarity`; the mean is over those with a positive, and without any the
    loss is 0. The rank of a positive among the positives, and among all, counts sigmoids of differences of similarity
    divided by the temperature.

    Source: Brown et al., "Smooth-AP: smoothing the path towards large-scale image retrieval", ECCV 2020, section 4.

    Notes: the mean of the precision at each positive, not the trapezoids of `evaluation`. Takes memory of N^3.
    """
    similarity = x @ x.T
    own = torch.eye(len(x), dtype=torch.bool, device=x.device)
    same, different = same & ~own, different & ~own
    # above[i, j, k]: how far k is above j in the ranking of i.
    above = torch.sigmoid((similarity[:, None, :] - similarity[:, :, None]) / temperature)
    others = same[:, None, :] & ~own[None]
    among_positives = 1 + (above * others).sum(dim=2)
    among_all = among_positives + (above * different[:, None, :]).sum(dim=2)
    count = same.sum(dim=1)
    precision = (among_positives / among_all * same).sum(dim=1) / count.clamp(min=1)
    counted = count > 0
    return ((1 - precision) * counted).sum() / counted.sum().clamp(min=1)


def second_order(anchors: Tensor, positives: Tensor) -> Tensor:
    """Second-order similarity of pairs (B, D): distances among anchors and among their positives; a scalar.

    The mean over anchors of the root of the summed squares of d^2(anchor i, anchor j) - d^2(positive i, positive j),
    with squared distances d^2.

    Source: Ng et al., "SOLAR: second-order loss and attention for image retrieval", ECCV 2020, section 3; after Tian et
    al., "SOSNet: second order similarity regularization for local descriptor learning", CVPR 2019, section 3.

    Notes: over all pairs of the batch, while SOSNet has distances that are not squared, among nearest neighbours alone.
    """
    of_anchors = _squared_distances(anchors[:, None], anchors[None])
    of_positives = _squared_distances(positives[:, None], positives[None])
    return _root(((of_anchors - of_positives) ** 2).sum(dim=1)).sum() / max(1, len(anchors))


def _squared_distances(x: Tensor, y: Tensor) -> Tensor:
    return ((x - y) ** 2).sum(dim=-1)


def _root(squared: Tensor) -> Tensor:
    """Square root whose gradient is 0, and not infinite, at 0."""
    apart = squared > _ALONE
    return torch.where(apart, torch.where(apart, squared, 1.0).sqrt(), 0.0)


def _log_of_one_and_sum(exponents: Tensor, counted: Tensor) -> Tensor:
    """Log of 1 + the sum of exp over what counts, of each row (N, N)."""
    kept = exponents.masked_fill(~counted, -torch.inf)
    return torch.cat([torch.zeros_like(kept[:, :1]), kept], dim=1).logsumexp(dim=1)
