"""3 x 3 convolutions with 2.25 multiplications an output instead of 9, in float32: Winograd's F(4 x 4, 3 x 3).

Source: Lavin & Gray, "Fast algorithms for convolutional neural networks", CVPR 2016, section 4. A tile of 4 x 4 outputs
comes from 6 x 6 inputs: both go through transforms of additions and few multiplications, and between them the channels
of each of the 36 places are one matrix product. Neither torch nor OpenVINO has it for processors. Results differ from
those of the plain sum by about 1e-5 of the largest.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from resight.arrays import Float32
from resight.features.runtimes.layer import LayerMaps
from resight.forks import WorkerPool
from resight.kernels.compiling import kernel

_LEAST_CHANNELS = 64
"""Fewest channels: below, the transforms cost more than the products save."""
_LEAST_TILES = 24
"""Fewest tiles: below, reading the 36 matrices takes longer than multiplying with them."""
_MOST_TILES = 512
_BYTES = 1 << 24
"""Bytes of the tiles between the two transforms: they stay in the cache."""

# G of the paper's section 4.3 (its equation for F(4 x 4, 3 x 3)); B and A are written out in the kernels.
_FILTER = torch.tensor(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ],
    dtype=torch.float64,
)


class WinogradConvolution(nn.Module):
    """A convolution 3 x 3 of stride 1 and padding 1, (B, C, H, W) to (B, K, H, W), float32 on the processor.

    Maps with few positions use the plain convolution. No gradients.

    Notes: the transformed weights take four times the memory of the plain ones, which are kept beside them.
    """

    def __init__(self, plain: nn.Conv2d, pool: WorkerPool, threads: int) -> None:
        super().__init__()
        self.plain = plain
        self._pool = pool
        self._threads = threads
        # Made at first use: convolutions after the wanted layer never need them.
        self._weight: Tensor | None = None
        bias = torch.zeros(plain.out_channels) if plain.bias is None else plain.bias.detach()
        self._bias: Float32 = bias.numpy()

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        rows, columns = -(-height // 4), -(-width // 4)
        if rows * columns < _LEAST_TILES:
            plain: Tensor = self.plain(x)
            return plain
        if self._weight is None:
            self._weight = _transformed(self.plain.weight.detach())
        outputs = self.plain.out_channels
        images: Float32 = x.permute(0, 2, 3, 1).contiguous().numpy()
        y = torch.empty(batch, height, width, outputs)
        tiles = min(_MOST_TILES, _BYTES // (36 * 4 * max(channels, outputs)))
        blocks = -(-rows // max(1, tiles // columns))
        step = -(-rows // blocks)
        read, written = torch.empty(36, step * columns, channels), torch.empty(36, step * columns, outputs)
        for image, result in zip(images, y.numpy(), strict=True):
            for first in range(0, rows, step):
                last = min(first + step, rows)
                # Rows beyond the last belong to the block before, and are not read again.
                self._share(transform_input, image, first, last, read.numpy())
                torch.bmm(read, self._weight, out=written)
                self._share(transform_output, written.numpy(), first, last, result, self._bias)
        return y.permute(0, 3, 1, 2)

    def _share(self, kernel: Callable[..., None], source: Float32, first: int, last: int, *others: Float32) -> None:
        """Runs one kernel over rows of tiles, on all threads."""
        bounds = np.linspace(first, last, min(self._threads, last - first) + 1).astype(int).tolist()
        own, *rest = itertools.pairwise(bounds)
        waiting = [self._pool.executor.submit(kernel, source, first, *part, *others) for part in rest]
        kernel(source, first, *own, *others)
        for each in waiting:
            each.result()


def use_winograd(layer: LayerMaps) -> None:
    """Makes the convolutions of a network use this algorithm where possible and faster. Works in place."""
    threads = torch.get_num_threads()
    pool = WorkerPool(threads)
    for name, module in list(layer.named_modules()):
        if isinstance(module, nn.Conv2d) and _suits(module):
            layer.set_submodule(name, WinogradConvolution(module, pool, threads))


def _transformed(weight: Tensor) -> Tensor:
    """Computes G g G' of filters g (K, C, 3, 3): (36, C, K) float32."""
    outputs, inputs = weight.shape[:2]
    found = torch.einsum("ai,kcij,bj->abck", _FILTER, weight.to(torch.float64), _FILTER)
    return found.reshape(36, inputs, outputs).to(torch.float32)


def _suits(module: nn.Conv2d) -> bool:
    return (
        # A subclass may pad in its own way.
        type(module) is nn.Conv2d
        and (module.kernel_size, module.stride, module.padding) == ((3, 3), (1, 1), (1, 1))
        and (module.dilation, module.groups, module.padding_mode) == ((1, 1), 1, "zeros")
        and min(module.in_channels, module.out_channels) >= _LEAST_CHANNELS
    )


@kernel(fastmath={"contract"})
def transform_input(image: Float32, block: int, first: int, last: int, read: Float32) -> None:
    """Computes B' d B of the 6 x 6 inputs d of each tile in tile rows `first` to `last` of (H, W, C), zero outside.

    read (36, tiles, C): tiles of the block whose first tile row is `block`.
    """
    height, width, channels = image.shape
    columns = (width + 3) // 4
    inputs = np.zeros((6, 6, channels), np.float32)
    half = np.empty((6, 6, channels), np.float32)
    for row in range(first, last):
        for column in range(columns):
            tile = (row - block) * columns + column
            for i in range(6):
                y = 4 * row - 1 + i
                for j in range(6):
                    x = 4 * column - 1 + j
                    if 0 <= y < height and 0 <= x < width:
                        for c in range(channels):
                            inputs[i, j, c] = image[y, x, c]
                    else:
                        inputs[i, j, :] = 0.0
            for j in range(6):
                _into(inputs[0, j], inputs[1, j], inputs[2, j], inputs[3, j], inputs[4, j], inputs[5, j], half[:, j])
            for i in range(6):
                own = half[i]
                _into(own[0], own[1], own[2], own[3], own[4], own[5], read[6 * i : 6 * i + 6, tile])


@kernel(fastmath={"contract"})
def transform_output(written: Float32, block: int, first: int, last: int, result: Float32, bias: Float32) -> None:
    """Computes A' m A of the products m (36, tiles, K) of each tile, with the bias, into (H, W, K). Rows as above."""
    height, width, channels = result.shape
    columns = (width + 3) // 4
    half = np.empty((4, 6, channels), np.float32)
    whole = np.empty((4, channels), np.float32)
    for row in range(first, last):
        for column in range(columns):
            m = written[:, (row - block) * columns + column]
            for j in range(6):
                _out_of(m[j], m[6 + j], m[12 + j], m[18 + j], m[24 + j], m[30 + j], half[:, j])
            for i in range(min(4, height - 4 * row)):
                own = half[i]
                _out_of(own[0], own[1], own[2], own[3], own[4], own[5], whole)
                for j in range(min(4, width - 4 * column)):
                    for c in range(channels):
                        result[4 * row + i, 4 * column + j, c] = whole[j, c] + bias[c]


@kernel(fastmath={"contract"}, inline="always")
def _into(d0: Float32, d1: Float32, d2: Float32, d3: Float32, d4: Float32, d5: Float32, out: Float32) -> None:
    """Computes B' along one axis, for all channels."""
    four, two, five = np.float32(4), np.float32(2), np.float32(5)
    for c in range(len(d0)):
        even, odd = d4[c] - four * d2[c], d3[c] - four * d1[c]
        out[0, c] = four * d0[c] - five * d2[c] + d4[c]
        out[1, c] = even + odd
        out[2, c] = even - odd
        even, odd = d4[c] - d2[c], two * (d3[c] - d1[c])
        out[3, c] = even + odd
        out[4, c] = even - odd
        out[5, c] = four * d1[c] - five * d3[c] + d5[c]


@kernel(fastmath={"contract"}, inline="always")
def _out_of(m0: Float32, m1: Float32, m2: Float32, m3: Float32, m4: Float32, m5: Float32, out: Float32) -> None:
    """Computes A' along one axis, for all channels."""
    two, four, eight = np.float32(2), np.float32(4), np.float32(8)
    for c in range(len(m0)):
        even, odd = m1[c] + m2[c], m1[c] - m2[c]
        wide, wider = m3[c] + m4[c], m3[c] - m4[c]
        out[0, c] = m0[c] + even + wide
        out[1, c] = odd + two * wider
        out[2, c] = even + four * wide
        out[3, c] = odd + eight * wider + m5[c]
