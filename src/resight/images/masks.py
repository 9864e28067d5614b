"""Masks: images that say which parts of a photo count. Black pixels are excluded, all others count, as in COLMAP."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from resight.arrays import Array, Mask
from resight.errors import ImageError, UsageError
from resight.images import Decoded, decode_whole, displayed, not_black, read_bytes, resize, scaled


@dataclass(frozen=True)
class PhotoMask:
    """A mask that is read when it is needed.

    title: its name in messages. key: an identifier of its content. source: the bytes of a file, the path to it, or
    values (H, W), of which 0 is black. fits_all: the mask is scaled to photos of any proportions; else it must have the
    photo's.
    """

    title: str
    key: str
    source: bytes | Path | Array
    fits_all: bool = False

    def counts(self) -> Mask:
        """Reads the mask as (H, W), False where the photo is excluded.

        Raises ImageError where it cannot be read, or excludes everything.
        """
        if isinstance(self.source, np.ndarray):
            counts: Mask = np.asarray(self.source != 0)
        else:
            data = self.source if isinstance(self.source, bytes) else read_bytes(self.source)
            counts = not_black(data, self.title)
        if not counts.any():
            raise ImageError(self.title, "is black everywhere, so that nothing is left of the photo")
        return counts


def mask_of_query(given: str | Path | Array) -> PhotoMask:
    """Returns the mask that a person gives with a photo: a file, or an array (H, W) in which 0 excludes a pixel.

    Raises UsageError.
    """
    if isinstance(given, str | Path):
        mask = mask_file(Path(given))
    elif not isinstance(given, np.ndarray):
        raise UsageError(f"the mask is a {type(given).__name__}; it must be a file or an array (H, W)")
    elif given.ndim == 2 and given.size:
        mask = PhotoMask("array", "", given)
    else:
        raise UsageError(f"the mask is an array of shape {given.shape}; it must be (H, W)")
    try:
        mask.counts()
    except ImageError as error:
        raise UsageError(f"the mask {error}") from error
    return mask


def mask_file(path: Path, *, fits_all: bool = False, key: str = "") -> PhotoMask:
    """Returns the mask in a file."""
    return PhotoMask(displayed(path), key, path, fits_all)


def decode_masked(data: bytes, name: str, mask: PhotoMask, max_side: int | None = None) -> Decoded:
    """Decodes the image in `data`, lays its mask over it, then reduces its long side to `max_side`.

    It is decoded at full size, so that pixels under the mask cannot mix with pixels beside it. Raises ImageError where
    one of the two cannot be read, UsageError where the mask does not fit.
    """
    return reduced(masked(decode_whole(data, name), mask), max_side)


def masked(decoded: Decoded, mask: PhotoMask) -> Decoded:
    """Lays a mask over the photo: excluded pixels get the mean colour of those that count.

    So the content under the mask cannot influence anything computed from the pixels. Raises ImageError where the mask
    cannot be read, UsageError where its proportions are not the photo's.
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
    """Reduces a photo and its mask to a long side of at most `max_side`."""
    if max_side is None or max(decoded.pixels.shape[:2]) <= max_side:
        return decoded
    pixels = resize(decoded.pixels, max_side)
    counts = None if decoded.counts is None else scaled(decoded.counts, pixels.shape[:2])
    return replace(decoded, pixels=pixels, counts=counts)


def _check_proportions(title: str, mask: tuple[int, int], photo: tuple[int, int]) -> None:
    """Raises UsageError where the proportions differ by more than rounding a side of either by a pixel can explain."""
    difference = abs(mask[0] * photo[1] - mask[1] * photo[0])
    if difference > max(*mask, *photo):
        raise UsageError(
            f"{title}: the mask has {mask[0]} x {mask[1]} pixels and the upright photo {photo[0]} x {photo[1]}: a mask "
            "must have the proportions of its photo"
        )
