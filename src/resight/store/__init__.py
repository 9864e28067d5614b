"""The index on disk: catalogue, segments, generations, lock. It knows no method."""

from resight.store.arrays import Check
from resight.store.choices import Choices, MaskChoice
from resight.store.creation import RECIPE
from resight.store.opening import Segment
from resight.store.places import file_path
from resight.store.repair import repair
from resight.store.rows import INDEXED, UNREACHED, UNREADABLE, Image, ImageTable, Kept, Root
from resight.store.store import Batch, Snapshot, Store
from resight.store.verification import Files, Problem, verify

__all__ = [
    "INDEXED",
    "RECIPE",
    "UNREACHED",
    "UNREADABLE",
    "Batch",
    "Check",
    "Choices",
    "Files",
    "Image",
    "ImageTable",
    "Kept",
    "MaskChoice",
    "Problem",
    "Root",
    "Segment",
    "Snapshot",
    "Store",
    "file_path",
    "repair",
    "verify",
]
