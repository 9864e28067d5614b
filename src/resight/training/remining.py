"""Hard negatives and nearest positives by the network as it is while it trains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from resight.arrays import Int64
from resight.training.describing import describe, plain
from resight.training.kinds import Drawing
from resight.training.material import Material
from resight.training.model import TrainedDescriptor
from resight.training.negatives import HardNegatives, drawn_pool, mine_negatives
from resight.training.views import Views


def mine_by_network(
    model: TrainedDescriptor,
    how: str,
    views: Views,
    material: Material,
    drawing: Drawing,
    remembered: Sequence[Int64],
    seed: tuple[int, ...],
) -> HardNegatives | None:
    """Mines with a network as it is; None where no anchor is in need of it.

    how: of joined vectors. remembered: rows that were hard before, which are looked at again. seed: of the draw of the
    pool.
    """
    count, nearest = drawing.negatives, drawing.positive == "nearest"
    anchors = [one for one in material.anchors if (count and not one.negatives) or (nearest and one.positives)]
    if not anchors:
        return None
    pool = np.zeros(0, np.int64)
    if count and any(not one.negatives for one in anchors):
        pool = drawn_pool(material.pool, drawing.pool, remembered, seed)
    photos = {one.photo for one in anchors} | {row for one in anchors for row in one.positives}
    rows = sorted(photos | set(pool.tolist()))
    found = describe(model, how, views, plain(rows))
    descriptors = np.zeros((len(material.clusters), found.shape[1]), np.float32)
    descriptors[rows] = found
    return mine_negatives(
        replace(material, anchors=anchors), descriptors, pool, count, one_a_cluster=drawing.one_a_cluster
    )
