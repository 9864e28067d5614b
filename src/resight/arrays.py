"""Names of array types, one meaning each: a number of bits is a dtype, a word is a dtype with the shape beside it.

A function names the shape of its arrays in its docstring, as `(n, d)`; no other module gives an array type a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
"""An array of any dtype."""
Arrays: TypeAlias = Mapping[str, Array]
"""Arrays by name, as a segment, a structure or a fit keeps them."""

Float32: TypeAlias = NDArray[np.float32]
Float64: TypeAlias = NDArray[np.float64]
Floating: TypeAlias = NDArray[np.floating[Any]]
"""Floats of any width."""
Int32: TypeAlias = NDArray[np.int32]
Int64: TypeAlias = NDArray[np.int64]
Integer: TypeAlias = NDArray[np.integer[Any]]
"""Integers of any width."""
Intp: TypeAlias = NDArray[np.intp]
"""Positions within an array, as numpy's sorting gives them."""
UInt8: TypeAlias = NDArray[np.uint8]
UInt16: TypeAlias = NDArray[np.uint16]
UInt32: TypeAlias = NDArray[np.uint32]
UInt64: TypeAlias = NDArray[np.uint64]

Labels: TypeAlias = NDArray[np.str_]
"""(n,) classes or domains of images, by name."""
Mask: TypeAlias = NDArray[np.bool_]
"""True for what counts: rows (n,) of a collection, or pixels (h, w) of a photo."""
Pixels: TypeAlias = NDArray[np.uint8]
"""(h, w, 3) RGB, or (h, w) grey; row 0 is the top of the upright photo."""
Vector: TypeAlias = NDArray[np.float32]
"""(d,) descriptor of an image or a region."""
Vectors: TypeAlias = NDArray[np.float32]
"""(n, d) descriptors, a row each."""
Boxes: TypeAlias = NDArray[np.float64]
"""(r, 4) boxes x0, y0, x1, y1 in pixels, half-open."""
GridBoxes: TypeAlias = NDArray[np.int64]
"""(r, 4) boxes x0, y0, x1, y1 in positions of a grid (those of a feature map, or whole pixels), half-open."""
Transform: TypeAlias = NDArray[np.float64]
"""(3, 3) projective map of points (x, y, 1), in pixels of the photo it maps from to pixels of the other."""
