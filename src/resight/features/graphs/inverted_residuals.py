"""Networks of inverted residual blocks as ONNX models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from resight.arrays import Arrays, Float32
from resight.features.graphs.model import GraphWriter
from resight.features.networks.inverted_residuals import Convolution, InvertedResiduals, Padding


def inverted_residuals_model(plan: InvertedResiduals, state: Arrays, layers: Sequence[str]) -> bytes:
    """Returns a model from images (B, 3, H, W) of any size, normalised, to the maps of some layers, in their order.

    `state` has the arrays of the plan's keys. Each batch normalisation is merged into the convolution before it.
    Nothing after the last of the layers is part of the model. Raises RecipeError for an unknown layer.
    """
    wanted = {name: plan.layer(name) for name in layers}
    last = max(plan.layers.index(layer) for layer in wanted.values())
    needed = {layer.name for layer in plan.layers[: last + 1]}
    graph = GraphWriter(plan.name)
    x = graph.input("images", ("batch", 3, "height", "width"))
    for block in plan.blocks:
        start = x
        for number, each in enumerate(block.convolutions):
            ends = number == len(block.convolutions) - 1
            name = f"{block.name}.expand" if block.expands and number == 0 else each.norm
            x = _convolved(graph, plan, each, state, x, block.name if ends and not block.shortcut else name)
            if name == f"{block.name}.expand" and block.name not in needed:
                break
        if block.shortcut and block.name in needed:
            x = graph.node("Add", [start, x], block.name)
        if plan.layers[last].name in (block.name, f"{block.name}.expand"):
            break
    for name, layer in wanted.items():
        graph.output(name, ("batch", layer.channels, f"height of {name}", f"width of {name}"))
    return graph.to_bytes()


def folded(each: Convolution, state: Arrays, epsilon: float) -> tuple[Float32, Float32]:
    """Returns weight and bias of a convolution that does what it and its batch normalisation do."""
    weight = np.asarray(state[each.weight], np.float64)
    gain, shift, mean, variance = (
        np.asarray(state[f"{each.norm}.{name}"], np.float64)
        for name in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gain / np.sqrt(variance + epsilon)
    return (
        (weight * scale[:, None, None, None]).astype(np.float32),
        (shift - mean * scale).astype(np.float32),
    )


def _convolved(
    graph: GraphWriter, plan: InvertedResiduals, each: Convolution, state: Arrays, x: str, output: str
) -> str:
    weight, bias = folded(each, state, plan.epsilon)
    inputs = [x, graph.constant(each.weight, weight), graph.constant(f"{each.norm}.bias", bias)]
    made = f"{output}.linear" if each.activated else output
    sides = {"kernel_shape": [each.kernel] * 2, "strides": [each.stride] * 2}
    x = graph.node("Conv", inputs, made, group=each.groups, **sides, **_padding(each, plan.padding))
    if not each.activated:
        return x
    limits = [graph.constant("zero", np.array(0.0)), graph.constant("six", np.array(6.0))]
    return graph.node("Clip", [x, *limits], output)


def _padding(each: Convolution, padding: Padding) -> dict[str, str | list[int]]:
    """Returns the attribute of padding: TensorFlow's depends on the side, and the runtime computes it."""
    window = each.window(padding)
    return {"auto_pad": "SAME_UPPER"} if window.same else {"pads": [window.padding] * 4}
