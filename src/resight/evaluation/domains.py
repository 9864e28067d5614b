"""Linear classifiers of descriptors that are learned in some styles of pictures and judged in another."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from resight.arrays import Float32, Labels, Mask
from resight.errors import UsageError

STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0)
"""C, the inverse strengths of regularisation, of which one is chosen inside of the domains that are learned in."""


@dataclass(frozen=True)
class DomainAccuracy:
    """The share of the images of one domain whose class was right. learned: the other domains; strength: C."""

    domain: str
    learned: Sequence[str]
    accuracy: float
    images: int
    strength: float


def leave_one_domain_out(descriptors: Float32, classes: Sequence[str], domains: Sequence[str]) -> list[DomainAccuracy]:
    """Returns the accuracy of each domain, by a classifier learned on all others, in the order of their names.

    descriptors: (n, d) L2-normalised; classes, domains: (n,). Raises UsageError where there are fewer than two domains.

    Source: the protocol of Li et al., "Deeper, broader and artier domain generalization", ICCV 2017, section 5.

    Notes: the classifier is linear least squares with a penalty, one against the others: it has a closed solution.
    """
    names = _checked(descriptors, classes, domains, 2)
    return [_judged(descriptors, classes, domains, [one for one in names if one != held], held) for held in names]


def from_one_domain(descriptors: Float32, classes: Sequence[str], domains: Sequence[str]) -> list[DomainAccuracy]:
    """Returns the accuracy of each domain by a classifier learned on one other alone, of all ordered pairs.

    Arguments and errors as of `leave_one_domain_out`.
    """
    names = _checked(descriptors, classes, domains, 2)
    return [
        _judged(descriptors, classes, domains, [learned], held)
        for learned in names
        for held in names
        if learned != held
    ]


def mean_accuracy(found: Sequence[DomainAccuracy]) -> float:
    """Returns the mean over domains, each alike, as the published tables have it."""
    return float(np.mean([one.accuracy for one in found]))


def _judged(
    descriptors: Float32, classes: Sequence[str], domains: Sequence[str], learned: Sequence[str], held: str
) -> DomainAccuracy:
    of, kinds = np.array(domains), np.array(classes)
    strength = _strength(descriptors, kinds, of, learned)
    inside = np.isin(of, learned)
    accuracy = _accuracy(descriptors, kinds, inside, of == held, strength)
    return DomainAccuracy(held, tuple(learned), accuracy, int((of == held).sum()), strength)


def _strength(descriptors: Float32, classes: Labels, domains: Labels, learned: Sequence[str]) -> float:
    """Returns C with the best mean accuracy inside of the domains: each left out in turn, or halves of a single one."""
    folds: list[tuple[Mask, Mask]] = []
    if len(learned) > 1:
        folds = [(np.isin(domains, [one for one in learned if one != held]), domains == held) for held in learned]
    else:
        inside = np.flatnonzero(domains == learned[0])
        order = np.random.default_rng(0).permutation(inside)
        # Every second one of each class, so that both halves have all classes.
        order = order[np.argsort(classes[order], kind="stable")]
        for half in (order[::2], order[1::2]):
            test = np.isin(np.arange(len(domains)), half)
            folds.append(((domains == learned[0]) & ~test, test))
    means: Mapping[float, float] = {
        strength: float(np.mean([_accuracy(descriptors, classes, fit, test, strength) for fit, test in folds]))
        for strength in STRENGTHS
    }
    return max(STRENGTHS, key=lambda one: (means[one], -one))


def check_classifier() -> None:
    """Raises UsageError where scikit-learn, which the classifier is of, is not installed."""
    if importlib.util.find_spec("sklearn") is None:
        raise UsageError("a classifier needs scikit-learn, which is not installed: pip install 'resight[plots]'")


def _accuracy(descriptors: Float32, classes: Labels, fit: Mask, test: Mask, strength: float) -> float:
    check_classifier()
    from sklearn.linear_model import RidgeClassifier

    if len(np.unique(classes[fit])) < 2:
        raise UsageError("a classifier needs images of two classes to learn from")
    model = RidgeClassifier(alpha=1.0 / strength).fit(descriptors[fit], classes[fit])
    return float((model.predict(descriptors[test]) == classes[test]).mean())


def _checked(descriptors: Float32, classes: Sequence[str], domains: Sequence[str], least: int) -> list[str]:
    if not len(descriptors) == len(classes) == len(domains):
        raise UsageError(f"{len(descriptors)} descriptors, {len(classes)} classes and {len(domains)} domains differ")
    names = sorted(set(domains))
    if len(names) < least:
        raise UsageError(f"{len(names)} domains: one is learned in and another judged, so that it takes two")
    return names
