"""Opens a network with its weights: from a file, an address, the name of a published checkpoint, or at random."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from resight.errors import UsageError, WeightsError
from resight.features.networks import cirtorch, download, states
from resight.features.networks.architectures import ARCHITECTURES, LAST_LINEAR, blank, others, randomise
from resight.features.networks.kinds import Checkpoint, NetworkName
from resight.features.networks.mobilenet import Padding
from resight.features.networks.netvlad_checkpoint import is_netvlad, read_netvlad
from resight.features.networks.network import Network
from resight.features.networks.pickled import read_pickled
from resight.features.networks.published import IMAGENET_DEVIATION, IMAGENET_MEAN, PUBLISHED, Published, Triple
from resight.features.networks.retrieval import PREFIX, RetrievalHead, head_of
from resight.forks import single_threaded_in_forks

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadedNetwork:
    """A network with its weights and the normalisation of its input.

    `sha256` is that of the file, empty for random weights. `mean` and `deviation` are of values from 0 to 1 in RGB.
    `classes` is None without a classifier. `head` holds what follows the maps where it was trained for retrieval.
    """

    network: Network
    architecture: str
    source: str
    sha256: str
    mean: Triple
    deviation: Triple
    padding: Padding
    classes: int | None
    head: RetrievalHead | None = None

    def input(self, images: NDArray[np.uint8]) -> Tensor:
        """Converts images (B, H, W, 3) in RGB to the network's input: float32 (B, 3, H, W), normalised."""
        x = torch.from_numpy(images).permute(0, 3, 1, 2).to(torch.float32).div_(255.0)
        mean, deviation = (torch.tensor(values).view(1, 3, 1, 1) for values in (self.mean, self.deviation))
        return x.sub_(mean).div_(deviation)


@dataclass(frozen=True)
class _Contents:
    """The content of a weights file: tensors under torchvision's keys, and its stated properties (None: not stated)."""

    state: states.State
    architecture: str | None = None
    mean: Triple | None = None
    deviation: Triple | None = None
    padding: Padding | None = None
    head: RetrievalHead | None = None


def open_network(
    name: NetworkName, checkpoint: Checkpoint, folder: Path | None = None, progress: download.Progress | None = None
) -> LoadedNetwork:
    """Returns the network with its weights, in evaluation mode, on the CPU.

    A path is looked for relative to `folder`, then by its name in the folder of RESIGHT_WEIGHTS and in the cache; a
    published name or an address likewise, before it is fetched. Recipe, file and published table give mean, deviation
    and padding, in this order of precedence. Raises WeightsError, RecipeError, UsageError, StorageError.
    """
    single_threaded_in_forks("torch", torch.set_num_threads)
    if checkpoint.source == "random":
        return _at_random(name, checkpoint)
    published = PUBLISHED.get(checkpoint.source)
    if published is not None and published.network != name:
        raise WeightsError(
            f'{checkpoint.source}: weights of {published.network}, not of {name}: set network = "{published.network}"'
        )
    path = locate(checkpoint, folder or Path(), progress)
    if name == "dinov2":
        from resight.features.networks.vision_transformer import open_dinov2

        return LoadedNetwork(
            open_dinov2(path),
            name,
            checkpoint.source,
            _verified(path / "model.safetensors", checkpoint, published),
            checkpoint.mean or IMAGENET_MEAN,
            checkpoint.deviation or IMAGENET_DEVIATION,
            "torch",
            None,
        )
    sha256 = _verified(path, checkpoint, published)
    # A published file that is named by its path is the same file.
    published = published or next((known for known in PUBLISHED.values() if sha256.startswith(known.sha256)), None)
    contents = read_weights(path, name)
    if contents.architecture not in (None, name):
        raise WeightsError(
            f"{path}: weights of {contents.architecture}, not of {name}"
            + (f': set network = "{contents.architecture}"' if contents.architecture in ARCHITECTURES else "")
        )
    padding = checkpoint.padding or contents.padding or (published.padding if published else "torch")
    classes = _classes(contents.state, name)
    network = blank(name, classes, padding)
    states.fill(network, name, contents.state, path, others(name, classes))
    return LoadedNetwork(
        network,
        name,
        checkpoint.source,
        sha256,
        checkpoint.mean or contents.mean or (published.mean if published else IMAGENET_MEAN),
        checkpoint.deviation or contents.deviation or (published.deviation if published else IMAGENET_DEVIATION),
        padding,
        classes,
        contents.head,
    )


def pin(checkpoint: Checkpoint, folder: Path, progress: download.Progress | None = None) -> Checkpoint:
    """Returns the checkpoint with the SHA-256 of its file and, where a path names it, with the absolute path.

    An index keeps it, so that it finds the same weights again, from wherever it is opened. Raises the errors of
    `open_network`.
    """
    if checkpoint.source == "random":
        return checkpoint
    path = locate(checkpoint, folder, progress)
    published = PUBLISHED.get(checkpoint.source)
    sha256 = _verified(path / "model.safetensors" if path.is_dir() else path, checkpoint, published)
    named = published is not None or checkpoint.source.startswith(("http://", "https://"))
    source = checkpoint.source if named else str(path.resolve())
    return checkpoint.model_copy(update={"source": source, "sha256": sha256})


def locate(checkpoint: Checkpoint, folder: Path, progress: download.Progress | None = None) -> Path:
    """Returns the file of a checkpoint, fetching it where it has an address and is missing.

    Raises the errors of `open_network`.
    """
    source = checkpoint.source
    published = PUBLISHED.get(source)
    if published is None and not source.startswith(("http://", "https://")):
        path = folder / Path(source).expanduser()
        if path.exists():
            return path
        found = download.find(path.name)
        if found is None:
            raise WeightsError(
                f"{path}: no such weights, nor {path.name} in {_searched()}; name a file, an http(s) address, "
                f"or one of {', '.join(PUBLISHED)}"
            )
        return found
    url = published.url if published else source
    name = published.file if published else download.file_name(url)
    found = download.find(name)
    if found is not None:
        return found
    if not url:
        assert published is not None
        raise WeightsError(
            f"{source}: {name} (SHA-256 {published.sha256}) is not in {_searched()}, and it has no public address: "
            "put it into one of them"
        )
    return download.download(url, download.downloads_folder(), _expected(name, checkpoint, published), progress)


def is_at_hand(checkpoint: Checkpoint, folder: Path) -> bool:
    """Returns whether `locate` would find a file without fetching it."""
    source = checkpoint.source
    published = PUBLISHED.get(source)
    if published is not None:
        return download.find(published.file) is not None
    if source.startswith(("http://", "https://")):
        return download.find(download.file_name(source)) is not None
    path = folder / Path(source).expanduser()
    return source == "random" or path.exists() or download.find(path.name) is not None


def read_weights(path: Path, name: str) -> _Contents:
    """Reads `.safetensors` with its header, torch's `.pth`, or a file of cirtorch or of NetVLAD.

    Raises WeightsError.
    """
    if path.is_dir():
        raise WeightsError(f"{path}: a folder; name the file in it that holds the weights of {name}")
    if path.suffix == ".safetensors":
        state, header = states.read_safetensors(path)
        return _with_header(state, header, path)
    found = read_pickled(path)
    if cirtorch.is_cirtorch(found):
        assert isinstance(found, Mapping)
        whole = cirtorch.read_cirtorch(found, path)
        return _Contents(whole.state, whole.architecture, whole.mean, whole.deviation, None, whole.head)
    if is_netvlad(found):
        assert isinstance(found, Mapping)
        layer = read_netvlad(found, path)
        return _Contents(layer.state, head=layer.head)
    state = states.as_state(found, path)
    if cirtorch.is_numbered(state):
        try:
            state = cirtorch.torchvision_keys(state, name)
        except ValueError as error:
            raise WeightsError(f"{path}: not the weights of {name}: {error}") from None
    return _Contents(state)


def _with_header(state: states.State, header: Mapping[str, str], path: Path) -> _Contents:
    """Reads what the header of a safetensors file says of its network.

    These are `network`, `padding`, and `mean` and `deviation` as lists in JSON, each of which may be missing; and what
    `head_of` reads.
    """
    padding = header.get("padding")
    if padding not in (None, "torch", "same"):
        raise WeightsError(f'{path}: its header says padding "{padding}"; known are "torch" and "same"')
    own = {name: tensor for name, tensor in state.items() if not name.startswith(PREFIX)}
    return _Contents(
        states.as_state(own, path),
        header.get("network"),
        _triple(header, "mean", path),
        _triple(header, "deviation", path),
        "same" if padding == "same" else "torch" if padding else None,
        head_of(state, header, path),
    )


def _triple(header: Mapping[str, str], key: str, path: Path) -> Triple | None:
    if key not in header:
        return None
    try:
        values: Any = json.loads(header[key])
        red, green, blue = (float(value) for value in values)
    except (ValueError, TypeError):
        raise WeightsError(f"{path}: its header's {key} is not three numbers: {header[key]}") from None
    return red, green, blue


def _classes(state: Mapping[str, Tensor], name: str) -> int | None:
    """Returns the number of classes of a state dict, None where it has no classifier."""
    module = LAST_LINEAR.get(name, "fc")
    if not any(key.startswith(f"{module.partition('.')[0]}.") for key in state):
        return None
    weight = state.get(f"{module}.weight")
    return len(weight) if weight is not None and weight.ndim else 1000


def _expected(name: str, checkpoint: Checkpoint, published: Published | None) -> str:
    """Returns the known SHA-256 of a file, or its first digits, or an empty text."""
    return checkpoint.sha256 or (published.sha256 if published else download.hash_in_name(name))


def _verified(path: Path, checkpoint: Checkpoint, published: Published | None) -> str:
    """Returns the SHA-256 of a file. Raises WeightsError where it is not the expected one."""
    try:
        found = download.sha256_of(path)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror}") from None
    # A file that is named by its path is checked only against the hash that the recipe gives.
    is_path = published is None and not checkpoint.source.startswith(("http://", "https://"))
    expected = checkpoint.sha256 if is_path else _expected(path.name, checkpoint, published)
    if not found.startswith(expected):
        raise WeightsError(
            f"{path}: its SHA-256 is {found}, but {expected}{'' if len(expected) == 64 else '…'} is expected: "
            "another file, or a damaged one; remove it, then it is fetched again"
        )
    return found


def _searched() -> str:
    weights = download.weights_folder()
    first = f"RESIGHT_WEIGHTS ({weights})" if weights else "RESIGHT_WEIGHTS (not set)"
    return f"{first} or {os.fspath(download.downloads_folder())}"


def _at_random(name: NetworkName, checkpoint: Checkpoint) -> LoadedNetwork:
    if name == "dinov2":
        raise UsageError("dinov2 has no random weights: name a folder with its config.json and model.safetensors")
    _log.warning(
        "%s has RANDOM weights (seed %d): what it finds means nothing; name a checkpoint for real use",
        name,
        checkpoint.seed,
    )
    padding = checkpoint.padding or "torch"
    network = blank(name, 1000, padding)
    randomise(network, checkpoint.seed)
    return LoadedNetwork(
        network,
        name,
        "random",
        "",
        checkpoint.mean or IMAGENET_MEAN,
        checkpoint.deviation or IMAGENET_DEVIATION,
        padding,
        1000,
    )
