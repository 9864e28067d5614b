"""Linear classifiers across styles."""

from __future__ import annotations

import numpy as np
import pytest

from resight.errors import UsageError
from resight.evaluation.domains import from_one_domain, leave_one_domain_out, mean_accuracy


def samples(flip: str = "") -> tuple[np.ndarray, list[str], list[str]]:
    """Two classes that differ in the first number, in three styles that differ in the second; one may be flipped."""
    rng = np.random.default_rng(0)
    rows, classes, domains = [], [], []
    for number, domain in enumerate(("art", "photo", "sketch")):
        for kind, sign in (("cat", 1.0), ("dog", -1.0)):
            for _ in range(12):
                rows.append([-sign if domain == flip else sign, number - 1.0, *rng.normal(0, 0.2, 3)])
                classes.append(kind)
                domains.append(domain)
    vectors = np.array(rows, np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), classes, domains


def test_what_holds_in_all_styles_is_learned_and_each_is_left_out_once() -> None:
    found = leave_one_domain_out(*samples())
    assert [(one.domain, one.learned) for one in found] == [
        ("art", ("photo", "sketch")),
        ("photo", ("art", "sketch")),
        ("sketch", ("art", "photo")),
    ]
    assert mean_accuracy(found) == 1.0
    assert {one.images for one in found} == {24}


def test_the_style_that_is_judged_is_never_learned_from() -> None:
    found = {one.domain: one.accuracy for one in leave_one_domain_out(*samples("sketch"))}
    assert found["sketch"] < 0.1


def test_one_style_is_judged_by_each_other() -> None:
    found = from_one_domain(*samples())
    assert len(found) == 6
    assert all(one.accuracy == 1.0 and len(one.learned) == 1 for one in found)


def test_a_style_of_few_images_is_halved_by_class() -> None:
    vectors, classes, domains = samples()
    rows = [start + place for start in (0, 24, 48) for place in (0, 12, 13, 1)]
    found = from_one_domain(vectors[rows], [classes[row] for row in rows], [domains[row] for row in rows])
    assert len(found) == 6


def test_a_single_style_is_refused() -> None:
    vectors, classes, _ = samples()
    with pytest.raises(UsageError, match="it takes two"):
        leave_one_domain_out(vectors, classes, ["photo"] * len(classes))
