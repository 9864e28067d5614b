"""A network as the bytes of an ONNX model, without the onnx package.

Source: onnx.proto3 of the Open Neural Network Exchange, whose field numbers are those below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from resight.arrays import Floating
from resight.features.graphs.protobuf import data, integer, number

IR_VERSION, OPSET = 8, 13
"""The versions of the format and of its operators that are written: both are read by every runtime since 2022."""

Attribute = int | float | str | Sequence[int]
Dimension = int | str
"""A length, or the name of one that is free."""

_FLOAT = 1


class GraphWriter:
    """A graph that grows by one node after another. Tensors are named by the caller; all are float32."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[bytes] = []
        self._constants: dict[str, bytes] = {}
        self._inputs: list[bytes] = []
        self._outputs: list[bytes] = []

    def input(self, name: str, shape: Sequence[Dimension]) -> str:
        """Declares an input and returns its name."""
        self._inputs.append(_value(name, shape))
        return name

    def output(self, name: str, shape: Sequence[Dimension]) -> str:
        """Declares a tensor that a node makes as an output, and returns its name."""
        self._outputs.append(_value(name, shape))
        return name

    def constant(self, name: str, values: Floating) -> str:
        """Adds a constant tensor, once, and returns its name."""
        if name not in self._constants:
            array = np.ascontiguousarray(values, "<f4")
            dims = b"".join(integer(1, side) for side in values.shape)
            self._constants[name] = dims + integer(2, _FLOAT) + data(8, name) + data(9, array.tobytes())
        return name

    def node(self, operator: str, inputs: Sequence[str], output: str, **attributes: Attribute) -> str:
        """Adds a node with one output, and returns the name of that. `attributes`: those of the ONNX operator."""
        self._nodes.append(
            b"".join(data(1, name) for name in inputs)
            + data(2, output)
            + data(3, output)
            + data(4, operator)
            + b"".join(data(5, _attribute(name, value)) for name, value in attributes.items())
        )
        return output

    def to_bytes(self, metadata: Mapping[str, str] | None = None) -> bytes:
        """Returns the whole model as a file has it."""
        graph = (
            b"".join(data(1, node) for node in self._nodes)
            + data(2, self._name)
            + b"".join(data(5, constant) for constant in self._constants.values())
            + b"".join(data(11, value) for value in self._inputs)
            + b"".join(data(12, value) for value in self._outputs)
        )
        return (
            integer(1, IR_VERSION)
            + data(2, "resight")
            + data(7, graph)
            + data(8, data(1, "") + integer(2, OPSET))
            + b"".join(data(14, data(1, key) + data(2, value)) for key, value in (metadata or {}).items())
        )


def _value(name: str, shape: Sequence[Dimension]) -> bytes:
    dims = b"".join(data(1, integer(1, side) if isinstance(side, int) else data(2, side)) for side in shape)
    return data(1, name) + data(2, data(1, integer(1, _FLOAT) + data(2, dims)))


def _attribute(name: str, value: Attribute) -> bytes:
    """Returns an attribute with its type, by which it is read."""
    match value:
        case int():
            return data(1, name) + integer(3, value) + integer(20, 2)
        case float():
            return data(1, name) + number(2, value) + integer(20, 1)
        case str():
            return data(1, name) + data(4, value) + integer(20, 3)
        case _:
            return data(1, name) + b"".join(integer(8, each) for each in value) + integer(20, 7)
