"""Networks against torchvision's published keys and sizes, and their maps against what the tables say of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from resight.errors import RecipeError, UsageError
from resight.features.networks.alexnet import AlexNet
from resight.features.networks.architectures import ARCHITECTURES, blank, randomise
from resight.features.networks.inverted_residual_network import InvertedResidualNetwork
from resight.features.networks.inverted_residuals import Padding
from resight.features.networks.network import Network

# Parameters that torchvision's documentation states for each network with 1000 classes.
PARAMETERS = {
    "alexnet": 61_100_840,
    "vgg16": 138_357_544,
    # The convolutions of VGG-16, a convolution of 512 to 1024 channels, a layer of 1024 to 1000: by hand.
    "vgg16_cam": 14_714_688 + 4_719_616 + 1_025_000,
    "vgg19": 143_667_240,
    "resnet18": 11_689_512,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "mobilenet_v2": 3_504_872,
    # The published 4.7 million.
    "efficientnet_lite0": 4_652_008,
}
COUNTS = {
    "resnet18": (2, (2, 2, 2, 2)),
    "resnet50": (3, (3, 4, 6, 3)),
    "resnet101": (3, (3, 4, 23, 3)),
    "resnet152": (3, (3, 8, 36, 3)),
}
NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def affine(*modules: str) -> set[str]:
    return {f"{module}.{part}" for module in modules for part in ("weight", "bias")}


def normalisation(module: str) -> set[str]:
    return {f"{module}.{part}" for part in NORM}


def column_keys(convolutions: list[int], linear: list[int]) -> set[str]:
    return affine(*(f"features.{n}" for n in convolutions), *(f"classifier.{n}" for n in linear))


def resnet_keys(name: str) -> set[str]:
    convolutions, counts = COUNTS[name]
    keys = {"conv1.weight"} | normalisation("bn1") | affine("fc")
    for stage, count in enumerate(counts, 1):
        for block in range(count):
            place = f"layer{stage}.{block}"
            for n in range(1, convolutions + 1):
                keys |= {f"{place}.conv{n}.weight"} | normalisation(f"{place}.bn{n}")
            if block == 0 and (stage > 1 or convolutions == 3):
                keys |= {f"{place}.downsample.0.weight"} | normalisation(f"{place}.downsample.1")
    return keys


def mobilenet_keys() -> set[str]:
    keys = affine("classifier.1")
    for n in (0, 18):
        keys |= {f"features.{n}.0.weight"} | normalisation(f"features.{n}.1")
    for n in range(1, 18):
        place = f"features.{n}.conv"
        activated = 1 if n == 1 else 2
        for step in range(activated):
            keys |= {f"{place}.{step}.0.weight"} | normalisation(f"{place}.{step}.1")
        keys |= {f"{place}.{activated}.weight"} | normalisation(f"{place}.{activated + 1}")
    return keys


def lite0_keys() -> set[str]:
    keys = {"_conv_stem.weight", "_conv_head.weight"} | normalisation("_bn0") | normalisation("_bn1") | affine("_fc")
    for n in range(16):
        place = f"_blocks.{n}"
        for convolution, norm in (("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")):
            if n > 0 or convolution != "_expand_conv":
                keys |= {f"{place}.{convolution}.weight"} | normalisation(f"{place}.{norm}")
    return keys


KEYS = {
    "alexnet": column_keys([0, 3, 6, 8, 10], [1, 4, 6]),
    "vgg16": column_keys([0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28], [0, 3, 6]),
    "vgg16_cam": column_keys([0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28, 30], []) | affine("fc"),
    "vgg19": column_keys([0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34], [0, 3, 6]),
    **{name: resnet_keys(name) for name in COUNTS},
    "mobilenet_v2": mobilenet_keys(),
    "efficientnet_lite0": lite0_keys(),
}

# Name: channels, stride, size of the receptive field; sizes as Araujo, Norris and Sim, Distill 2019, compute them for
# VGG16 and as follows by hand from the definitions.
KNOWN = {
    ("alexnet", "conv1"): (64, 4, 11),
    ("alexnet", "conv5"): (256, 16, 163),
    ("alexnet", "pool5"): (256, 32, 195),
    ("alexnet", "fc7"): (4096, 32, 355),
    ("vgg16", "conv1_1"): (64, 1, 3),
    ("vgg16", "conv5_3"): (512, 16, 196),
    ("vgg16", "conv5_3.linear"): (512, 16, 196),
    ("vgg16", "pool5"): (512, 32, 212),
    ("vgg16_cam", "cam"): (1024, 16, 228),
    ("vgg16", "fc6"): (4096, 32, 404),
    ("vgg19", "conv5_4"): (512, 16, 252),
    ("resnet18", "layer4"): (512, 32, 435),
    ("resnet50", "layer3"): (1024, 16, 267),
    ("resnet50", "layer4"): (2048, 32, 427),
    ("resnet101", "layer4"): (2048, 32, 971),
    ("mobilenet_v2", "features.0"): (32, 2, 3),
    ("mobilenet_v2", "features.14.expand"): (576, 16, 267),
    ("mobilenet_v2", "features.14"): (160, 32, 299),
    ("mobilenet_v2", "features.18"): (1280, 32, 491),
    ("efficientnet_lite0", "stem"): (32, 2, 3),
    ("efficientnet_lite0", "blocks.1.expand"): (96, 2, 7),
}


def random_network(name: str, padding: Padding = "torch", classes: int | None = None) -> Network:
    network = blank(name, classes, padding)
    randomise(network, 1)
    return network


def image(height: int, width: int, batch: int = 1) -> Tensor:
    return torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_parameters_are_as_many_as_torchvision_states(name: str) -> None:
    assert sum(parameter.numel() for parameter in blank(name).parameters()) == PARAMETERS[name]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_keys_are_torchvisions(name: str) -> None:
    assert blank(name).state_dict().keys() == KEYS[name]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_without_classes_only_the_classifier_is_missing(name: str) -> None:
    classifier = ("classifier.", "fc.", "_fc.")
    assert blank(name, None).state_dict().keys() == {key for key in KEYS[name] if not key.startswith(classifier)}


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("size", [(224, 224), (301, 250)])
def test_every_layer_has_the_channels_and_sides_that_are_stated(name: str, size: tuple[int, int]) -> None:
    network = blank(name)
    maps = network.maps(torch.empty(2, 3, *size, device="meta"), [layer.name for layer in network.layers])
    for layer, output in maps.items():
        sides = tuple(network.map_side(layer, side) for side in size)
        assert output.shape == (2, network.channels(layer), *sides), layer


@pytest.mark.parametrize(("name", "layer"), KNOWN)
def test_layers_of_the_literature(name: str, layer: str) -> None:
    network = blank(name)
    field = network.receptive_field(layer)
    assert (network.channels(layer), network.stride(layer), field.size) == KNOWN[name, layer]
    assert field.stride == network.stride(layer)


@pytest.mark.parametrize("name", ["alexnet", "resnet18", "mobilenet_v2"])
def test_rectified_layers_and_no_others_are_without_negative_values(name: str) -> None:
    network = random_network(name)
    with torch.inference_mode():
        maps = network.maps(image(96, 80), [layer.name for layer in network.layers])
    for layer in network.layers:
        assert (maps[layer.name].min() >= 0) == layer.rectified, layer


def averaging(network: Network) -> Network:
    """The network with windows that weigh everything alike, so that a gradient reaches all that they see."""
    network.to_empty(device="cpu")
    for parent in list(network.modules()):
        for name, module in list(parent.named_children()):
            if isinstance(module, nn.MaxPool2d):
                setattr(parent, name, nn.AvgPool2d(module.kernel_size, module.stride, module.padding))
            elif isinstance(module, nn.BatchNorm2d | nn.ReLU6):
                setattr(parent, name, nn.Identity())
            elif isinstance(module, nn.Conv2d):
                module.weight.data.fill_(1.0 / module.weight[0].numel())
                if module.bias is not None:
                    module.bias.data.zero_()
    return network


def seen(network: Network, layer: str, size: tuple[int, int], positions: list[int]) -> Iterator[tuple[int, int]]:
    """First and last + 1 column of the image that a column of the map depends on."""
    x = torch.ones(1, 3, *size, requires_grad=True)
    output = network.maps(x, [layer])[layer]
    for position in positions:
        (gradient,) = torch.autograd.grad(output[..., position].sum(), x, retain_graph=True)
        columns = gradient.sum((0, 1, 2)).nonzero()[:, 0]
        yield int(columns[0]), int(columns[-1]) + 1


@pytest.mark.parametrize(
    ("name", "padding", "layers", "size"),
    [
        ("alexnet", "torch", ["conv1", "pool2", "conv5", "pool5"], (80, 319)),
        ("vgg16", "torch", ["conv2_2", "conv5_3", "pool5"], (32, 256)),
        ("resnet18", "torch", ["conv1", "pool1", "layer2", "layer4"], (32, 600)),
        ("resnet50", "torch", ["layer3", "layer4"], (32, 600)),
        ("mobilenet_v2", "torch", ["features.0", "features.14.expand", "features.18"], (32, 700)),
        ("mobilenet_v2", "same", ["features.0", "features.4", "features.14.expand", "features.18"], (32, 704)),
        ("mobilenet_v2", "same", ["features.0", "features.4", "features.14.expand", "features.18"], (32, 703)),
        ("mobilenet_v2", "same", ["features.0", "features.4", "features.14.expand", "features.18"], (32, 690)),
    ],
)
def test_receptive_fields_are_where_gradients_reach(
    name: str, padding: Padding, layers: list[str], size: tuple[int, int]
) -> None:
    network = averaging(blank(name, None, padding))
    width = size[1]
    for layer in layers:
        last = network.map_side(layer, width) - 1
        positions = [0, last // 2, last]
        field = network.receptive_field(layer, width)
        expected = [(max(a, 0), min(b, width)) for a, b in map(field.interval, positions)]
        assert list(seen(network, layer, size, positions)) == expected, layer


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_least_side_gives_a_position_and_one_pixel_less_does_not(name: str) -> None:
    network = blank(name)
    for layer in network.layers:
        least = network.least_side(layer.name)
        assert network.map_side(layer.name, least) >= 1
        assert least == 1 or network.map_side(layer.name, least - 1) == 0


def test_an_image_that_is_too_small_is_an_error_that_says_how_large() -> None:
    network = random_network("vgg16")
    assert network.maps(image(32, 40), ["pool5"])["pool5"].shape == (1, 512, 1, 1)
    with pytest.raises(UsageError, match=r"31 pixels .* pool5 of vgg16 .* at least 32"):
        network.maps(image(40, 31), ["pool5"])


def test_nothing_after_the_last_layer_is_computed() -> None:
    class Forbidden(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise AssertionError("computed")

    network = random_network("resnet18")
    network.layer3 = nn.Sequential(Forbidden())
    assert list(network.maps(image(64, 64), ["layer2", "conv1"])) == ["layer2", "conv1"]
    with pytest.raises(AssertionError, match="computed"):
        network.maps(image(64, 64), ["layer3"])
    assert network.maps(image(64, 64), []) == {}


def test_an_inner_layer_is_what_the_block_goes_on_with() -> None:
    network = random_network("mobilenet_v2")
    assert isinstance(network, InvertedResidualNetwork)
    x = image(64, 64)
    maps = network.maps(x, ["features.13", "features.14.expand", "features.14"])
    block = "features.14.conv"
    convolution, normalise = network.get_submodule(f"{block}.0.0"), network.get_submodule(f"{block}.0.1")
    assert torch.equal(normalise(convolution(maps["features.13"])).clamp(0, 6), maps["features.14.expand"])
    out = maps["features.14.expand"]
    for step in ("1.0", "1.1", "relu6", "2", "3"):
        out = out.clamp(0, 6) if step == "relu6" else network.get_submodule(f"{block}.{step}")(out)
    assert torch.equal(out, maps["features.14"])


def test_an_unknown_layer_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(RecipeError, match='vgg16 has no layer "conv5-3"; did you mean "conv5_3"'):
        blank("vgg16").channels("conv5-3")
    with pytest.raises(RecipeError, match="alexnet has no layer"):
        blank("alexnet", None).maps(image(224, 224), ["fc6"])


@pytest.fixture(scope="module")
def alexnet() -> AlexNet:
    network = random_network("alexnet", classes=10)
    assert isinstance(network, AlexNet)
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            assert module.bias is not None
            module.bias.data.uniform_(-0.1, 0.1, generator=torch.Generator().manual_seed(2))
    return network


def test_fully_connected_layers_are_those_of_the_classifier(alexnet: AlexNet) -> None:
    assert alexnet.classifier is not None
    x = image(224, 224, 2)
    with torch.inference_mode():
        flat = torch.flatten(alexnet.features(x), 1)
        fc6 = torch.relu(alexnet.classifier[1](flat))
        fc7 = torch.relu(alexnet.classifier[4](fc6))
        assert torch.allclose(alexnet.codes(x, "fc6"), fc6, rtol=1e-4, atol=1e-4)
        assert torch.allclose(alexnet.codes(x, "fc7"), fc7, rtol=1e-4, atol=1e-4)
        assert torch.allclose(alexnet(x), alexnet.classifier[6](fc7), rtol=1e-4, atol=1e-4)


def test_fully_connected_layers_of_larger_images_are_those_of_windows_of_the_map(alexnet: AlexNet) -> None:
    assert alexnet.classifier is not None
    with torch.inference_mode():
        maps = alexnet.maps(image(300, 260), ["pool5", "fc6"])
        assert maps["fc6"].shape[-2:] == (3, 2)
        for row in range(3):
            for column in range(2):
                window = maps["pool5"][:, :, row : row + 6, column : column + 6]
                expected = torch.relu(alexnet.classifier[1](torch.flatten(window, 1)))
                assert torch.allclose(maps["fc6"][:, :, row, column], expected, rtol=1e-4, atol=1e-4)
        with pytest.raises(UsageError, match=r"2 x 3 positions .* not one: resize them to 224"):
            alexnet.codes(image(300, 260), "fc6")


@pytest.mark.parametrize(("name", "layer"), [("resnet18", "layer4"), ("mobilenet_v2", "features.18")])
def test_class_scores_are_linear_in_the_mean_of_the_last_map(name: str, layer: str) -> None:
    network = random_network(name, classes=7)
    x = image(96, 128, 2)
    with torch.inference_mode():
        weights, biases = network.class_weights()
        scores = network.maps(x, [layer])[layer].mean((2, 3)) @ weights.T + biases
        assert scores.shape == (2, 7)
        assert torch.allclose(network(x), scores, rtol=1e-4, atol=1e-4)


def test_networks_without_a_linear_classifier_say_so() -> None:
    for network in (blank("vgg16"), blank("resnet18", None)):
        with pytest.raises(UsageError, match="class-activation"):
            network.class_weights()


def same_convolution(x: Tensor, weight: Tensor) -> Tensor:
    """TensorFlow's SAME padding of a 3x3 convolution with stride 2 as its documentation defines it, per axis."""
    pads = []
    for side in (x.shape[3], x.shape[2]):
        total = max((-(-side // 2) - 1) * 2 + 3 - side, 0)
        pads += [total // 2, total - total // 2]
    return nn.functional.conv2d(nn.functional.pad(x, pads), weight, stride=2)


@pytest.mark.parametrize("size", [(32, 32), (33, 32), (32, 35), (31, 33)])
def test_same_padding_is_tensorflows(size: tuple[int, int]) -> None:
    network = random_network("mobilenet_v2", "same")
    x = image(*size)
    first = network.state_dict()["features.0.0.weight"]
    expected = same_convolution(x, first).clamp(0, 6) / (1 + 1e-5) ** 0.5
    with torch.inference_mode():
        assert torch.allclose(network.maps(x, ["features.0"])["features.0"], expected, atol=1e-4)


def test_padding_is_an_option_of_mobilenet_only() -> None:
    with pytest.raises(RecipeError, match='resnet18 knows only padding = "torch"'):
        blank("resnet18", None, "same")


def test_batches_do_not_matter() -> None:
    network = random_network("resnet18")
    x = image(64, 96, 3)
    with torch.inference_mode():
        together = network.maps(x, ["layer4"])["layer4"]
        for index in range(3):
            alone = network.maps(x[index : index + 1], ["layer4"])["layer4"][0]
            assert torch.allclose(alone, together[index], rtol=1e-4, atol=1e-4)
