"""A network from any ONNX file: its outputs are its layers, and its metadata says what input it takes."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from resight.errors import RecipeError, WeightsError
from resight.features.networks.exported import ExportedNetwork
from resight.features.networks.kinds import Checkpoint
from resight.features.networks.layers import Layer, Layered, Window
from resight.features.networks.safetensors_files import Triple, stated
from resight.features.runtimes.onnx_runtime import OnnxRuntime

PROBED_SIDE = 224
"""Side in pixels of the image on which a network that takes any size is tried."""


class OnnxNetwork(Layered):
    """The outputs of a file as layers, in the order of the file; `default` is the one that the name "" stands for.

    Notes: strides are the sides of the input over those of a map; a position is taken to see its stride's pixels, as
    the windows inside are not known.
    """

    name = "onnx"

    def __init__(self, path: Path, layers: Sequence[Layer], default: str, input_side: int) -> None:
        self._path = path
        self._layers = tuple(layers)
        self._default = default
        self.input_side = input_side

    @property
    def layers(self) -> tuple[Layer, ...]:
        return self._layers

    def layer(self, name: str) -> Layer:
        names = [layer.name for layer in self._layers]
        if (name or self._default) in names:
            return self._layers[names.index(name or self._default)]
        outputs = ", ".join(names)
        if not name and not self._default:
            raise RecipeError(f"{self._path}: it has the outputs {outputs}: name one of them by layer in the recipe")
        near = difflib.get_close_matches(name or self._default, names, 1)
        hint = f'; did you mean "{near[0]}"?' if near else ""
        raise RecipeError(f'{self._path}: it has no output "{name or self._default}", but {outputs}{hint}')

    def _windows(self, name: str) -> list[Window]:
        # Outputs follow one another in no way that is known: each has its own window of the input.
        return list(self.layer(name).windows)


def open_onnx_file(path: Path, checkpoint: Checkpoint, layers: Sequence[str]) -> ExportedNetwork:
    """Returns the network of a file, which is tried once on an image of zeros.

    layers: names of outputs; "" is the one that the metadata calls `layer`, or the only one. Mean and deviation come
    from the recipe, or from the metadata as lists in JSON. An output (B, D) is taken as a map of one position. Raises
    WeightsError for a file that cannot be read, does not take images, or says nothing of its input where the recipe
    does not either; RecipeError for an output that it lacks.
    """
    model = read_model(path)
    runtime = OnnxRuntime(model, str(path))
    size = input_size(path, runtime)
    mean, deviation = normalisation(path, runtime, checkpoint)
    width, height = size or (PROBED_SIDE, PROBED_SIDE)
    maps = runtime.run(np.zeros((1, 3, height, width), np.float32))
    default = runtime.metadata.get("layer", runtime.outputs[0] if len(runtime.outputs) == 1 else "")
    # Outputs that nobody asks for may have any form.
    asked = {layer or default for layer in layers}
    outputs = dict(zip(runtime.outputs, maps, strict=True))
    found = [
        _layer(path, name, each.shape, height) for name, each in outputs.items() if name in asked or each.ndim == 4
    ]
    network = OnnxNetwork(path, found, default, height)
    named = [network.layer(layer).name for layer in layers]
    return ExportedNetwork(network, model, mean, deviation, tuple(named), size)


def read_model(path: Path) -> bytes:
    """Returns the bytes of a file. Raises WeightsError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror}") from None


def normalisation(path: Path, runtime: OnnxRuntime, checkpoint: Checkpoint) -> tuple[Triple, Triple]:
    """Returns mean and deviation of pixels, by the recipe or else the metadata.

    Raises WeightsError where neither says them.
    """
    said = stated(runtime.metadata, path)
    mean, deviation = checkpoint.mean or said.mean, checkpoint.deviation or said.deviation
    if mean is None or deviation is None:
        absent = [name for name, value in (("mean", mean), ("deviation", deviation)) if value is None]
        raise WeightsError(
            f"{path}: neither its metadata nor the recipe says {' and '.join(absent)} of the pixels that it takes: "
            f"give the checkpoint {' and '.join(f'{name} = [R, G, B]' for name in absent)}, of values from 0 to 1"
        )
    return mean, deviation


def input_size(path: Path, runtime: OnnxRuntime) -> tuple[int, int] | None:
    """Returns (width, height) of the only input size, or None where any will do. WeightsError for what is no image."""
    takes = f"{path}: it takes {', '.join(f'{name} {list(shape)} of {kind}' for name, shape, kind in runtime.inputs)}"
    if len(runtime.inputs) != 1:
        raise WeightsError(f"{takes}: a network here has one input, of images")
    ((_, shape, kind),) = runtime.inputs
    if len(shape) != 4 or kind != "tensor(float)" or shape[1] not in (3, *(each for each in shape if not _fixed(each))):
        raise WeightsError(f"{takes}: a network here takes float32 images (batch, 3, height, width)")
    height, width = shape[2:]
    if isinstance(height, int) and isinstance(width, int):
        return width, height
    if _fixed(height) or _fixed(width):
        raise WeightsError(f"{takes}: fix both sides of the image, or none")
    return None


def _fixed(side: int | str | None) -> bool:
    return isinstance(side, int)


def _layer(path: Path, name: str, shape: tuple[int, ...], side: int) -> Layer:
    if len(shape) != 4:
        raise WeightsError(f"{path}: its output {name} is {list(shape)}: it takes (batch, C, h, w) or (batch, C)")
    # A vector of the whole image has no window of its own: any image has one.
    stride = max(1, round(side / shape[2])) if shape[2] > 1 else 1
    return Layer(name, shape[1], False, (Window(stride, stride),))
