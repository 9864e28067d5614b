"""Saliency that a model from an ONNX file sees in a photo."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from resight.arrays import Float32, Pixels
from resight.errors import WeightsError
from resight.features.networks.kinds import Checkpoint
from resight.features.networks.locating import locate, verified
from resight.features.networks.onnx_file import input_size, normalisation, read_model
from resight.features.runtimes.onnx_runtime import OnnxRuntime


class LearnedSaliency:
    """A model that gives a map of a photo, higher where viewers look; runs without torch, in any thread.

    A path is looked for relative to `folder`. size: (width, height) to which photos are warped; where it is None, the
    only one that the file takes, else what its metadata calls `size`, else that of the photo. Mean and deviation come
    from the recipe, or from the metadata, as lists in JSON. Of several outputs the metadata's `layer` counts. Raises
    WeightsError for a file that cannot be read, does not take images or gives no single map.
    """

    def __init__(self, checkpoint: Checkpoint, folder: Path, size: tuple[int, int] | None = None) -> None:
        self._path = path = locate(checkpoint, folder)
        verified(path, checkpoint, None)
        model = read_model(path)
        runtime = OnnxRuntime(model, str(path))
        only = input_size(path, runtime)
        if only is not None and size not in (None, only):
            raise WeightsError(f"{path}: it takes images of {only[0]} x {only[1]} alone: leave saliency_size out")
        self._size = only or size or _stated_size(path, runtime)
        self._mean, self._deviation = normalisation(path, runtime, checkpoint)
        output = runtime.metadata.get("layer", runtime.outputs[0] if len(runtime.outputs) == 1 else "")
        if output not in runtime.outputs:
            said = f'its metadata names the output "{output}"' if output else "its metadata names none as its layer"
            raise WeightsError(
                f"{path}: it has the outputs {', '.join(runtime.outputs)}, and {said}: export it with its map as the "
                "only output"
            )
        self._output = output
        self._runtime = OnnxRuntime(model, str(path), (output,)) if len(runtime.outputs) > 1 else runtime

    def __call__(self, pixels: Pixels) -> Float32:
        """Returns the map (h, w) of a photo (H, W, 3), as large as the model gives it."""
        if self._size is not None:
            pixels = np.asarray(Image.fromarray(pixels).resize(self._size, Image.Resampling.BILINEAR))
        x = self._runtime.normalised(pixels[None], self._mean, self._deviation)
        (found,) = self._runtime.run(x)
        shape = found.shape
        # One map in any of the usual forms: (1, 1, h, w), (1, h, w, 1) or (1, h, w).
        if len(shape) == 4 and 1 in (shape[1], shape[3]):
            found = found[:, 0] if shape[1] == 1 else found[..., 0]
        if found.ndim != 3 or len(found) != 1:
            raise WeightsError(
                f"{self._path}: its output {self._output} is {list(shape)}: a model of saliency gives one map, "
                "(1, 1, h, w): export it so"
            )
        return np.asarray(found[0], np.float32)


def _stated_size(path: Path, runtime: OnnxRuntime) -> tuple[int, int] | None:
    """Returns (width, height) by the metadata. Raises WeightsError where they are no two sides."""
    said = runtime.metadata.get("size")
    if said is None:
        return None
    try:
        width, height = (int(side) for side in json.loads(said))
        if min(width, height) < 1:
            raise ValueError
    except (ValueError, TypeError):
        raise WeightsError(
            f"{path}: its metadata's size is {said}, and not [width, height] in pixels: set saliency_size, and write "
            "it right in the file"
        ) from None
    return width, height
