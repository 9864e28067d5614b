"""Measures what runs a network without torch: OpenCV, ONNX Runtime and OpenVINO, beside torch itself.

    python benchmarks/keep.py runtimes

Each runtime is measured in a process of its own, on one thread and on two: photos a second at long side 480 with an
aspect that changes from photo to photo, also by seconds of the processor, which other processes change less; the
seconds until the first map, the memory beyond that of a process that has numpy, the size of what pip installs, and the
largest difference to torch relative to the largest activation. The networks have random weights, on which none of this
depends. Maps are those of the layers that `rmac-lite0` and `rmac-layers-mobilenet` join, from one pass.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

LAYERS = {
    "mobilenet_v2": ["features.14.expand", "features.15.expand", "features.18"],
    "efficientnet_lite0": ["blocks.11.expand", "blocks.12.expand", "head"],
}
PACKAGES = {
    "opencv": "opencv-contrib-python-headless",
    "onnxruntime": "onnxruntime",
    "openvino": "openvino",
    "torch": "torch",
}
LONG_SIDE = 480
Maps = list[NDArray[np.float32]]
Run = Callable[[NDArray[np.float32]], Maps]


def sizes(count: int) -> list[tuple[int, int]]:
    """Returns (height, width) of photos, upright and lying, from 2 : 1 to square."""
    rng = np.random.default_rng(0)
    short = rng.integers(LONG_SIDE // 2, LONG_SIDE + 1, count).tolist()
    turned = rng.integers(0, 2, count).tolist()
    return [(LONG_SIDE, side) if turn else (side, LONG_SIDE) for side, turn in zip(short, turned, strict=True)]


def photos(count: int) -> list[NDArray[np.float32]]:
    """Returns normalised images (1, 3, H, W)."""
    rng = np.random.default_rng(1)
    return [rng.uniform(-1.0, 1.0, (1, 3, *size)).astype(np.float32) for size in sizes(count)]


def opened(runtime: str, model: Path, threads: int) -> Run:
    """Returns a function from images to maps."""
    if runtime == "onnxruntime":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        return lambda x: session.run(None, {"images": x})
    if runtime == "openvino":
        import openvino

        settings = {"INFERENCE_NUM_THREADS": str(threads), "NUM_STREAMS": "1", "INFERENCE_PRECISION_HINT": "f32"}
        request = openvino.Core().compile_model(str(model), "CPU", settings).create_infer_request()

        def infer(x: NDArray[np.float32]) -> Maps:
            request.infer([x], share_inputs=True)
            return [np.array(each.data) for each in request.output_tensors]

        return infer
    if runtime == "opencv":
        import cv2

        cv2.setNumThreads(threads)
        network = cv2.dnn.readNetFromONNX(str(model))
        names = network.getUnconnectedOutLayersNames()

        def forward(x: NDArray[np.float32]) -> Maps:
            network.setInput(x)
            return list(network.forward(names))

        return forward
    import torch

    from resight.features.networks.architectures import blank, randomise
    from resight.features.runtimes.layer import LayerMaps, fold_batch_norm
    from resight.features.runtimes.torch_runtime import TorchRuntime

    torch.set_num_threads(threads)
    made = blank(model.stem, None, "same")
    randomise(made, 0)
    layers = LayerMaps(made, LAYERS[model.stem])
    fold_batch_norm(layers, 64)
    eager = TorchRuntime(layers, "float32", torch.device("cpu"))
    return lambda x: [each.numpy() for each in eager.run(torch.from_numpy(x))]


def memory() -> float:
    """Returns the most memory that this process has had, in MB."""
    (found,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
    return int(found) / 1024


def measure(runtime: str, model: Path, threads: int, count: int, kept: Path | None) -> dict[str, Any]:
    """Returns the figures of one runtime; keeps its maps of the first photos in a file for comparison."""
    images = photos(count)
    before, begun = memory(), time.perf_counter()
    run = opened(runtime, model, threads)
    opening = time.perf_counter() - begun
    try:
        run(images[0])
        first = time.perf_counter() - begun
        start, used = time.perf_counter(), time.process_time()
        for x in images:
            run(x)
        seconds, used = time.perf_counter() - start, time.process_time() - used
    except Exception as error:  # What a runtime cannot do is a result, and each has errors of its own.
        return {"failed": str(error).strip().splitlines()[-1][:200]}
    if kept is not None:
        few = [run(x) for x in images[:4]]
        np.savez(kept, **{f"{row}-{layer}": maps for row, own in enumerate(few) for layer, maps in enumerate(own)})
    return {
        "photos_per_second": round(count / seconds, 2),
        "photos_per_second_of_the_processor": round(count / used, 2),
        "seconds_to_open": round(opening, 2),
        "seconds_to_the_first_map": round(first, 2),
        "memory_mb": round(memory() - before),
    }


def installed_mb(runtime: str) -> float | None:
    """Returns the size of a package without what it requires, in MB."""
    try:
        files = distribution(PACKAGES[runtime]).files or []
    except PackageNotFoundError:
        return None
    return round(sum(path.stat().st_size for file in files if (path := Path(str(file.locate()))).is_file()) / 1e6, 1)


def write_models(folder: Path) -> None:
    """Writes both networks as ONNX files."""
    from resight.features.graphs.inverted_residuals import inverted_residuals_model
    from resight.features.networks.architectures import blank, randomise
    from resight.features.networks.inverted_residuals import INVERTED_RESIDUALS

    for name, layers in LAYERS.items():
        made = blank(name, None, "same")
        randomise(made, 0)
        state = {key: tensor.numpy() for key, tensor in made.state_dict().items()}
        model = inverted_residuals_model(INVERTED_RESIDUALS[name].padded("same"), state, layers)
        (folder / f"{name}.onnx").write_bytes(model)


def difference(found: Path, expected: Path) -> float | None:
    """Returns the largest difference of two files of maps, relative to the largest activation of each map."""
    if not found.exists():
        return None
    with np.load(found) as ours, np.load(expected) as theirs:
        return max(float(np.abs(ours[key] - theirs[key]).max() / np.abs(theirs[key]).max()) for key in theirs.files)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photos", type=int, default=60)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--one", nargs=3, metavar=("RUNTIME", "MODEL", "THREADS"), help="measures one, in this process")
    parser.add_argument("--keep-maps", type=Path)
    options = parser.parse_args()
    if options.one:
        runtime, model, threads = options.one
        print(json.dumps(measure(runtime, Path(model), int(threads), options.photos, options.keep_maps)))
        return
    results: dict[str, Any] = {"installed_mb": {name: installed_mb(name) for name in PACKAGES}}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_models(folder)
        for network in LAYERS:
            for threads in options.threads:
                for runtime in ("torch", "onnxruntime", "openvino", "opencv"):
                    kept = folder / f"{network}-{runtime}.npz"
                    command: Sequence[str] = [
                        *(sys.executable, __file__, "--photos", str(options.photos), "--keep-maps", str(kept)),
                        *("--one", runtime, str(folder / f"{network}.onnx"), str(threads)),
                    ]
                    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
                    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment)
                    crashed = {"failed": f"ended with {done.returncode}"}
                    found = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else crashed
                    found["difference_to_torch"] = difference(kept, folder / f"{network}-torch.npz")
                    results[f"{network}, {runtime}, threads {threads}"] = found
                    print(network, runtime, threads, found, file=sys.stderr, flush=True)
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
