"""Words for a probability, and their meaning for a person."""

from __future__ import annotations

from typing import Literal, get_args

Verdict = Literal["sure", "possible", "filler"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
SURE = 0.95
POSSIBLE = 0.25
MEANINGS: dict[Verdict, str] = {
    "sure": f"the same thing, {SURE:.0%} or more",
    "possible": f"look at them, {POSSIBLE:.0%} or more",
    "filler": "the nearest of the rest",
}


def verdict(probability: float) -> Verdict:
    """Returns "sure" from a probability of `SURE` on, "possible" from `POSSIBLE` on, else "filler"."""
    return "sure" if probability >= SURE else "possible" if probability >= POSSIBLE else "filler"
