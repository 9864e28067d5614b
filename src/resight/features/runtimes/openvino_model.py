"""OpenVINO on the processor, from an ONNX model, without torch; imported only where it is installed and wanted."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import openvino

from resight.arrays import Float32
from resight.cores import cores
from resight.errors import WeightsError
from resight.features.runtimes.inputs import ArrayInputs
from resight.forks import check_not_forked


class OpenvinoModelRuntime(ArrayInputs):
    """A runtime of an ONNX model in OpenVINO, in float32, for images of any size that the model takes.

    `outputs`: those that `run` gives. Raises WeightsError that names the `source` where OpenVINO cannot read it.
    """

    name = "openvino"
    most_pixels = 1 << 20

    def __init__(self, model: bytes, source: str, outputs: Sequence[str]) -> None:
        check_not_forked("OpenVINO")
        settings = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": str(cores()),
            "NUM_STREAMS": "1",
        }
        core = openvino.Core()
        try:
            compiled = core.compile_model(core.read_model(io.BytesIO(model)), "CPU", settings)
        # Its frontend raises its own exceptions.
        except Exception as error:
            reason = str(error).strip().splitlines()[-1][:200] if str(error).strip() else type(error).__name__
            raise WeightsError(f'{source}: OpenVINO cannot read it ({reason}): set runtime = "onnxruntime"') from None
        self._request = compiled.create_infer_request()
        self._outputs = [compiled.output(name) for name in outputs]

    def run(self, x: Float32) -> tuple[Float32, ...]:
        """Converts images (B, 3, H, W) to maps (B, C, h, w) of each output; a vector is a map of one position."""
        check_not_forked("OpenVINO")
        self._request.infer([np.ascontiguousarray(x)], share_inputs=True)
        # Copies, because the next call writes to the same memory.
        found = (np.array(self._request.get_tensor(each).data, np.float32) for each in self._outputs)
        return tuple(maps[..., None, None] if maps.ndim == 2 else maps for maps in found)
