"""Which images of a step match, and that each loss is asked about the right ones."""

from __future__ import annotations

import numpy as np
import torch

from resight.training import losses
from resight.training.drawing import Seen, Step
from resight.training.kinds import Contrastive, InfoNce, MultiSimilarity, Triplet, WeakTriplet
from resight.training.material import Material
from resight.training.objective import classification, distilled, loss_of, matches, related_pairs


def seen(photo: int) -> Seen:
    return Seen(photo, "plain", ())


# Photos 0 to 2 are of one cluster; 3 and 4 are linked.
MATERIAL = Material(
    [],
    np.arange(8),
    np.array([0, 0, 0, 1, 2, 3, 4, 5]),
    [frozenset({n, 7 - n if n in (3, 4) else n}) for n in range(8)],
)
PAIRS = Step([seen(0), seen(2), seen(3), seen(4)], [[seen(1)], [seen(2)], [seen(5)], [seen(6)]], [[]] * 4)
TUPLES = Step([seen(0), seen(3)], [[seen(1)], [seen(4), seen(6)]], [[seen(5), seen(6)], [seen(7)]])


def vectors(count: int) -> torch.Tensor:
    x = torch.randn(count, 5, generator=torch.Generator().manual_seed(1))
    return torch.nn.functional.normalize(x, dim=1)


def test_pairs_of_one_cluster_or_linked_may_match() -> None:
    found = related_pairs(PAIRS, MATERIAL)
    assert found.tolist() == [
        [True, True, False, False],
        [True, True, False, False],
        [False, False, True, True],
        [False, False, True, True],
    ]
    x = vectors(8)
    wanted = losses.info_nce(x[:4], x[4:], found, 0.2)
    assert torch.equal(loss_of(InfoNce(temperature=0.2), PAIRS, x, MATERIAL), wanted)


def test_pairs_that_may_match_are_neither_same_nor_different() -> None:
    same, different = matches(PAIRS, MATERIAL)
    images = PAIRS.images
    for i in range(8):
        for j in range(8):
            assert bool(same[i, j]) == (i % 4 == j % 4)
            a, b = images[i].photo, images[j].photo
            may = MATERIAL.clusters[a] == MATERIAL.clusters[b] or b in MATERIAL.related[a]
            assert bool(different[i, j]) == (not same[i, j] and not may)
    x = vectors(8)
    wanted = losses.multi_similarity(x, same, different)
    assert torch.equal(loss_of(MultiSimilarity(), PAIRS, x, MATERIAL), wanted)


def test_tuples_are_taken_apart_as_they_were_put_together() -> None:
    x = vectors(len(TUPLES.images))
    order = {name: n for n, name in enumerate(("a0", "a3", "p1", "p4", "p6", "n5", "n6", "n7"))}
    first, second = ([x[order[name]] for name in names] for names in (("a0", "p1", "n5", "n6"), ("a3", "p4", "n7")))
    for kind, loss in ((Contrastive(margin=0.9), losses.contrastive), (Triplet(margin=0.3), losses.triplet)):
        wanted = sum(loss(torch.stack(rows)[None], kind.margin) for rows in (first, second))
        assert torch.allclose(loss_of(kind, TUPLES, x, MATERIAL), torch.as_tensor(wanted))
    both = torch.stack([x[order["p4"]], x[order["p6"]]])[None]
    wanted = losses.weak_triplet(x[:1], x[2:3][None], x[5:7][None], 0.5)
    wanted = wanted + losses.weak_triplet(x[1:2], both, x[7:][None], 0.5)
    assert torch.allclose(loss_of(WeakTriplet(margin=0.5), TUPLES, x, MATERIAL), wanted)
    # One tuple at a time gives the same sum.
    parts = [loss_of(Contrastive(margin=0.9), one, _rows(one, x), MATERIAL) for one in TUPLES.tuples]
    assert torch.allclose(torch.stack(parts).sum(), loss_of(Contrastive(margin=0.9), TUPLES, x, MATERIAL))


def _rows(part: Step, x: torch.Tensor) -> torch.Tensor:
    numbers = {id(one): number for number, one in enumerate(TUPLES.images)}
    return x[[numbers[id(one)] for one in part.images]]


def test_every_image_has_the_label_of_its_photo() -> None:
    scores = vectors(8)
    labels = torch.tensor([0, 0, 0, 1, 2, 3, 4, 4])
    wanted = -sum(torch.log_softmax(scores[n], 0)[labels[one.photo]] for n, one in enumerate(PAIRS.images)) / 8
    assert torch.allclose(classification(scores, PAIRS, labels), torch.as_tensor(wanted))


def test_similarities_are_distilled_whatever_their_dimensions() -> None:
    x, y = vectors(4), torch.nn.functional.normalize(torch.arange(12.0).reshape(4, 3) + 1, dim=1)
    wanted = sum(float(x[i] @ x[j] - y[i] @ y[j]) ** 2 for i in range(4) for j in range(4)) / 16
    assert abs(float(distilled(x, y)) - wanted) < 1e-6
    assert float(distilled(y, y)) == 0.0
