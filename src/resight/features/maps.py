"""Photos to the feature maps of one or more layers: sizes, boxes, scales, batches of equal size."""

from __future__ import annotations

import logging
import math
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from resight.arrays import Float32, Pixels
from resight.errors import RecipeError, ResightError
from resight.features.image_maps import ImageMaps, PreparedImage, layer_sampling, position_mask
from resight.features.kinds import ScaledFeatures
from resight.features.networks.exported import ExportedNetwork, open_exported
from resight.features.networks.inverted_residuals import INVERTED_RESIDUALS
from resight.features.networks.layers import Layered
from resight.features.networks.requirement import require_torch
from resight.features.runtimes.cards import full_card, has_card
from resight.features.runtimes.choice import fastest
from resight.features.runtimes.openers import openers_in_torch, openers_of_exported, runs_exported
from resight.features.runtimes.runtime import Runtime
from resight.images import Box, Decoded, check_box, enlarge, part_of, resize
from resight.libraries import AnyArray

if TYPE_CHECKING:
    from resight.features.networks.checkpoint import LoadedNetwork
    from resight.features.networks.kinds import Checkpoint
    from resight.features.saliency.learned import LearnedSaliency

_log = logging.getLogger(__name__)

_TOGETHER, _TOGETHER_ON_A_CARD = 16, 64


class MapExtractor:
    """An extractor of the maps of one layer of a network.

    Maps of the layers `beside` it come from the same pass. Weights are opened when the first photo is extracted.

    Paths of weights are relative to `folder`. Raises RecipeError for a layer that the network does not have.

    Notes: photos are not enlarged, except one whose short side is too short for a position of the layer: it is enlarged
    to the least side that gives one, with its aspect kept as far as `max_side` allows. Likewise, where a scale makes a
    side too short, the least side is used. Queries are enlarged by `enlarge_to`. DINOv2 and ONNX files are opened at
    once, because their layers are unknown before. A network runs without torch where `can_export` says so, unless the
    recipe asks for torch or bfloat16, or torch finds a graphics card. Photos are warped to the only size that an ONNX
    file takes.
    """

    def __init__(self, params: ScaledFeatures, folder: Path | None = None, beside: Sequence[str] = ()) -> None:
        self.params = params
        self.layers = (params.layer, *beside)
        self.max_side = params.max_side
        self._folder = folder or Path()
        self._lock = threading.Lock()
        self._opened: LoadedNetwork | ExportedNetwork | None = None
        self._loaded: LoadedNetwork | None = None
        self._runtime: Runtime | None = None
        self._learned_saliency: LearnedSaliency | None = None
        self.most_pixels: int | None = None
        """Most pixels of all images that run at once; the runtime's limit where it is None. Lowered when the card's
        memory is full."""
        self._is_exported = runs_exported(params)
        shapes = self._shapes()
        self.dimensions = shapes.channels(params.layer)
        self.input_side = shapes.input_side
        """Side in pixels of the images that the network was trained on."""
        self._least = max(shapes.least_side(layer) for layer in self.layers)
        self._size = self._opened.size if isinstance(self._opened, ExportedNetwork) else None
        if self._size is not None and params.scales != (1.0,):
            width, height = self._size
            raise RecipeError(f"{params.checkpoint.source}: it takes {width} x {height} pixels alone: leave scales out")
        on_card = not self._is_exported and params.runtime != "openvino" and has_card()
        self.together = _TOGETHER_ON_A_CARD if on_card else _TOGETHER

    def loaded(self) -> LoadedNetwork:
        """Returns the network with its weights in torch.

        Raises the errors of `open_network`, and WeightsError where they lack the layer.
        """
        with self._lock:
            return self._in_torch()

    def network(self) -> Layered:
        """Returns the layers of the network that runs, as numbers. Raises the errors of opening it."""
        with self._lock:
            return self._load().network

    def prepare(self, decoded: Decoded) -> PreparedImage:
        """Prepares a photo: its long side is reduced to `max_side`."""
        pixels = self._suited(resize(decoded.pixels, self.max_side))
        saliency = self._saliency(pixels, decoded.name)
        weighed = self.params.saliency is not None
        return PreparedImage(pixels, decoded.size, counts=decoded.counts, weighed=weighed, saliency=saliency)

    def _saliency(self, pixels: Pixels, name: str) -> Float32 | None:
        """Returns the saliency of a photo, where it is of pixels, files or a model.

        Raises what `read_saliency` and `LearnedSaliency` do.
        """
        kind = self.params.saliency
        if kind is None:
            return None
        if self.params.saliency_model is not None:
            return self._saliency_model(self.params.saliency_model)(pixels)
        if self.params.saliency_folder is not None:
            from resight.features.saliency.files import read_saliency

            return read_saliency(Path(self.params.saliency_folder), name)
        from resight.features.saliency.weighting import OF_PIXELS

        return OF_PIXELS[kind](pixels) if kind in OF_PIXELS else None

    def _saliency_model(self, checkpoint: Checkpoint) -> LearnedSaliency:
        """Returns the model of saliency, opened at the first call."""
        with self._lock:
            if self._learned_saliency is None:
                from resight.features.saliency.learned import LearnedSaliency

                self._learned_saliency = LearnedSaliency(checkpoint, self._folder, self.params.saliency_size)
            return self._learned_saliency

    def prepare_query(self, decoded: Decoded, box: Box | None) -> PreparedImage:
        """Prepares a query photo, or a part of it, by `ScaledFeatures.box`: cropped, or with positions inside marked.

        A part is reduced by the factor of its whole photo, so that things keep the size that they have there, but not
        below `ScaledFeatures.enlarge_to`, to which what is smaller is enlarged. A part of a few pixels gives at least
        one position. Raises UsageError where the box has no area inside the photo.

        Source: Radenovic, Tolias & Chum, TPAMI 2019, section 5, and its authors' code.
        """
        if box is None:
            return self._prepared_query(decoded)
        if self.params.box == "mask":
            whole = self._prepared_query(decoded)
            if decoded.counts is not None:
                part_of(decoded, box)  # refuses a part in which nothing counts
            return replace(whole, box=check_box(box, decoded.size))
        factor = min(1.0, self.max_side / max(decoded.pixels.shape[:2]))
        long_side = max(part_of(decoded, box).pixels.shape[:2])
        return self.prepare_part(decoded, box, max(1, round(long_side * factor), self._enlarge_to))

    def prepare_part(self, decoded: Decoded, box: Box, side: int) -> PreparedImage:
        """Prepares a part of a query photo alone, at a long side of `side` pixels. Raises UsageError as there."""
        part = part_of(decoded, box)
        height, width = part.pixels.shape[:2]
        size = (max(1, round(width / part.factors[0])), max(1, round(height / part.factors[1])))
        pixels = self._suited(enlarge(resize(part.pixels, side), side))
        return PreparedImage(pixels, size, part.origin, counts=part.counts)

    @property
    def _enlarge_to(self) -> int:
        """Long side below which a query is enlarged, at most that of photos."""
        return min(self.params.enlarge_to, self.max_side)

    def _prepared_query(self, decoded: Decoded) -> PreparedImage:
        """Prepares a whole photo as `prepare` does, enlarged where it is small."""
        pixels = enlarge(resize(decoded.pixels, self.max_side), self._enlarge_to)
        return PreparedImage(self._suited(pixels), decoded.size, counts=decoded.counts)

    def _suited(self, pixels: Pixels) -> Pixels:
        """Returns pixels of a size that the network takes: of its only one, or enlarged where a side is too short."""
        if self._size is None:
            return _at_least(pixels, self._least, self.max_side)
        from PIL import Image

        return np.array(Image.fromarray(pixels).resize(self._size, Image.Resampling.LANCZOS))

    def extract(self, prepared: Sequence[PreparedImage]) -> list[ImageMaps]:
        """Returns the maps of some photos, in their order; photos of equal size run together.

        Raises the errors of `extract_layers`.
        """
        return [found[0] for found in self.extract_layers(prepared)]

    def extract_layers(self, prepared: Sequence[PreparedImage]) -> list[tuple[ImageMaps, ...]]:
        """Returns the maps of each of `layers` of some photos, in their order.

        Raises the errors of `loaded`, and ResightError where the graphics card has too little memory for one photo.
        """
        if not prepared:
            return []
        with self._lock:
            runtime = self._runtime or self._open(prepared[0].pixels)
            network = self._load().network
            found: list[tuple[ImageMaps, ...]] = [()] * len(prepared)
            for rows in self._batches(prepared, runtime):
                for row, maps in zip(rows, self._run(runtime, [prepared[i].pixels for i in rows]), strict=True):
                    found[row] = self._described(prepared[row], maps, network)
        return found

    def scaled_sizes(self, pixels: Pixels) -> tuple[tuple[int, int], ...]:
        """Returns (width, height) of the network's input at each scale; rounded down, as in torch."""
        height, width = pixels.shape[:2]
        return tuple(
            (max(self._least, math.floor(width * scale)), max(self._least, math.floor(height * scale)))
            for scale in self.params.scales
        )

    def _shapes(self) -> Layered:
        """Returns the layers of the network before its weights are opened, where they are known before."""
        params = self.params
        padding = params.checkpoint.padding or "torch"
        if params.network in ("dinov2", "onnx"):
            return self.network()
        if params.network in INVERTED_RESIDUALS:
            return INVERTED_RESIDUALS[params.network].padded(padding)
        require_torch()
        from resight.features.networks.architectures import blank

        return blank(params.network, padding=padding)

    def _load(self) -> LoadedNetwork | ExportedNetwork:
        """Returns the network that runs, opened at the first call."""
        if self._opened is None:
            if self._is_exported:
                params = self.params
                self._opened = open_exported(params.network, params.checkpoint, self.layers, self._folder)
            else:
                self._opened = self._in_torch()
        return self._opened

    def _in_torch(self) -> LoadedNetwork:
        if self._loaded is None:
            require_torch()
            from resight.features.networks.checkpoint import open_network
            from resight.features.runtimes.layer import LayerMaps, fold_batch_norm

            loaded = open_network(self.params.network, self.params.checkpoint, self._folder)
            fold_batch_norm(LayerMaps(loaded.network, self.layers), self._least)
            self._loaded = loaded
        return self._loaded

    def _open(self, pixels: Pixels) -> Runtime:
        """Opens the runtime; where two are to be compared, on a given photo."""
        network, params = self._load(), self.params
        openers = (
            openers_of_exported(network, params.checkpoint.source)
            if isinstance(network, ExportedNetwork)
            else openers_in_torch(network, self.layers, params, self._least)
        )
        if params.runtime != "auto":
            self._runtime = openers[params.runtime]()
        elif len(openers) == 1:
            (opener,) = openers.values()
            self._runtime = opener()
        else:
            what = f"{' and '.join(self.layers)} of {params.network} in {params.precision}"
            self._runtime = fastest(
                openers, lambda one: one.normalised(pixels[None], network.mean, network.deviation), what
            )
        return self._runtime

    @property
    def runtime_name(self) -> str:
        """Name of the runtime of the network, empty before the first photo."""
        return "" if self._runtime is None else self._runtime.name

    def _batches(self, prepared: Sequence[PreparedImage], runtime: Runtime) -> Iterator[list[int]]:
        """Yields indices of photos of equal size, as many as may run together."""
        by_size: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
        for index, image in enumerate(prepared):
            by_size[image.pixels.shape].append(index)
        for (height, width, _), indices in by_size.items():
            pixels = height * width * max(1.0, max(self.params.scales)) ** 2
            start = 0
            while start < len(indices):
                # Read every time, because a full graphics card makes batches smaller.
                most = runtime.most_pixels if self.most_pixels is None else self.most_pixels
                count = min(self.together, max(1, int(most // pixels)))
                yield indices[start : start + count]
                start += count

    def _run(self, runtime: Runtime, images: list[Pixels]) -> list[list[tuple[AnyArray, ...]]]:
        """Returns the maps of each layer at all scales of each of some images of equal size.

        Where memory is short it runs half of the images at once.
        """
        # Leave the failed call before the halves begin: its traceback would hold the memory that is missing.
        try:
            return self._run_together(runtime, images)
        except full_card():
            pass
        import torch

        torch.cuda.empty_cache()
        height, width = images[0].shape[:2]
        if len(images) == 1:
            raise ResightError(
                f"the memory of the graphics card does not suffice for one photo of {width} x {height} pixels: "
                'lower max_side or the scales, set precision = "bfloat16", or end what else runs on it'
            )
        half = len(images) // 2
        self.most_pixels = half * math.ceil(height * width * max(1.0, max(self.params.scales)) ** 2)
        _log.warning(
            "out of memory on the graphics card with %d photos of %d x %d: going on with %d at once",
            len(images),
            width,
            height,
            half,
        )
        return self._run(runtime, images[:half]) + self._run(runtime, images[half:])

    def _run_together(self, runtime: Runtime, images: list[Pixels]) -> list[list[tuple[AnyArray, ...]]]:
        network = self._load()
        x = runtime.normalised(np.stack(images), network.mean, network.deviation)
        sizes = self.scaled_sizes(images[0])
        pairs = zip(self.params.scales, sizes, strict=True)
        scales = [runtime.run(runtime.scaled(x, scale, size)) for scale, size in pairs]
        return [
            [tuple(maps[layer][image] for maps in scales) for layer in range(len(self.layers))]
            for image in range(len(images))
        ]

    def _described(
        self, image: PreparedImage, found: Sequence[tuple[AnyArray, ...]], network: Layered
    ) -> tuple[ImageMaps, ...]:
        inputs = self.scaled_sizes(image.pixels)
        each_layer = []
        for layer, maps in zip(self.layers, found, strict=True):
            masks = tuple(
                position_mask(
                    own, given, image, [layer_sampling(network, layer, side) for side in given], self.params.saliency
                )
                for own, given in zip(maps, inputs, strict=True)
            )
            each_layer.append(ImageMaps(maps, masks, image.size, inputs, image.origin))
        return tuple(each_layer)


def _at_least(pixels: Pixels, least: int, max_side: int) -> Pixels:
    """Enlarges pixels so that both sides are at least `least`.

    The short side grows to it (bicubic), the long one by the same factor, but not beyond `max_side` if it was below.
    """
    height, width = pixels.shape[:2]
    short = min(height, width)
    if short >= least:
        return pixels
    from PIL import Image

    target = (max(least, min(round(side * least / short), max(side, max_side))) for side in (width, height))
    return np.array(Image.fromarray(pixels).resize((next(target), next(target)), Image.Resampling.BICUBIC))
