"""The index on disk: catalogue, segments, generations, lock. It knows no method."""

from resight.store.places import file_path
from resight.store.repair import repair
from resight.store.rows import INDEXED, UNREACHED, UNREADABLE, Image, ImageTable, Kept, Root
from resight.store.segments import Segment
from resight.store.store import Batch, Snapshot, Store
from resight.store.verification import Problem, verify

__all__ = [
    "INDEXED",
    "UNREACHED",
    "UNREADABLE",
    "Batch",
    "Image",
    "ImageTable",
    "Kept",
    "Problem",
    "Root",
    "Segment",
    "Snapshot",
    "Store",
    "file_path",
    "repair",
    "verify",
]
