"""OpenVINO on the processor, compiled from a network in torch; imported only where it is installed and wanted."""

from __future__ import annotations

import warnings

import numpy as np
import openvino
import torch
from openvino.frontend import FrontEndManager
from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder
from torch import Tensor

from resight.cores import cores
from resight.errors import ResightError
from resight.features.runtimes.layer import LayerMaps
from resight.features.runtimes.torch_inputs import TorchInputs
from resight.features.runtimes.torch_runtime import CPU_PIXELS
from resight.forks import check_not_forked

_PRECISIONS = {"float32": "f32", "bfloat16": "bf16"}


class ConversionError(ResightError):
    """Error for a network that OpenVINO cannot read."""


class OpenvinoRuntime(TorchInputs):
    """A runtime of layers in OpenVINO, for images of any size in batches of any size. Raises ConversionError.

    Notes: one stream on all cores, so that only the maps of one batch at a time are in memory. bfloat16 is used only
    for operations that gain from it; on processors without such instructions for none.
    """

    name = "openvino"
    device = torch.device("cpu")
    most_pixels = CPU_PIXELS

    def __init__(self, layer: LayerMaps, precision: str, least_side: int) -> None:
        check_not_forked("OpenVINO")
        model = _convert(layer, max(2 * least_side, 64))
        settings = {
            "INFERENCE_PRECISION_HINT": _PRECISIONS[precision],
            "INFERENCE_NUM_THREADS": str(cores()),
            "NUM_STREAMS": "1",
        }
        self._request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()

    def run(self, x: Tensor) -> tuple[Tensor, ...]:
        check_not_forked("OpenVINO")
        self._request.infer([x.contiguous().numpy()], share_inputs=True)
        # Copies, because the next call writes to the same memory.
        return tuple(torch.from_numpy(np.array(each.data, np.float32)) for each in self._request.output_tensors)


def _convert(layer: LayerMaps, side: int) -> openvino.Model:
    # Not openvino.convert_model: it reports its use over the network, and takes twice as long.
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            example = torch.zeros(1, 3, side, side + 8)
            traced = torch.jit.trace(layer, example, check_trace=False)  # type: ignore[no-untyped-call]
            frontend = FrontEndManager().load_by_framework("pytorch")
            # Must live as long as the conversion, which does not ensure that.
            decoder = TorchScriptPythonDecoder(traced)
            model = frontend.convert(frontend.load(decoder))
            model.reshape([-1, 3, -1, -1])
    # Its frontend raises its own exceptions, torch's tracer others.
    except Exception as error:
        layers = " and ".join(layer.layers)
        reason = str(error).strip().splitlines()[-1][:200] if str(error).strip() else type(error).__name__
        raise ConversionError(
            f'OpenVINO cannot read {layers} of {layer.network.name} ({reason}): set runtime = "torch"'
        ) from None
    return model
