"""Winograd's convolutions against torch's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from resight.features.networks.architectures import blank, randomise
from resight.features.runtimes import winograd
from resight.features.runtimes.layer import LayerMaps
from resight.features.runtimes.winograd import WinogradConvolution, transform_input, transform_output, use_winograd
from resight.forks import WorkerPool

RNG = np.random.default_rng(0)

# Equations of Lavin & Gray's section 4.3, in full.
B = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
A = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])


def images(*shape: int) -> Tensor:
    made = torch.randn(*shape, generator=torch.Generator().manual_seed(0)).relu()
    return made.to(memory_format=torch.channels_last)


def convolution(inputs: int, outputs: int, bias: bool = True) -> nn.Conv2d:
    made = nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias)
    generator = torch.Generator().manual_seed(1)
    for each in made.parameters():
        each.data.normal_(0.0, 0.1, generator=generator)
    return made


@pytest.mark.parametrize("shape", [(5, 6), (4, 8), (9, 3)])
def test_the_input_transform_is_the_papers(shape: tuple[int, int]) -> None:
    image = RNG.standard_normal((*shape, 3), np.float32)
    rows, columns = -(-shape[0] // 4), -(-shape[1] // 4)
    found = np.full((36, rows * columns, 3), np.nan, np.float32)
    transform_input(image, 0, 0, 1, found)
    transform_input(image, 0, 1, rows, found)
    padded = np.pad(image, ((1, 8), (1, 8), (0, 0)))
    for tile in range(rows * columns):
        y, x = 4 * (tile // columns), 4 * (tile % columns)
        expected = np.einsum("ai,ijc,bj->abc", B, padded[y : y + 6, x : x + 6], B)
        np.testing.assert_allclose(found[:, tile].reshape(6, 6, 3), expected, atol=1e-4)


@pytest.mark.parametrize("shape", [(5, 6), (4, 8), (9, 3)])
def test_the_output_transform_is_the_papers(shape: tuple[int, int]) -> None:
    rows, columns = -(-shape[0] // 4), -(-shape[1] // 4)
    products = RNG.standard_normal((36, rows * columns, 2), np.float32)
    bias = np.array([1.0, -2.0], np.float32)
    found = np.full((*shape, 2), np.nan, np.float32)
    transform_output(products, 0, 0, rows, found, bias)
    for tile in range(rows * columns):
        expected = np.einsum("ai,ijc,bj->abc", A, products[:, tile].reshape(6, 6, 2), A) + bias
        y, x = 4 * (tile // columns), 4 * (tile % columns)
        part = found[y : y + 4, x : x + 4]
        np.testing.assert_allclose(part, expected[: part.shape[0], : part.shape[1]], atol=1e-4)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("size", [(40, 33), (22, 90), (37, 64), (4, 200)])
@pytest.mark.parametrize("bias", [True, False])
def test_it_gives_what_torch_gives(
    size: tuple[int, int], bias: bool, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(winograd, "_MOST_TILES", 40)
    plain = convolution(16, 24, bias)
    x = images(2, 16, *size)
    with torch.inference_mode():
        found, expected = WinogradConvolution(plain, WorkerPool(threads), threads)(x), plain(x)
    assert found.shape == expected.shape
    assert float((found - expected).abs().max()) <= 3e-5 * float(expected.abs().max())
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_a_map_with_few_positions_takes_the_plain_way() -> None:
    plain = convolution(16, 16)
    x = images(1, 16, 8, 8)
    with torch.inference_mode():
        found = WinogradConvolution(plain, WorkerPool(1), 1)
        assert torch.equal(found(x), plain(x))
        assert not torch.equal(found(images(1, 16, 40, 40)), plain(images(1, 16, 40, 40)))


@pytest.mark.parametrize(("name", "layer", "most"), [("resnet18", "layer2", 7), ("mobilenet_v2", "features.4", 0)])
def test_only_convolutions_that_suit_are_replaced(name: str, layer: str, most: int) -> None:
    made = blank(name, None)
    randomise(made, 0)
    x = images(1, 3, 96, 160)
    with torch.inference_mode():
        wanted = LayerMaps(made, [layer])
        (expected,) = wanted(x)
        use_winograd(wanted)
        replaced = [each for each in made.modules() if isinstance(each, WinogradConvolution)]
        (found,) = wanted(x)
    assert (len(replaced) >= most) if most else not replaced
    for each in replaced:
        assert each.plain.kernel_size == (3, 3)
        assert each.plain.stride == (1, 1)
    assert float((found - expected).abs().max()) <= 1e-4 * float(expected.abs().max())
