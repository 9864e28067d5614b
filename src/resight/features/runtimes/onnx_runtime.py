"""ONNX Runtime on the processor: runs an ONNX model, without torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnxruntime

from resight.arrays import Float32
from resight.cores import cores
from resight.errors import WeightsError
from resight.features.runtimes.inputs import ArrayInputs
from resight.forks import check_not_forked


class OnnxRuntime(ArrayInputs):
    """A runtime of an ONNX model, for images of any size that the model takes. Raises WeightsError.

    `outputs`: those that `run` gives, all of the model's unless named. `inputs`: name, shape (a name or None for a free
    side) and type of each. `source` names the model in errors.

    Notes: images of a batch run one after another, which takes no longer on a processor, and makes the maps of an image
    the same in every batch.
    """

    name = "onnxruntime"
    most_pixels = 1 << 20

    def __init__(self, model: bytes, source: str, outputs: Sequence[str] = ()) -> None:
        check_not_forked("ONNX Runtime")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = cores(), 1
        # Sides differ from photo to photo, so that a plan of the memory would be made for nothing.
        options.enable_mem_pattern = False
        # Threads that wait would take time from those that decode photos.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        # Its exceptions have no class in common but this.
        except Exception as error:
            raise WeightsError(f"{source}: ONNX Runtime cannot read it: {_reason(error)}") from None
        self._source = source
        self.inputs = [(each.name, tuple(each.shape), each.type) for each in self._session.get_inputs()]
        self.outputs = list(outputs) or [each.name for each in self._session.get_outputs()]
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)

    def run(self, x: Float32) -> tuple[Float32, ...]:
        """Converts images (B, 3, H, W) to maps (B, C, h, w) of each output; a vector is a map of one position."""
        check_not_forked("ONNX Runtime")
        each = [self._run_one(x[row : row + 1]) for row in range(len(x))]
        return tuple(np.concatenate(maps) if len(maps) > 1 else maps[0] for maps in zip(*each, strict=True))

    def _run_one(self, x: Float32) -> list[Float32]:
        try:
            found = self._session.run(self.outputs, {self.inputs[0][0]: x})
        except Exception as error:
            side = " x ".join(str(each) for each in x.shape[:1:-1])
            raise WeightsError(f"{self._source}: fails on an image of {side} pixels: {_reason(error)}") from None
        return [np.asarray(maps[..., None, None] if maps.ndim == 2 else maps, np.float32) for maps in found]


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1][:300] if lines else type(error).__name__
