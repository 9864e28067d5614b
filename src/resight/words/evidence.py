"""What an image is to a visual-word method: words, where they were seen, and how the residual pointed."""

from __future__ import annotations

from dataclasses import dataclass

from resight.arrays import Float32, Float64, Int32, UInt64
from resight.images.boxes import Box


@dataclass(frozen=True)
class ImageWords:
    """Visual words of one image; one row for each (feature, assigned word).

    words: (q,) int32 word ids. Sorted ascending, ties by feature, so that runs of a word are contiguous.
    features: (q,) int32 row of the feature in `xy`, `scale` and `angle`.
    weights: (q,) float32 weight of the assignment (soft assignment), or None when every one weighs 1.
    signatures: (q, w) uint64 packed bits of the feature's residual in its word, or None where the method keeps none.
    aggregated: (u, w) uint64 packed sign bits of the summed residuals, one row for each distinct word in ascending
        order, or None. Only ASMK has it.
    xy: (m, 2) float32, scale: (m,) float32, angle: (m,) float32: geometry of the m features, original pixels.
    size: (width, height) of the upright original.
    box: the part of a query that was asked for, where words outside of it count too; otherwise None.

    A database image has one word for each feature and, with ASMK, keeps only the aggregated signatures: there
    `signatures` repeats for each feature the aggregated signature of its word.
    """

    words: Int32
    features: Int32
    xy: Float32
    scale: Float32
    angle: Float32
    size: tuple[int, int]
    weights: Float32 | None = None
    signatures: UInt64 | None = None
    aggregated: UInt64 | None = None
    box: Box | None = None

    def __len__(self) -> int:
        return len(self.words)


@dataclass(frozen=True)
class WordVector:
    """A sparse vector over the codebook, in the space where bags of words are compared; entries may be negative.

    words: (u,) int32 distinct word ids, ascending. values: (u,) float64.
    """

    words: Int32
    values: Float64

    def __len__(self) -> int:
        return len(self.words)
