"""Whether posting lists that come from a file agree with themselves: kernels do not check what they read by."""

from __future__ import annotations

from typing import Any

import numpy as np

from resight.arrays import Array, Arrays, UInt64
from resight.kernels.compiling import kernel
from resight.kernels.soundness import misshapen, shared_out
from resight.words.postings import KINDS, Kind

_CHUNK = 1 << 20


def postings_fault(
    arrays: Arrays, images: int, kind: Kind, codebook_size: int, bits: int, *, of_maps: bool = False
) -> tuple[str, str] | None:
    """Returns the first array that is not that of postings of so many images, with what is wrong with it.

    of_maps: as for `build_postings`.

    It is None where all are.

    Then the lists say of every word exactly which images have it, and how often where they have an entry each time.

    Notes: a pass over all of it: about as long as it takes to sum its bytes.
    """
    expected: dict[str, Any] = {
        "layout": (np.int64, (3,)),
        "offsets": (np.int64, (images + 1,)),
        "sizes": (np.int32, (images, 2)),
        "words": (np.uint16 if codebook_size <= 65536 else np.uint32, (None,)),
        "list_words": (np.int32, (None,)),
        "list_images": (np.uint32, (None,)),
    }
    if found := misshapen(arrays, expected):
        return found
    if arrays["layout"].tolist() != [KINDS.index(kind), codebook_size, bits]:
        return "layout", f"is not that of {kind} with {codebook_size} words and {bits} bits"
    words = arrays["list_words"]
    features, entries = len(arrays["words"]), len(arrays["list_images"])
    expected = {
        "xy": (np.uint8 if of_maps else np.uint16, (features, 2)),
        "scale": (np.uint8, (images if of_maps else features,)),
        "list_offsets": (np.int64, (len(words) + 1,)),
    }
    if not of_maps:
        expected["angle"] = (np.uint8, (features,))
    elif "angle" in arrays:
        return "angle", "is not there for positions of maps"
    if kind == "bow":
        expected["list_counts"] = (np.uint16, (entries,))
    else:
        expected["list_signatures"] = (np.uint64, (entries, (bits + 63) // 64))
    if "weights" in arrays:
        expected["weights"] = (np.uint8, (features,))
    if found := misshapen(arrays, expected):
        return found
    for name, total in (("offsets", features), ("list_offsets", entries)):
        if not shared_out(arrays[name], total):
            return name, "does not share out what it counts"
    if (arrays["sizes"] < 0).any():
        return "sizes", "has a negative side"
    if len(words) and not (words[0] >= 0 and words[-1] < codebook_size and (words[1:] > words[:-1]).all()):
        return "list_words", "is not ascending words of the codebook"
    if kind != "bow" and bits % 64 and _beyond(arrays["list_signatures"], bits):
        return "list_signatures", f"has more than {bits} bits"
    lists = (arrays["list_words"], arrays["list_offsets"], arrays["list_images"])
    if not lists_agree(arrays["words"], arrays["offsets"], *lists, codebook_size, kind == "hamming"):
        return "list_images", "does not agree with the words of the images"
    return None


def _beyond(signatures: UInt64, bits: int) -> bool:
    """Returns whether a signature has bits above its length: a table of weights by distance ends there."""
    last, unused = signatures[:, -1], np.uint64(bits % 64)
    return any((last[start : start + _CHUNK] >> unused).any() for start in range(0, len(last), _CHUNK))


@kernel()
def lists_agree(
    words: Array, offsets: Array, list_words: Array, list_offsets: Array, list_images: Array, size: int, each: bool
) -> bool:
    """Returns whether walking through the images meets every entry of every list once, in its order, and nothing else.

    words, offsets: ascending words of each image; list_words, list_offsets, list_images: see `Postings`, with ascending
    words below `size` and offsets that share out the entries. each: whether an image has an entry for each feature.
    """
    cursor, stop = np.zeros(size, np.int64), np.zeros(size, np.int64)
    for at in range(len(list_words)):
        cursor[list_words[at]], stop[list_words[at]] = list_offsets[at], list_offsets[at + 1]
    met = 0
    for image in range(len(offsets) - 1):
        for i in range(offsets[image], offsets[image + 1]):
            word = words[i]
            if i > offsets[image]:
                if word < words[i - 1]:
                    return False
                if word == words[i - 1] and not each:
                    continue
            if word >= size or cursor[word] >= stop[word] or list_images[cursor[word]] != image:
                return False
            cursor[word] += 1
            met += 1
    return met == len(list_images)
