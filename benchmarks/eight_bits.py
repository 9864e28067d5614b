"""Measures the network that comes along in 8 bits: its rate beside float32 and torch, and what mAP it costs.

    pip install onnx && python benchmarks/eight_bits.py covers products --distractors distractors

ONNX Runtime quantises the model of `rmac-lite0`: statically, weights to signed and activations to unsigned bytes with
ranges from some distractors, and dynamically. Milliseconds are those of the processor, one thread, the least of five
rounds in turn, of the pass at full size. Each set is searched by vectors alone, exactly, among every tenth distractor;
one query in `--every` asks. The photos that set the ranges are distractors too.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static

from resight.channels.channel import Channel
from resight.channels.fits import opened_channels
from resight.datasets.folder import photo_root, read_folder
from resight.evaluation.metrics import oxford_ap, positions
from resight.features.joined import JoinedExtractor
from resight.features.maps import MapExtractor
from resight.features.networks.exported import ExportedNetwork, open_exported
from resight.features.runtimes.layer import LayerMaps
from resight.folders.walking import find_images
from resight.images import decode
from resight.index.index import Index
from resight.store import Store

Floats = NDArray[np.float32]
ROUNDS, TIMED = 5, 6
RANGES = 24
"""Photos from which the ranges of activations come."""


class Photos(CalibrationDataReader):  # type: ignore[misc]
    """Gives the quantiser one photo after the other."""

    def __init__(self, name: str, images: Iterable[Floats]) -> None:
        self._name, self._images = name, iter(images)

    def get_next(self) -> dict[str, Floats] | None:
        image = next(self._images, None)
        return None if image is None else {self._name: image}


def inputs(extractor: MapExtractor, network: ExportedNetwork, photos: Iterable[Path]) -> Iterator[Floats]:
    """Yields each photo (1, 3, H, W) as the network sees it at full size."""
    for photo in photos:
        pixels = extractor.prepare(decode(photo)).pixels.astype(np.float32) / 255
        image = (pixels - np.float32(network.mean)) / np.float32(network.deviation)
        yield np.ascontiguousarray(image.transpose(2, 0, 1)[None], np.float32)


def session(model: Path) -> onnxruntime.InferenceSession:
    """Opens a model on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = 1, 1, 3
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def quantised(
    place: Path, extractor: MapExtractor, network: ExportedNetwork, photos: Sequence[Path]
) -> dict[str, Path]:
    """Writes the model in float32 and in 8 bits; returns the files by what they are."""
    models = {name: place / f"{name}.onnx" for name in ("float32", "static", "dynamic")}
    models["float32"].write_bytes(network.model)
    (source,) = session(models["float32"]).get_inputs()
    quantize_static(
        str(models["float32"]),
        str(models["static"]),
        Photos(source.name, inputs(extractor, network, photos)),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
    )
    quantize_dynamic(str(models["float32"]), str(models["dynamic"]), weight_type=QuantType.QUInt8)
    return models


def timed(models: dict[str, Path], extractor: MapExtractor, images: Sequence[Floats]) -> dict[str, float]:
    """Milliseconds of the processor an image, of each model and of torch."""
    torch.set_num_threads(1)
    in_torch = LayerMaps(extractor.loaded().network, extractor.layers)
    runs = {name: session(model) for name, model in models.items()}
    spent: dict[str, list[float]] = {name: [] for name in (*runs, "torch")}
    with torch.inference_mode():
        for _ in range(ROUNDS + 1):
            for name, taken in spent.items():
                start = time.process_time()
                for image in images:
                    if name == "torch":
                        in_torch(torch.from_numpy(image))
                    else:
                        runs[name].run(None, {runs[name].get_inputs()[0].name: image})
                taken.append(1000 * (time.process_time() - start) / len(images))
    return {name: min(taken[1:]) for name, taken in spent.items()}


def vectors(channel: Channel, photos: Sequence[Path]) -> Floats:
    """Returns (n, d) the descriptors of photos."""
    found = []
    for photo in photos:
        decoded = decode(photo)
        (features,) = channel.extractor.extract([channel.extractor.prepare(decoded)])
        found.append(np.asarray(channel.query(features, decoded.size), np.float32).reshape(-1))
    return np.stack(found)


def judged(channel: Channel, folder: Path, others: Sequence[Path], every: int) -> float:
    """Returns the mAP of one query in `every` of a set, among all its photos and others."""
    data = read_folder(folder)
    names = np.array([*data.images, *(f"other {number}" for number in range(len(others)))])
    database = vectors(channel, [*(data.root / name for name in data.images), *others])
    precisions = []
    for query in data.queries[::every]:
        (asked,) = vectors(channel, [data.query_path(query.image)])
        order = names[np.argsort(-(database @ asked), kind="stable")].tolist()
        ranks = positions(order, query.positives, query.junk)
        precisions.append(oxford_ap(ranks, len(query.positives)))
    return float(np.mean(precisions))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--distractors", type=Path, required=True)
    parser.add_argument("--every", type=int, default=4, help="one query in so many asks")
    given = parser.parse_args()
    others = [one.path for one in find_images(photo_root(given.distractors))]
    with tempfile.TemporaryDirectory(prefix="resight-") as temporary:
        place = Path(temporary)
        index = Index.create(place / "x.resight", "rmac-lite0")
        fitted = Store.open(index.path, read_only=True).fitted()
        (channel,) = opened_channels(index.recipe, index.path, fitted).values()
        assert isinstance(channel.extractor, JoinedExtractor)
        (extractor,) = channel.extractor._extractors
        params = extractor.params
        network = open_exported(params.network, params.checkpoint, extractor.layers, Path())
        models = quantised(place, extractor, network, others[:: max(1, len(others) // RANGES)])
        images = list(inputs(extractor, network, others[:TIMED]))
        for name, milliseconds in timed(models, extractor, images).items():
            print(f"{name}: {milliseconds:.1f} ms an image", flush=True)
        for folder in given.sets:
            for name in ("float32", "static"):
                extractor._opened, extractor._runtime = replace(network, model=models[name].read_bytes()), None
                print(
                    f"{folder.name}, {name}: mAP {judged(channel, folder, others[::10], given.every):.4f}", flush=True
                )


if __name__ == "__main__":
    main()
