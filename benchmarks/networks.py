"""Descriptors of networks: images a second against cirtorch's way on the same cores, and peak memory.

python benchmarks/networks.py [--size WxH] [--photos N] [--rounds N] [--cases NAME,...] [--runtime NAME] [--memory]
                              [--json FILE]

Cirtorch's way is torch in float32, one photo at a time: decoded whole, reduced with Pillow's thumbnail, run, pooled.
Ours decodes in threads, while the network runs on batches. Both sides take the same photos (rendered noise, JPEG) and
turns in one process; times are medians over rounds. `cpu` is processor time, which a busy machine disturbs less than
the clock. Weights are random, by seed. `cosine` is that of our descriptors to those of torch in float32, batches of
one and unfolded batch normalisation, on the same pixels; `centred` is the same with the mean over the photos removed,
because with random weights all photos have nearly the same descriptor. `peak` is the rate of a matrix product of 2048 x
2048 in torch, measured in the same run; a network's rate is its own direct arithmetic (`GFLOP` an image) over the time
of the network alone, and may exceed the peak where Winograd's way needs less of it. With a graphics card both sides run
on it. Restrict the cores with taskset; on a busy machine one core gives the fairer ratio, because torch's threads wait
for each other after every layer.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from resight.cores import cores
from resight.descriptors.pooling import gem, l2_normalise
from resight.descriptors.regional import rmac
from resight.features.image_maps import PreparedImage
from resight.features.kinds import Maps
from resight.features.maps import MapExtractor
from resight.features.networks.checkpoint import LoadedNetwork, open_network
from resight.images import decode

Array = NDArray[np.float32]
GEMM = 2048
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


@dataclass(frozen=True)
class Case:
    network: str
    layer: str
    side: int
    pool: Callable[[Tensor], Tensor]

    def params(self, precision: str, runtime: str) -> Maps:
        return Maps.model_validate(
            {
                "network": self.network,
                "layer": self.layer,
                "checkpoint": {"source": "random"},
                "max_side": self.side,
                "precision": precision,
                "runtime": runtime,
            }
        )


CASES = {
    "resnet50-gem-362": Case("resnet50", "layer4", 362, gem),
    "resnet50-gem-1024": Case("resnet50", "layer4", 1024, gem),
    "vgg16-rmac-1024": Case("vgg16", "pool5", 1024, rmac),
}


def render(folder: Path, count: int, size: tuple[int, int]) -> list[Path]:
    """Photos of noise in octaves, whose JPEG files are as large as those of real ones."""
    rng = np.random.default_rng(0)
    paths = []
    for index in range(count):
        pixels = np.zeros((size[1], size[0], 3), np.float32)
        for octave in range(2, 8):
            shape = (max(2, size[1] >> octave), max(2, size[0] >> octave), 3)
            layer = Image.fromarray(rng.integers(0, 256, shape, np.uint8)).resize(size, Image.Resampling.BICUBIC)
            pixels += np.asarray(layer, np.float32) * (octave / 27)
        paths.append(folder / f"{index:03d}.jpg")
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(paths[-1], quality=90)
    return paths


def gemm_rate(dtype: torch.dtype) -> float:
    """GFLOP/s of the best of five products."""
    a, b = (torch.randn(GEMM, GEMM, device=DEVICE).to(dtype) for _ in range(2))
    taken = []
    for _ in range(6):
        start = clock()[0]
        a @ b
        taken.append(clock()[0] - start)
    return 2 * GEMM**3 / min(taken[1:]) / 1e9


def clock() -> tuple[float, float]:
    """Seconds of the wall and of the processors, when all that was asked of the graphics card is done."""
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter(), time.process_time()


def cirtorch_pixels(path: Path, side: int) -> NDArray[np.uint8]:
    image = Image.open(path).convert("RGB")
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return np.array(image)


class Cirtorch:
    """The way of the code of Radenovic, Tolias & Chum, written here with the same network."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.loaded: LoadedNetwork = open_network(case.network, case.params("float32", "torch").checkpoint)  # type: ignore[arg-type]
        self.loaded.network.to(DEVICE)

    def descriptor(self, pixels: NDArray[np.uint8]) -> Array:
        with torch.no_grad():
            x = self.loaded.input(pixels[None]).to(DEVICE)
            maps = self.loaded.network.maps(x, [self.case.layer])[self.case.layer]
            return l2_normalise(self.case.pool(maps))[0].cpu().numpy()

    def descriptors(self, paths: Sequence[Path]) -> Array:
        return np.stack([self.descriptor(cirtorch_pixels(path, self.case.side)) for path in paths])

    def decoded(self, paths: Sequence[Path]) -> None:
        for path in paths:
            cirtorch_pixels(path, self.case.side)

    def flop(self, pixels: NDArray[np.uint8]) -> float:
        x = self.loaded.input(pixels[None]).to(DEVICE)
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            self.loaded.network.maps(x, [self.case.layer])
        return float(counter.get_total_flops())


class Ours:
    def __init__(self, case: Case, precision: str, runtime: str) -> None:
        self.case = case
        self.extractor = MapExtractor(case.params(precision, runtime))

    def prepare(self, path: Path) -> PreparedImage:
        return self.extractor.prepare(decode(path, self.case.side))

    def prepared(self, paths: Sequence[Path]) -> Iterator[list[PreparedImage]]:
        with ThreadPoolExecutor(cores()) as pool:
            waiting = [pool.submit(self.prepare, path) for path in paths]
            for start in range(0, len(waiting), self.extractor.together):
                yield [each.result() for each in waiting[start : start + self.extractor.together]]

    def from_prepared(self, prepared: Sequence[PreparedImage]) -> list[Array]:
        with torch.inference_mode():
            return [
                l2_normalise(self.case.pool(each.maps[0][None]))[0].cpu().numpy()
                for each in self.extractor.extract(prepared)
            ]

    def descriptors(self, paths: Sequence[Path]) -> Array:
        return np.stack([row for prepared in self.prepared(paths) for row in self.from_prepared(prepared)])

    def decoded(self, paths: Sequence[Path]) -> None:
        for _ in self.prepared(paths):
            pass


def medians(sides: dict[str, Callable[[], Any]], rounds: int) -> dict[str, tuple[float, float]]:
    """Median (wall, processor) seconds of each side; they take turns, after one round that does not count."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for turn in range(rounds + 1):
        for name, work in sides.items():
            start = clock()
            work()
            end = clock()
            if turn:
                taken[name].append((end[0] - start[0], end[1] - start[1]))
    return {name: tuple(np.median(values, axis=0).tolist()) for name, values in taken.items()}


def measure(case: Case, paths: list[Path], rounds: int, runtime: str) -> dict[str, Any]:
    theirs = Cirtorch(case)
    ours = {precision: Ours(case, precision, runtime) for precision in ("float32", "bfloat16")}
    prepared = [ours["float32"].prepare(path) for path in paths]
    expected = np.stack([theirs.descriptor(each.pixels) for each in prepared])
    count = len(paths)
    gflop = theirs.flop(prepared[0].pixels) / 1e9
    peaks = {"float32": gemm_rate(torch.float32), "bfloat16": gemm_rate(torch.bfloat16)}
    whole: dict[str, Callable[[], Any]] = {"cirtorch": lambda: theirs.descriptors(paths)}
    alone: dict[str, Callable[[], Any]] = {"cirtorch": lambda: [theirs.descriptor(each.pixels) for each in prepared]}
    decoding: dict[str, Callable[[], Any]] = {"cirtorch": lambda: theirs.decoded(paths)}
    for precision, side in ours.items():
        whole[precision] = partial(side.descriptors, paths)
        alone[precision] = partial(side.from_prepared, prepared)
    decoding["float32"] = lambda: ours["float32"].decoded(paths)
    times = {
        "whole": medians(whole, rounds),
        "network": medians(alone, rounds),
        "decoding": medians(decoding, rounds),
    }
    result: dict[str, Any] = {"GFLOP": gflop, "peak": peaks, "input": prepared[0].pixels.shape[1::-1], "sides": {}}
    for name in whole:
        precision = "bfloat16" if name == "bfloat16" else "float32"
        network = times["network"][name]
        row: dict[str, Any] = {
            "images/s": count / times["whole"][name][0],
            "ratio": times["whole"]["cirtorch"][0] / times["whole"][name][0],
            "ratio cpu": times["whole"]["cirtorch"][1] / times["whole"][name][1],
            "network images/s": count / network[0],
            "network ratio": times["network"]["cirtorch"][0] / network[0],
            "network ratio cpu": times["network"]["cirtorch"][1] / network[1],
            "GFLOP/s": gflop * count / network[0],
            "of peak": gflop * count / network[0] / peaks[precision],
        }
        if name in times["decoding"]:
            row["decoding images/s"] = count / times["decoding"][name][0]
        if name in ours:
            found = np.stack(ours[name].from_prepared(prepared))
            row["runtime"] = ours[name].extractor.runtime_name
            row["cosine"] = float((found * expected).sum(axis=1).min())
            row["centred"] = float(centred_cosines(found, expected).min())
        result["sides"][name] = row
    return result


def centred_cosines(found: Array, expected: Array) -> Array:
    mean = expected.mean(axis=0)
    a, b = found - mean, expected - mean
    cosines: Array = (a * b).sum(axis=1) / np.maximum(np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1), 1e-30)
    return cosines


def peak_memory(runtime: str, precision: str) -> float:
    """MiB that ResNet-101 comes to hold for 8 images of 1024 x 768, with its weights and without libraries."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_held, (runtime, precision))


def _held(runtime: str, precision: str) -> float:
    extractor = MapExtractor(Case("resnet101", "layer4", 1024, gem).params(precision, runtime))
    image = PreparedImage(np.zeros((768, 1024, 3), np.uint8), (1024, 768))
    before = _resident("VmRSS")
    if DEVICE.type == "cuda":
        extractor.extract([image] * 8)
        return torch.cuda.max_memory_allocated() / 2**20
    extractor.most_pixels = 8 * 1024 * 768
    extractor.extract([image] * 8)
    return _resident("VmHWM") - before


def _resident(what: str) -> float:
    """MiB of this process now (VmRSS) or at most (VmHWM); Linux. `getrusage` would count the process before it too."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(what):
            return int(line.split()[1]) / 1024
    raise SystemExit("peak memory is measured on Linux only")


def show(name: str, result: dict[str, Any]) -> None:
    peaks = ", ".join(f"{key} {value:.0f}" for key, value in result["peak"].items())
    width, height = result["input"]
    print(f"\n{name}: {width} x {height}, {result['GFLOP']:.1f} GFLOP an image; peak GFLOP/s: {peaks}")
    columns = [column for column in result["sides"]["float32"] if column != "runtime"]
    sides = result["sides"]
    print(f"{'':20}" + "".join(f"{name + ' ' + row.get('runtime', ''):>20}" for name, row in sides.items()))
    for column in columns:
        cells = (f"{row[column]:20.5g}" if column in row else f"{'':20}" for row in sides.values())
        print(f"{column:20}" + "".join(cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="1024x768", help="of the photos")
    parser.add_argument("--photos", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--runtime", default="auto")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    logging.getLogger("resight").setLevel(logging.ERROR)
    torch.set_num_threads(cores())
    width, height = (int(side) for side in given.size.split("x"))
    results: dict[str, Any] = {
        "machine": {
            "processor": platform.processor(),
            "cores": cores(),
            "device": str(DEVICE),
            "torch": torch.__version__,
        },
        "photos": given.size,
    }
    with tempfile.TemporaryDirectory() as folder:
        paths = render(Path(folder), given.photos, (width, height))
        for name in filter(None, given.cases.split(",")):
            results[name] = measure(CASES[name], paths, given.rounds, given.runtime)
            show(name, results[name])
    if given.memory:
        runtimes = ("torch",) if DEVICE.type == "cuda" else ("torch", "openvino")
        results["peak memory, MiB"] = {
            f"{runtime} {precision}": peak_memory(runtime, precision)
            for runtime in runtimes
            for precision in ("float32", "bfloat16")
        }
        for name, held in results["peak memory, MiB"].items():
            print(f"resnet101, 8 images of 1024 x 768, {name}: {held:.0f} MiB")
    if given.json:
        given.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
