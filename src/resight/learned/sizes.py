"""Sizes that a sample is enough for."""

from __future__ import annotations

import logging

from resight.learned.codebook import affordable_size

_log = logging.getLogger(__name__)


def affordable(what: str, wanted: int, points: int) -> int:
    """Returns the number of words or Gaussians to fit on so many descriptors, at most `wanted`; warns where fewer."""
    size = affordable_size(points, wanted)
    warn_if_smaller(what, size, wanted, points)
    return size


def warn_if_smaller(what: str, size: int, wanted: int, points: int) -> None:
    """Says in the log that a fit is smaller than it was asked to be."""
    if size < wanted:
        _log.warning("%d descriptors are enough for %d %s, not for %d: fitting %d", points, size, what, wanted, size)
