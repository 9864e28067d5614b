"""Losses: each is what a naive loop computes, its gradient is that of finite differences, and others agree."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402

from resight.training.losses import (  # noqa: E402
    contrastive,
    info_nce,
    multi_similarity,
    second_order,
    smooth_ap,
    triplet,
    weak_triplet,
)


def rows(*shape: int, seed: int = 0) -> Tensor:
    """Unit rows in float64 that lie near each other, so that margins are met and missed."""
    x = torch.from_numpy(np.random.default_rng(seed).standard_normal(shape)) + 0.7
    return x / x.norm(dim=-1, keepdim=True)


def masks(n: int = 9, classes: int = 3) -> tuple[Tensor, Tensor]:
    """Pairs of the same class, and pairs of different ones but for two that are neither; one row is alone."""
    labels = np.arange(n) % classes
    labels[-1] = classes
    same = labels[:, None] == labels[None]
    different = ~same
    different[0, 1] = different[1, 0] = False
    return torch.from_numpy(same), torch.from_numpy(different)


def squared(a: Tensor, b: Tensor) -> float:
    return sum((float(x) - float(y)) ** 2 for x, y in zip(a, b, strict=True))


def dot(a: Tensor, b: Tensor) -> float:
    return sum(float(x) * float(y) for x, y in zip(a, b, strict=True))


def test_contrastive_is_the_sum_over_pairs():
    tuples = rows(4, 5, 6)
    expected = 0.0
    for anchor, positive, *negatives in tuples:
        expected += squared(anchor, positive) / 2
        for negative in negatives:
            expected += max(0.0, 0.8 - math.sqrt(squared(anchor, negative))) ** 2 / 2
    assert float(contrastive(tuples, 0.8)) == pytest.approx(expected, rel=1e-12)


def test_triplet_is_the_sum_over_negatives():
    tuples = rows(4, 5, 6)
    expected = sum(
        max(0.0, 0.1 + squared(anchor, positive) - squared(anchor, negative))
        for anchor, positive, *negatives in tuples
        for negative in negatives
    )
    assert float(triplet(tuples, 0.1)) == pytest.approx(expected, rel=1e-12)


def test_weak_triplet_takes_the_nearest_positive_that_there_is():
    anchors, positives, negatives = rows(4, 6), rows(4, 3, 6, seed=1), rows(4, 5, 6, seed=2)
    given = torch.tensor([[True, True, False], [False, False, False], [True, True, True], [False, True, False]])
    expected = 0.0
    for t in range(4):
        near = [squared(anchors[t], positives[t, i]) for i in range(3) if given[t, i]]
        if near:
            expected += sum(max(0.0, 0.1 + min(near) - squared(anchors[t], n)) for n in negatives[t])
    assert float(weak_triplet(anchors, positives, negatives, 0.1, given)) == pytest.approx(expected, rel=1e-12)
    everything = torch.ones_like(given)
    assert float(weak_triplet(anchors, positives, negatives, 0.1)) == float(
        weak_triplet(anchors, positives, negatives, 0.1, everything)
    )


def test_weak_triplet_without_any_positive_is_zero_with_a_gradient_of_zero():
    anchors = rows(2, 6).requires_grad_()
    loss = weak_triplet(anchors, rows(2, 3, 6, seed=1), rows(2, 4, 6, seed=2), 0.1, torch.zeros(2, 3, dtype=torch.bool))
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert not anchors.grad.any()


def test_info_nce_leaves_related_pairs_out_of_both_directions():
    anchors, positives = rows(5, 6), rows(5, 6, seed=1)
    related = torch.zeros(5, 5, dtype=torch.bool)
    related[0, 2] = related[3, 1] = related[4, 4] = True
    terms = []
    for i in range(5):
        own = math.exp(dot(anchors[i], positives[i]) / 0.07)
        forth = [j for j in range(5) if j == i or not related[i, j]]
        back = [j for j in range(5) if j == i or not related[j, i]]
        terms.append(-math.log(own / sum(math.exp(dot(anchors[i], positives[j]) / 0.07) for j in forth)))
        terms.append(-math.log(own / sum(math.exp(dot(anchors[j], positives[i]) / 0.07) for j in back)))
    assert float(info_nce(anchors, positives, related, 0.07)) == pytest.approx(sum(terms) / 10, rel=1e-12)


def test_info_nce_of_one_pair_is_zero():
    assert float(info_nce(rows(1, 6), rows(1, 6, seed=1), torch.zeros(1, 1, dtype=torch.bool), 0.07)) == 0.0


def test_multi_similarity_mines_and_weighs_as_the_paper_has_it():
    x, (same, different) = rows(9, 6), masks()
    alpha, beta, base, margin = 2.0, 40.0, 0.6, 0.05
    total = 0.0
    for i in range(9):
        positive = [dot(x[i], x[j]) for j in range(9) if same[i, j] and i != j]
        negative = [dot(x[i], x[j]) for j in range(9) if different[i, j]]
        if not positive or not negative:
            continue
        hard_negative = [s for s in negative if s > min(positive) - margin]
        hard_positive = [s for s in positive if s < max(negative) + margin]
        total += math.log(1 + sum(math.exp(-alpha * (s - base)) for s in hard_positive)) / alpha
        total += math.log(1 + sum(math.exp(beta * (s - base)) for s in hard_negative)) / beta
    found = multi_similarity(x, same, different, alpha, beta, base, margin)
    assert float(found) == pytest.approx(total / 9, rel=1e-12)


def test_smooth_ap_counts_sigmoids_for_ranks():
    x, (same, different) = rows(9, 6), masks()
    losses = []
    for i in range(9):
        positives = [j for j in range(9) if same[i, j] and j != i]
        negatives = [j for j in range(9) if different[i, j]]
        precision = 0.0
        for j in positives:

            def above(k: int, i: int = i, j: int = j) -> float:
                return 1 / (1 + math.exp(-(dot(x[i], x[k]) - dot(x[i], x[j])) / 0.05))

            rank = 1 + sum(above(k) for k in positives if k != j)
            precision += rank / (rank + sum(above(k) for k in negatives))
        if positives:
            losses.append(1 - precision / len(positives))
    assert float(smooth_ap(x, same, different, 0.05)) == pytest.approx(sum(losses) / len(losses), rel=1e-12)


def test_smooth_ap_comes_near_to_average_precision():
    x, (same, different) = rows(12, 6), masks(12)
    different = ~same
    expected = []
    for i in range(12):
        order = [j for j in np.argsort(-(x[i] @ x.T).numpy()).tolist() if j != i]
        hits = [bool(same[i, j]) for j in order]
        if any(hits):
            expected.append(np.mean([sum(hits[: rank + 1]) / (rank + 1) for rank, hit in enumerate(hits) if hit]))
    assert 1 - float(smooth_ap(x, same, different, 1e-5)) == pytest.approx(float(np.mean(expected)), abs=1e-3)


def test_second_order_compares_distances_within_anchors_and_within_positives():
    anchors, positives = rows(5, 6), rows(5, 6, seed=1)
    expected = 0.0
    for i in range(5):
        changes = [squared(anchors[i], anchors[j]) - squared(positives[i], positives[j]) for j in range(5)]
        expected += math.sqrt(sum(change**2 for change in changes))
    assert float(second_order(anchors, positives)) == pytest.approx(expected / 5, rel=1e-12)


def _of_pairs(x: Tensor) -> Tensor:
    related = torch.zeros(4, 4, dtype=torch.bool)
    related[0, 2] = True
    return info_nce(x[:4], x[4:8], related, 0.2)


LOSSES: dict[str, Callable[[Tensor], Tensor]] = {
    "contrastive": lambda x: contrastive(x[:8].reshape(2, 4, -1), 0.85),
    "triplet": lambda x: triplet(x[:8].reshape(2, 4, -1), 0.3),
    "weak_triplet": lambda x: weak_triplet(x[:2], x[2:6].reshape(2, 2, -1), x[5:9].reshape(2, 2, -1), 0.3),
    "info_nce": _of_pairs,
    "multi_similarity": lambda x: multi_similarity(x, *masks(), beta=10.0),
    "smooth_ap": lambda x: smooth_ap(x, *masks(), 0.1),
    "second_order": lambda x: second_order(x[:4], x[4:8]),
}


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_those_of_finite_differences(name: str):
    # Not normalised, so that each coordinate may move alone.
    x = (rows(9, 5) * 1.1).requires_grad_()
    assert float(LOSSES[name](x).detach()) > 0
    (found,) = torch.autograd.grad(LOSSES[name](x), x)
    moved, step = x.detach(), 1e-6
    for i, j in ((0, 0), (1, 3), (2, 4), (4, 2), (6, 1), (8, 0)):
        change = torch.zeros_like(moved)
        change[i, j] = step
        expected = float(LOSSES[name](moved + change) - LOSSES[name](moved - change)) / (2 * step)
        assert float(found[i, j]) == pytest.approx(expected, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("name", LOSSES)
def test_equal_descriptors_have_finite_gradients(name: str):
    x = rows(1, 5).repeat(9, 1).float().requires_grad_()
    loss = LOSSES[name](x)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("loss", [multi_similarity, smooth_ap])
def test_rows_that_are_all_alone_have_no_loss(loss: Callable[[Tensor, Tensor, Tensor], Tensor]):
    x = rows(4, 5).requires_grad_()
    alone = torch.eye(4, dtype=torch.bool)
    value = loss(x, alone, ~alone)
    value.backward()
    assert float(value.detach()) == 0.0
    assert not x.grad.any()


@pytest.mark.golden
def test_golden_values(golden):
    values = golden("losses")
    for case in range(int(values["n_cases"])):
        given = {key.removeprefix(f"case{case}_"): v for key, v in values.items() if key.startswith(f"case{case}_")}
        for name, loss, margin in (
            ("contrastive_0_85", contrastive, values["contrastive_margin_a"]),
            ("contrastive_0_7", contrastive, values["contrastive_margin_b"]),
            ("triplet_0_1", triplet, values["triplet_margin"]),
            ("triplet_0_5", triplet, values["triplet_margin_wide"]),
        ):
            x = torch.from_numpy(given["x"]).double().requires_grad_()
            found = loss(x.reshape(-1, int(given["tuple_size"]), x.shape[1]), float(margin))
            found.backward()
            # The oracle of the contrastive loss adds 1e-6 to each difference of two coordinates.
            close = 5e-5 if name.startswith("contrastive") else 1e-9
            assert float(found.detach()) == pytest.approx(float(given[name]), abs=close)
            np.testing.assert_allclose(x.grad.numpy(), given[f"{name}_grad"], atol=close)
