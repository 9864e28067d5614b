"""Masks: images that say which parts of a photo count. Black is left out, anything else counts, as in COLMAP."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resight.errors import ImageError, UsageError
from resight.images import Counts, Decoded, decode_whole, displayed, not_black, read_bytes, resize, scaled


@dataclass(frozen=True)
class PhotoMask:
    """A mask that is read when it is asked for.

    title: what a message calls it. key: what identifies its content. source: the bytes of a file, the path to it, or
    values (H, W), of which 0 is black. fits_all: it is scaled to photos of any proportions, else a photo must have its.
    """

    title: str
    key: str
    source: bytes | Path | NDArray[Any]
    fits_all: bool = False

    def counts(self) -> Counts:
        """(H, W), False where the photo is left out. ImageError where it cannot be read, or nothing would be left."""
        if isinstance(self.source, np.ndarray):
            counts: Counts = np.asarray(self.source != 0)
        else:
            data = self.source if isinstance(self.source, bytes) else read_bytes(self.source)
            counts = not_black(data, self.title)
        if not counts.any():
            raise ImageError(self.title, "is black everywhere, so that nothing is left of the photo")
        return counts


def mask_of_query(given: str | Path | NDArray[Any]) -> PhotoMask:
    """The mask that a person gives with a photo: a file, or an array (H, W) of which 0 is left out. UsageError."""
    if isinstance(given, str | Path):
        mask = mask_file(Path(given))
    elif not isinstance(given, np.ndarray):
        raise UsageError(f"the mask is a {type(given).__name__}; it must be a file or an array (H, W)")
    elif given.ndim == 2 and given.size:
        mask = PhotoMask("the mask", "", given)
    else:
        raise UsageError(f"the mask is an array of shape {given.shape}; it must be (H, W)")
    try:
        mask.counts()
    except ImageError as error:
        raise UsageError(f"{error.path}: the mask {error.reason}") from error
    return mask


def mask_file(path: Path, *, fits_all: bool = False, key: str = "") -> PhotoMask:
    """The mask in a file."""
    return PhotoMask(displayed(path), key, path, fits_all)


def decode_masked(data: bytes, name: str, mask: PhotoMask, max_side: int | None = None) -> Decoded:
    """The image in `data` with its mask laid over it, its long side reduced to `max_side` afterwards.

    It is decoded whole, so that nothing of what lies beneath the mask gets into pixels beside it. ImageError where one
    of the two cannot be read, UsageError where the mask does not fit.
    """
    return reduced(masked(decode_whole(data, name), mask), max_side)


def masked(decoded: Decoded, mask: PhotoMask) -> Decoded:
    """The photo with its mask laid over it: what does not count has the mean colour of what does.

    So what is painted beneath the mask cannot matter to anything that is computed of the pixels.
    Raises ImageError where the mask cannot be read, UsageError where it has other proportions than the photo.
    """
    counts = mask.counts()
    if not mask.fits_all:
        _check_proportions(mask.title, (counts.shape[1], counts.shape[0]), decoded.size)
    counts = scaled(counts, decoded.pixels.shape[:2])
    if counts.all():
        return decoded
    if not counts.any():
        raise ImageError(mask.title, "leaves nothing of a photo of this size")
    pixels = decoded.pixels.copy()
    pixels[~counts] = np.rint(pixels[counts].mean(axis=0, dtype=np.float64)).astype(np.uint8)
    return replace(decoded, pixels=pixels, counts=counts)


def reduced(decoded: Decoded, max_side: int | None) -> Decoded:
    """A photo and its mask with a long side of at most `max_side`."""
    if max_side is None or max(decoded.pixels.shape[:2]) <= max_side:
        return decoded
    pixels = resize(decoded.pixels, max_side)
    counts = None if decoded.counts is None else scaled(decoded.counts, pixels.shape[:2])
    return replace(decoded, pixels=pixels, counts=counts)


def _check_proportions(title: str, mask: tuple[int, int], photo: tuple[int, int]) -> None:
    """Rounding a side of either may have moved it by a pixel."""
    difference = abs(mask[0] * photo[1] - mask[1] * photo[0])
    if difference > max(*mask, *photo):
        raise UsageError(
            f"{title}: the mask has {mask[0]} x {mask[1]} pixels and the upright photo {photo[0]} x {photo[1]}: a mask "
            "must have the proportions of its photo"
        )
