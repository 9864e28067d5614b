"""Class-weighted features against loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from resight.descriptors.activation import class_activation_maps, class_vectors, likely_classes
from resight.descriptors.crow import channel_weights
from resight.errors import UsageError


def random_case():
    rng = np.random.default_rng(0)
    return (
        torch.from_numpy(rng.gamma(0.5, size=(2, 6, 4, 5))),
        torch.from_numpy(rng.normal(size=(9, 6))),
        torch.from_numpy(rng.normal(size=9)),
    )


def test_the_likely_classes_are_those_of_the_classifier():
    maps, weight, bias = random_case()
    scores = maps.mean(dim=(2, 3)) @ weight.T + bias
    np.testing.assert_array_equal(likely_classes(maps, weight, bias, 3), torch.argsort(scores, descending=True)[:, :3])
    with pytest.raises(UsageError, match="64 classes are asked of a classifier that has 9"):
        likely_classes(maps, weight, bias)


def test_class_vectors_equal_the_loop():
    maps, weight, bias = random_case()
    classes = likely_classes(maps, weight, bias, 3)
    cams = class_activation_maps(maps, weight, classes)
    assert cams.shape == (2, 3, 4, 5)
    vectors = class_vectors(maps, cams)
    for b in range(2):
        for k in range(3):
            seen = sum(weight[classes[b, k], c] * maps[b, c] for c in range(6))
            seen = (seen / seen.max()).clamp(min=0) if seen.max() > 0 else torch.zeros_like(seen)
            np.testing.assert_allclose(cams[b, k], seen, atol=1e-12)
            pooled = torch.stack([(maps[b, c] * seen).sum() for c in range(6)]) * channel_weights(maps)[b]
            expected = pooled / pooled.norm() if pooled.norm() > 0 else pooled
            np.testing.assert_allclose(vectors[b, k], expected, atol=1e-6)


def test_a_class_that_is_seen_nowhere_gives_zeros():
    maps = torch.ones(1, 2, 3, 3)
    cams = class_activation_maps(maps, torch.tensor([[-1.0, -1.0]]), torch.zeros(1, 1, dtype=torch.int64))
    assert not cams.any()
    assert not class_vectors(maps, cams).any()
