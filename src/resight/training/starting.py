"""The start of training beside the network: whitenings, projections, and the words of NetVLAD."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from resight.arrays import Int64
from resight.channels.shipped import builtin_artefact, read_fitted
from resight.descriptors.kinds import Whitened
from resight.descriptors.netvlad import starting_alpha
from resight.errors import FitError
from resight.features.kinds import JoinedMaps
from resight.learned.codebook import fit_codebook
from resight.learned.whitening import Whitening, fit_pca_whitening, from_arrays
from resight.recipe import ChannelRecipe
from resight.training.describing import maps_of_part, plain, rows_of_part
from resight.training.heads import NetVladHead
from resight.training.model import Part, TrainedDescriptor
from resight.training.product import FITTED_HERE
from resight.training.views import Views

SAMPLE = 1000
"""Photos that they are fitted on."""
POSITIONS = 100
"""Positions of a photo that words are fitted on: Arandjelovic et al., CVPR 2016, code, which has 50,000 in all."""


def start_whitenings(model: TrainedDescriptor, views: Views, photos: Int64, seed: int) -> list[Whitening | None]:
    """Returns the whitening of each part by principal components, fitted on photos with the network as it is."""
    drawn = _drawn(photos, seed)
    found: list[Whitening | None] = []
    for number, part in enumerate(model.parts):
        if not isinstance(part.method, Whitened):
            found.append(None)
            continue
        every = np.concatenate(rows_of_part(model, number, views, plain(drawn)))
        dimensions = min(part.method.dimensions, every.shape[1])
        terms = part.method.terms()
        found.append(fit_pca_whitening(every, dimensions, power=terms.power, shrinkage=terms.shrinkage))
    return found


def own_whitenings(channel: ChannelRecipe, parts: Sequence[Part], folder: Path, weights: str) -> list[Whitening] | None:
    """Returns the whitening of each part that a descriptor comes with, fitted on other photos, or None.

    folder: of its recipe. weights: what training starts from instead of its own; with those of another network there is
    none, neither is there where cells are whitened, because a product whitens whole vectors, nor where a former
    training fitted it on its own photos. Raises FitError where a file that the recipe names cannot be read.
    """
    source = channel.source
    if source is None or source.kind not in ("builtin", "file"):
        return None
    if any(weights not in ("", part.features.checkpoint.source) for part in parts):
        return None
    methods = [part.method for part in parts]
    if not all(
        isinstance(one, Whitened) and one.needs and getattr(one, "whitened", "whole") == "whole" for one in methods
    ):
        return None
    if source.kind == "file":
        artefact = read_fitted(folder / source.path, channel.method)
        if artefact.provenance.get("fitted_on") == FITTED_HERE:
            return None
        arrays = artefact.arrays
    else:
        try:
            arrays = builtin_artefact(channel.features, channel.method).arrays
        except FitError:
            # Nothing ships for it: an index would be refused, and a training is not.
            return None
    prefixes = [f"{number}." for number in range(len(parts))] if isinstance(channel.features, JoinedMaps) else [""]
    found = [from_arrays(arrays, prefix) for prefix in prefixes]
    return [
        one.reduced(min(one.dimensions, method.dimensions))
        for one, method in zip(found, methods, strict=True)
        if isinstance(method, Whitened)
    ]


def random_projections(
    model: TrainedDescriptor, views: Views, photos: Int64, dimensions: int, seed: int
) -> list[Whitening | None]:
    """Returns a random projection of each part to so many dimensions, which keeps lengths on average.

    Source: Johnson & Lindenstrauss, "Extensions of Lipschitz mappings into a Hilbert space", 1984.
    """
    found: list[Whitening | None] = []
    for number in range(len(model.parts)):
        rows = rows_of_part(model, number, views, plain(photos[:1].tolist()))[0].shape[1]
        drawn = np.random.default_rng([seed, 13, number]).standard_normal((dimensions, rows)) * dimensions**-0.5
        found.append(Whitening(np.zeros(rows, np.float32), drawn.astype(np.float32)))
    return found


def start_words(model: TrainedDescriptor, views: Views, photos: Int64, seed: int) -> None:
    """Makes the layers of NetVLAD what learning starts from: words of the positions of photos.

    Source: Arandjelovic et al., CVPR 2016, section 3.1 and code.
    """
    for number, head in enumerate(model.each_head()):
        if isinstance(head, NetVladHead):
            rng = np.random.default_rng([seed, 12])
            sample = []
            for maps in maps_of_part(model, number, views, plain(_drawn(photos, seed))):
                rows = maps.reshape(len(maps), -1).T
                rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
                sample.append(rows[rng.permutation(len(rows))[:POSITIONS]])
            rows = np.ascontiguousarray(np.concatenate(sample), np.float32)
            words = fit_codebook(rows, head.netvlad.centroids.shape[0], rng)
            with torch.no_grad():
                head.netvlad.start_from(words, starting_alpha(rows, words))


def _drawn(photos: Int64, seed: int) -> list[int]:
    drawn: list[int] = np.sort(np.random.default_rng([seed, 8]).permutation(photos)[:SAMPLE]).tolist()
    return drawn
