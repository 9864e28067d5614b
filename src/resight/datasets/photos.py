"""Checks the photos of a data set: none missing, none too many, every box inside its photo."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from resight.datasets.dataset import Dataset, JudgedQuery
from resight.errors import ImageError, UsageError
from resight.folders.walking import SUFFIXES, find_images, unescape_name
from resight.images import VIDEO_SUFFIXES, Box, check_box, displayed, upright_size
from resight.progress import Progress


def check_photos(dataset: Dataset, *, progress: Progress | None = None) -> None:
    """Checks that the photos of a data set are all there, and no others.

    Boxes of queries must lie inside their photos.

    Beside the database there may be query photos and `dataset.allowed`. Raises UsageError that names the first wrong
    photo and the number of further ones, and says what was expected and what to do.
    """
    present = _present(dataset.root, f"the photos of {dataset.name}")
    _require(dataset.root, dataset.images, present, f"the database of {dataset.name}")
    query_root = dataset.query_root or dataset.root
    asked = dict.fromkeys(image for query in dataset.queries for image, _ in _shown(query))
    if query_root == dataset.root:
        _require(query_root, asked, present, f"the queries of {dataset.name}")
        surplus = present.difference(dataset.images, asked)
    else:
        _require(query_root, asked, _present(query_root, f"the queries of {dataset.name}"), "the queries")
        surplus = present.difference(dataset.images)
    if dataset.allowed is not None and (surplus := surplus - dataset.allowed):
        raise UsageError(
            f"{_path(dataset.root, min(surplus))}: is no photo of {dataset.name}{_more(len(surplus))}; take away what "
            f"does not belong there: the database has {len(dataset.images):,} photos"
        )
    _check_boxes(dataset, query_root, progress)
    if dataset.distractors is not None:
        what = f"the distractors of {dataset.name}"
        count = len(_present(dataset.distractors, what))
        if count != dataset.distractor_count:
            raise UsageError(
                f"{displayed(dataset.distractors)}: {count:,} photos; {what} are {dataset.distractor_count:,}: get all "
                "of them, or evaluate the data set without and name what there is with --distractors"
            )


def _present(root: Path, what: str) -> frozenset[str]:
    if not root.is_dir():
        raise UsageError(f"{displayed(root)}: no such folder; {what} go there")
    trouble: list[ImageError] = []
    every = find_images(root, on_error=trouble.append, suffixes=SUFFIXES | VIDEO_SUFFIXES)
    present = frozenset(found.name for found in every)
    if trouble:
        raise UsageError(f"{trouble[0]}{_more(len(trouble))}; {what} cannot be told without")
    if not present:
        raise UsageError(f"{displayed(root)}: no photos there; {what} go there")
    return present


def _require(root: Path, names: Iterable[str], present: frozenset[str], what: str) -> None:
    expected = tuple(names)
    missing = [name for name in expected if name not in present]
    if missing:
        alike = {unicodedata.normalize("NFC", name) for name in present}
        spelt = "; one that looks the same is there, spelt with other Unicode characters"
        hint = spelt if unicodedata.normalize("NFC", missing[0]) in alike else ""
        raise UsageError(
            f"{_path(root, missing[0])}: no such photo{_more(len(missing))} of the {len(expected):,} photos of {what}"
            f"{hint}; get what is missing, under the names that the ground truth has, below {displayed(root)}"
        )


def _check_boxes(dataset: Dataset, root: Path, progress: Progress | None) -> None:
    boxes = dict.fromkeys((image, box) for query in dataset.queries for image, box in _shown(query) if box is not None)
    sizes: dict[str, tuple[int, int]] = {}
    wrong = []
    for done, (image, box) in enumerate(boxes):
        if progress is not None:
            progress(done, len(boxes))
        try:
            if image not in sizes:
                sizes[image] = upright_size(root / unescape_name(image))
            check_box(box, sizes[image])
        except ImageError as error:
            wrong.append(str(error))
        except UsageError as error:
            wrong.append(f"{_path(root, image)}: {error}")
    if wrong:
        raise UsageError(
            f"{wrong[0]}{_more(len(wrong))}; the ground truth of {dataset.name} has boxes in photos of their published "
            "size: use those, as they are"
        )
    if progress is not None:
        progress(len(boxes), len(boxes))


def _shown(query: JudgedQuery) -> Iterator[tuple[str, Box | None]]:
    """Yields the photos of a query, with their boxes."""
    yield query.image, query.box
    yield from query.more


def _path(root: Path, name: str) -> str:
    return displayed(root / unescape_name(name))


def _more(count: int) -> str:
    return f" (and {count - 1:,} more)" if count > 1 else ""
