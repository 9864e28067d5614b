"""DINOv2's patch tokens as a map: Oquab et al., "DINOv2: learning robust visual features without supervision", 2023."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from resight.errors import WeightsError
from resight.features.networks.layers import Layer, Window
from resight.features.networks.network import Network


class VisionTransformer(Network):
    """A vision transformer of the library transformers, with the interface of a convolutional network.

    Layer blocks.N (from 0) is the patch tokens after block N, and `patch_tokens` those after the last block and its
    layer normalisation, which DINOv2 recommends. None is rectified.

    Notes: every token sees the whole image by attention; the receptive field given is that of its patch. An image's
    last pixels that fill no patch are left out. All blocks are computed whichever layer is asked for.
    """

    name = "dinov2"
    input_side = 224

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model
        config: Any = model.config
        self.patch = int(config.patch_size)
        # The class token and, in later models, registers come before the patches.
        self.prefix = 1 + int(getattr(config, "num_register_tokens", 0))
        windows = (Window(self.patch, self.patch),)
        names = [*(f"blocks.{index}" for index in range(config.num_hidden_layers)), "patch_tokens"]
        self._layers = tuple(
            Layer(name, int(config.hidden_size), False, () if index else windows) for index, name in enumerate(names)
        )

    @property
    def layers(self) -> tuple[Layer, ...]:
        return self._layers

    def walk(self, x: Tensor) -> Iterator[Tensor]:
        height, width = (side // self.patch for side in x.shape[-2:])
        output = self.model(pixel_values=x, output_hidden_states=True)
        for tokens in (*output.hidden_states[1:], output.last_hidden_state):
            patches = tokens[:, self.prefix :]
            yield patches.transpose(1, 2).reshape(len(x), -1, height, width)


def open_dinov2(folder: Path) -> VisionTransformer:
    """Opens the model in a folder with `config.json` and `model.safetensors`, as published. Raises WeightsError.

    Runs no code of the folder and fetches nothing.
    """
    try:
        import transformers  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        raise WeightsError(f"{folder}: dinov2 needs transformers: pip install transformers") from None
    if not (folder / "config.json").is_file() or not (folder / "model.safetensors").is_file():
        raise WeightsError(
            f"{folder}: dinov2 is a folder with config.json and model.safetensors, as in the repository "
            "facebook/dinov2-small on Hugging Face: fetch those two files into it"
        )
    try:
        model: Any = transformers.AutoModel.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, trust_remote_code=False
        )
    # The library raises its own exceptions for faulty files.
    except Exception as error:
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise WeightsError(f"{folder}: transformers cannot load it ({reason})") from None
    if not hasattr(model.config, "patch_size") or not hasattr(model.config, "num_hidden_layers"):
        raise WeightsError(f"{folder}: a {type(model).__name__}, which is no vision transformer")
    return VisionTransformer(model).eval()
