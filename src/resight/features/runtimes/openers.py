"""The runtimes that a network can have here: those whose libraries are there, and that a recipe does not rule out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from resight.errors import RecipeError
from resight.features.kinds import ScaledFeatures
from resight.features.networks.exported import ExportedNetwork, can_export
from resight.features.networks.inverted_residuals import INVERTED_RESIDUALS
from resight.features.runtimes.cards import has_card
from resight.features.runtimes.runtime import Runtime

if TYPE_CHECKING:
    from resight.features.networks.checkpoint import LoadedNetwork


def runs_exported(params: ScaledFeatures) -> bool:
    """Returns True for a network that runs without torch. RecipeError: the recipe asks for what is not there."""
    able = can_export(params.network, params.checkpoint)
    if params.runtime == "onnxruntime" and not able:
        raise RecipeError(
            f'runtime = "onnxruntime" runs {" and ".join(INVERTED_RESIDUALS)} from .safetensors files, and ONNX files, '
            f'not {params.network} from {params.checkpoint.source}: set runtime = "auto"'
        )
    if params.runtime == "openvino" and find_spec("openvino") is None:
        raise RecipeError(
            "runtime = \"openvino\", but OpenVINO is not installed: pip install 'resight[fast]', "
            f'or set runtime = "{"onnxruntime" if able else "torch"}"'
        )
    if params.network == "onnx" and (params.runtime == "torch" or params.precision != "float32"):
        raise RecipeError('an ONNX file runs in float32 and without torch: set runtime = "auto", and no precision')
    if not able or params.runtime == "torch" or params.precision != "float32":
        return False
    return params.network == "onnx" or params.runtime != "auto" or not has_card()


def openers_of_exported(network: ExportedNetwork, source: str) -> dict[str, Callable[[], Runtime]]:
    """Returns openers of each runtime that an exported network can have here, by name."""

    def open_onnx() -> Runtime:
        from resight.features.runtimes.onnx_runtime import OnnxRuntime

        return OnnxRuntime(network.model, source, network.outputs)

    def open_openvino() -> Runtime:
        from resight.features.runtimes.openvino_model import OpenvinoModelRuntime

        return OpenvinoModelRuntime(network.model, source, network.outputs)

    openers: dict[str, Callable[[], Runtime]] = {"onnxruntime": open_onnx}
    if find_spec("openvino") is not None:
        openers["openvino"] = open_openvino
    return openers


def openers_in_torch(
    loaded: LoadedNetwork, layers: Sequence[str], params: ScaledFeatures, least: int
) -> dict[str, Callable[[], Runtime]]:
    """Returns openers of each runtime that a network in torch can have here, by name.

    layers: those whose maps are wanted; least: side in pixels of the smallest image.
    """
    import torch

    from resight.features.runtimes.layer import LayerMaps
    from resight.features.runtimes.torch_runtime import TorchRuntime

    maps, precision = LayerMaps(loaded.network, layers), params.precision
    device = torch.device("cuda" if params.runtime != "openvino" and torch.cuda.is_available() else "cpu")

    def open_openvino() -> Runtime:
        from resight.features.runtimes.openvino_runtime import OpenvinoRuntime

        return OpenvinoRuntime(maps, precision, least)

    openers: dict[str, Callable[[], Runtime]] = {"torch": lambda: TorchRuntime(maps, precision, device)}
    if device.type == "cpu" and find_spec("openvino") is not None:
        openers["openvino"] = open_openvino
    return openers
