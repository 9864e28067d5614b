"""The index on disk: catalogue, segments, generations, lock. It knows no method."""

from resight.store.arrays import Check
from resight.store.changes import Batch
from resight.store.choices import Choices, MaskChoice
from resight.store.creation import RECIPE
from resight.store.folder import index_around
from resight.store.opening import Segment
from resight.store.places import file_path, file_size, picture_path, sample
from resight.store.repair import repair
from resight.store.rows import INDEXED, UNREACHED, UNREADABLE, VIDEO, Image, RemovedImage, Root
from resight.store.store import Snapshot, Store
from resight.store.table import ImageTable
from resight.store.verification import Files, Problem, verify

__all__ = [
    "INDEXED",
    "RECIPE",
    "UNREACHED",
    "UNREADABLE",
    "VIDEO",
    "Batch",
    "Check",
    "Choices",
    "Files",
    "Image",
    "ImageTable",
    "MaskChoice",
    "Problem",
    "RemovedImage",
    "Root",
    "Segment",
    "Snapshot",
    "Store",
    "file_path",
    "file_size",
    "index_around",
    "picture_path",
    "repair",
    "sample",
    "verify",
]
