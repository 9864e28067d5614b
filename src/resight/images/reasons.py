"""Reasons why a picture cannot be read, and remarks on what it lacks, in words for its owner.

Messages of decoders are for their authors: they stay in the exception's cause.
"""

from __future__ import annotations

import struct

from resight.images.limits import MAX_PIXELS

_CUT = ("truncated", "end of file", "not enough data", "unexpected eof", "buffer is not large enough")
_UNKNOWN_KIND = ("unknown pixel mode", "cannot handle", "unsupported", "not supported", "invalid value for samples")


def refusal(kind: str, error: Exception) -> str:
    """Returns the reason for an ImageError, from the exception that the decoder of a format raised."""
    from PIL.Image import DecompressionBombError

    if isinstance(error, DecompressionBombError):
        return f"over the limit of {MAX_PIXELS // 10**6} megapixels; save it smaller"
    if is_cut(error):
        return f"truncated {kind}: the end of the file is missing; fetch it again from where it came"
    if any(words in str(error).lower() for words in _UNKNOWN_KIND):
        return f"a {kind} of an unsupported kind; save it anew, for instance as PNG"
    return f"damaged {kind}: its pixels cannot be read; fetch it again from where it came"


def is_cut(error: Exception) -> bool:
    """Tells whether a decoder's exception says that the file ends too early."""
    if isinstance(error, EOFError | struct.error | IndexError):
        return True
    return any(words in str(error).lower() for words in _CUT)


def too_little(kind: str, missing: float) -> str:
    """Returns the reason why too little of a picture is there to index it; `missing` is a share, 1 for all."""
    return (
        f"truncated {kind}: {_share(missing)} of the picture is missing, and at least half of it must be there; "
        "fetch it again from where it came"
    )


def remark_on_rows(missing: float) -> str:
    """Returns the remark on a picture that was read in part; `missing` is the share that is not there."""
    if missing < 0.005:
        return "less than 1 % of the picture is missing, at its end"
    return f"the last {_share(missing)} of the picture is missing"


REMARK_ON_DETAIL = "the end of the file is missing: the whole picture is there, but without its fine detail"


def _share(part: float) -> str:
    return f"{max(1, min(99, round(100 * part)))} %"
