"""The index on disk: catalogue, segments, generations, lock. It knows no method."""

from resight.store.arrays import Check
from resight.store.creation import RECIPE
from resight.store.opening import Segment
from resight.store.repair import repair
from resight.store.rows import INDEXED, UNREADABLE, Image, ImageTable, Root
from resight.store.store import Batch, Snapshot, Store
from resight.store.verification import Problem, verify

__all__ = [
    "INDEXED",
    "RECIPE",
    "UNREADABLE",
    "Batch",
    "Check",
    "Image",
    "ImageTable",
    "Problem",
    "Root",
    "Segment",
    "Snapshot",
    "Store",
    "repair",
    "verify",
]
