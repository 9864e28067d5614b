"""Channels of NetVLAD: its layer from the checkpoint of the network, or what learning it starts from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from resight.channels.vectors import Vector, VectorChannel
from resight.descriptors.kinds import NetVlad
from resight.descriptors.netvlad import NetVLAD, starting_alpha
from resight.descriptors.pooling import l2_normalise
from resight.errors import FitError
from resight.features.maps import ImageMaps, MapExtractor
from resight.learned.codebook import affordable_size, fit_codebook
from resight.learned.whitening import VECTORS, from_arrays

Fitted = Mapping[str, NDArray[Any]]

RANDOM_ALPHA = 10.0


class NetVladChannel(VectorChannel):
    """Positions of feature maps, softly assigned to words."""

    def __init__(self, extractor: MapExtractor, method: NetVlad, fitted: Fitted) -> None:
        self._maps = extractor
        self._fitted = fitted if method.words == "fitted" else None
        self._layer: NetVLAD | None = None
        self._whitening = None
        if method.whitening == "pca":
            found = from_arrays(fitted, VECTORS)
            self._whitening = found.reduced(min(found.dimensions, method.dimensions))
        size = 0 if self._whitening is None else self._whitening.dimensions
        if not size:
            size = self.layer().centroids.numel()
        super().__init__(extractor, size)

    def layer(self) -> NetVLAD:
        """The layer; that of a checkpoint is read when it is first asked for. FitError where there is none."""
        if self._layer is None:
            self._layer = _of_checkpoint(self._maps) if self._fitted is None else _fitted_layer(self._fitted)
        return self._layer

    def aggregate(self, features: ImageMaps) -> Vector:
        vector = self.raw(features)
        if self._whitening is None:
            return vector
        if not vector.any():
            return np.zeros(self.size, np.float32)
        return np.asarray(self._whitening.apply(vector[None])[0])

    def raw(self, features: ImageMaps) -> Vector:
        """Vector before whitening; those of several scales are averaged. Zeros where no position has an activation."""
        layer = self.layer()
        with torch.inference_mode():
            scales = [
                _vector(layer.to(maps.device), maps[None] if mask is None else maps[:, mask > 0][None, :, :, None])
                for maps, mask in zip(features.maps, features.masks, strict=True)
            ]
            return np.ascontiguousarray(l2_normalise(torch.stack(scales).mean(dim=0)).cpu().numpy(), np.float32)

    def encode(self, features: ImageMaps, size: tuple[int, int]) -> tuple[Vector, int]:
        """The vector, which counts as one feature."""
        return self.aggregate(features), 1


def _vector(layer: NetVLAD, maps: Tensor) -> Tensor:
    """(K * C,) of maps (1, C, H, W). Without activations a sum would be of the centroids alone, the same for all."""
    if not maps.any():
        return maps.new_zeros(layer.centroids.numel())
    vector: Tensor = layer(maps)[0]
    return vector


def positions(features: ImageMaps) -> Vector:
    """(m, C) L2-normalised activations of all positions of all scales: what words are fitted on."""
    with torch.inference_mode():
        rows = torch.cat([maps.flatten(1).T for maps in features.maps])
        return np.ascontiguousarray(nn.functional.normalize(rows, dim=1).cpu().numpy(), np.float32)


def fit_words(method: NetVlad, sample: Vector, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    """Centroids (K, C) and alpha (1,) that learning starts from, on rows of `positions`."""
    centroids = fit_codebook(sample, max(2, affordable_size(len(sample), method.size)), rng)
    alpha = starting_alpha(sample, centroids)
    return {"centroids": np.asarray(centroids, np.float32), "alpha": np.array([alpha], np.float32)}


def _fitted_layer(fitted: Fitted) -> NetVLAD:
    centroids = np.asarray(fitted["centroids"], np.float32)
    layer = NetVLAD(*centroids.shape)
    layer.start_from(centroids, float(fitted["alpha"][0]))
    return layer.eval()


def _of_checkpoint(extractor: MapExtractor) -> NetVLAD:
    loaded = extractor.loaded()
    if loaded.source == "random":
        rng = np.random.default_rng(extractor.params.checkpoint.seed)
        layer = NetVLAD(4, extractor.dimensions)
        layer.start_from(rng.standard_normal((4, extractor.dimensions)) * extractor.dimensions**-0.5, RANDOM_ALPHA)
        return layer.eval()
    found = loaded.netvlad
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
