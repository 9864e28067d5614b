"""Names of the weightings of positions that ship; importing this module imports no implementation."""

from __future__ import annotations

from typing import Literal

SaliencyName = Literal[
    "gaussian",
    "l2",
    "rmac-1",
    "rmac-2",
    "rmac-3",
    "rmac-7",
    "spectral-residual",
    "itti-koch",
    "boolean-maps",
    "files",
    "onnx",
]
"""One of the table in `weighting`; "files": maps that another program wrote; "onnx": those of a model."""
