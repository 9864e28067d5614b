"""NetVLAD of one photo, at one scale or several, by the layer of a checkpoint or by what learning it starts from."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from resight.arrays import Arrays, Vectors
from resight.descriptors.netvlad import NetVLAD
from resight.descriptors.pooling import l2_normalise
from resight.errors import FitError
from resight.features.image_maps import ImageMaps
from resight.features.maps import MapExtractor
from resight.libraries import to_numpy

RANDOM_ALPHA = 10.0


def netvlad_of(image: ImageMaps, layer: NetVLAD) -> Vectors:
    """Returns (K * C,) L2-normalised mean over scales. Zeros where no position has an activation."""
    image = image.tensors()
    with torch.inference_mode():
        scales = [
            _vector(layer.to(maps.device), maps[None] if mask is None else maps[:, mask > 0][None, :, :, None])
            for maps, mask in zip(image.maps, image.masks, strict=True)
        ]
        return np.ascontiguousarray(l2_normalise(torch.stack(scales).mean(dim=0)).cpu().numpy(), np.float32)


def positions(image: ImageMaps) -> Vectors:
    """Returns (m, C) L2-normalised activations of all positions of all scales: what words are fitted on."""
    rows = [to_numpy(maps.reshape(len(maps), -1).T) for maps in image.maps]
    return np.ascontiguousarray(l2_normalise(np.concatenate(rows)))


def fitted_layer(fitted: Arrays) -> NetVLAD:
    """Returns the layer of centroids (K, C) and alpha (1,), as `NetVLAD.start_from` makes it."""
    centroids = np.asarray(fitted["centroids"], np.float32)
    layer = NetVLAD(*centroids.shape)
    layer.start_from(centroids, float(fitted["alpha"][0]))
    return layer.eval()


def layer_of_checkpoint(extractor: MapExtractor) -> NetVLAD:
    """Returns the layer that was learned with the network of an extractor.

    Raises FitError where there is none for these maps.
    """
    loaded = extractor.loaded()
    if loaded.source == "random":
        rng = np.random.default_rng(extractor.params.checkpoint.seed)
        layer = NetVLAD(4, extractor.dimensions)
        layer.start_from(rng.standard_normal((4, extractor.dimensions)) * extractor.dimensions**-0.5, RANDOM_ALPHA)
        return layer.eval()
    found = loaded.head.assignment if loaded.head is not None else None
    if found is None:
        raise FitError(
            f'{loaded.source}: no NetVLAD layer is in it; set words = "fitted", or name a checkpoint that has one'
        )
    if found.centroids.shape[1] != extractor.dimensions:
        raise FitError(
            f"{loaded.source}: its NetVLAD layer is for {found.centroids.shape[1]} channels, and maps of "
            f"{extractor.params.layer} have {extractor.dimensions}"
        )
    layer = NetVLAD(*found.centroids.shape)
    with torch.no_grad():
        layer.centroids.copy_(torch.from_numpy(found.centroids))
        layer.conv.weight.copy_(torch.from_numpy(found.weight)[:, :, None, None])
        assert layer.conv.bias is not None
        layer.conv.bias.copy_(torch.from_numpy(found.bias))
    return layer.eval()


def _vector(layer: NetVLAD, maps: Tensor) -> Tensor:
    """Returns (K * C,) of maps (1, C, H, W).

    Without activations a sum would be of the centroids alone, the same for all.
    """
    if not maps.any():
        return maps.new_zeros(layer.centroids.numel())
    vector: Tensor = layer(maps)[0]
    return vector
