"""A network of inverted residual blocks in torch."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from resight.features.networks.inverted_residuals import Block, Convolution, InvertedResiduals, Padding
from resight.features.networks.layers import Layer
from resight.features.networks.network import Network


class _Convolution(nn.Conv2d):
    """A convolution without bias that keeps the side of its input, or halves it, with either kind of padding."""

    def __init__(self, plan: Convolution, padding: Padding) -> None:
        window = plan.window(padding)
        self.same = window.same
        super().__init__(
            plan.inputs,
            plan.outputs,
            plan.kernel,
            stride=plan.stride,
            padding=window.padding,
            groups=plan.groups,
            bias=False,
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.same:
            # Stride 2: the last window ends beyond an even side, and an odd side is padded equally.
            before, after = self.kernel_size[0] - 2, (self.kernel_size[0] - 1) // 2
            width, height = ((before + side % 2) // 2 for side in (x.shape[-1], x.shape[-2]))
            x = nn.functional.pad(x, (width, after, height, after))
        return super().forward(x)


class InvertedResidualNetwork(Network):
    """A network as `plan` describes it, whose state dict has the plan's keys.

    `classes` None omits the classifier.
    """

    def __init__(self, plan: InvertedResiduals, classes: int | None = 1000) -> None:
        super().__init__()
        self.name, self.input_side, self.plan, self.classes = plan.name, plan.input_side, plan, classes
        for each in plan.convolutions:
            self._put(each.weight.removesuffix(".weight"), _Convolution(each, plan.padding))
            self._put(each.norm, nn.BatchNorm2d(each.outputs, plan.epsilon))
        self.relu6 = nn.ReLU6(inplace=True)
        if classes is not None:
            self._put(plan.classifier, nn.Linear(plan.layers[-1].channels, classes))

    @property
    def layers(self) -> tuple[Layer, ...]:
        return self.plan.layers

    def walk(self, x: Tensor) -> Iterator[Tensor]:
        for block in self.plan.blocks:
            for step in self._steps(block, x):
                x = step
                yield x

    def forward(self, x: Tensor) -> Tensor:
        """Returns class scores (B, classes)."""
        last = self.layers[-1].name
        scores: Tensor = self.get_submodule(self.plan.classifier)(self.maps(x, [last])[last].mean((2, 3)))
        return scores

    def class_weights(self) -> tuple[Tensor, Tensor]:
        if self.classes is None:
            return super().class_weights()
        linear = self.get_submodule(self.plan.classifier)
        assert isinstance(linear, nn.Linear)
        return linear.weight, linear.bias

    def _steps(self, block: Block, x: Tensor) -> Iterator[Tensor]:
        """Yields the maps of a block's layers: the expanded one, where there is one, then its output."""
        out = x
        for number, each in enumerate(block.convolutions):
            out = self.get_submodule(each.norm)(self.get_submodule(each.weight.removesuffix(".weight"))(out))
            if each.activated:
                out = self.relu6(out)
            if block.expands and number == 0:
                yield out
        yield x + out if block.shortcut else out

    def _put(self, key: str, module: nn.Module) -> None:
        """Registers a module under the dotted key that its parameters have in the state dict."""
        *path, name = key.split(".")
        place: nn.Module = self
        for each in path:
            if each not in place._modules:
                place.add_module(each, nn.Module())
            place = place.get_submodule(each)
        place.add_module(name, module)
