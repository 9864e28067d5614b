"""Opens a network with its weights: from a file, an address, the name of a published checkpoint, or at random."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from resight.errors import UsageError, WeightsError
from resight.features.networks import cirtorch, download, states
from resight.features.networks.architectures import LAST_LINEAR, blank, others, randomise
from resight.features.networks.inputs import check_architecture, input_of, known_by
from resight.features.networks.inverted_residuals import Padding
from resight.features.networks.kinds import Checkpoint, NetworkName
from resight.features.networks.locating import locate, verified
from resight.features.networks.netvlad_checkpoint import is_netvlad, read_netvlad
from resight.features.networks.network import Network
from resight.features.networks.pickled import read_pickled
from resight.features.networks.published import IMAGENET_DEVIATION, IMAGENET_MEAN, PUBLISHED, Triple
from resight.features.networks.retrieval import PREFIX, RetrievalHead, head_of
from resight.features.networks.safetensors_files import NOTHING_STATED, Stated, read_safetensors, stated
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
    stated: Stated = NOTHING_STATED
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
            verified(path / "model.safetensors", checkpoint, published),
            checkpoint.mean or IMAGENET_MEAN,
            checkpoint.deviation or IMAGENET_DEVIATION,
            "torch",
            None,
        )
    sha256 = verified(path, checkpoint, published)
    published = published or known_by(sha256)
    contents = read_weights(path, name)
    check_architecture(path, contents.stated, name)
    given = input_of(checkpoint, contents.stated, published)
    padding = given.padding
    classes = _classes(contents.state, name)
    network = blank(name, classes, padding)
    states.fill(network, name, contents.state, path, others(name, classes))
    return LoadedNetwork(
        network,
        name,
        checkpoint.source,
        sha256,
        given.mean,
        given.deviation,
        padding,
        classes,
        contents.head,
    )


def read_weights(path: Path, name: str) -> _Contents:
    """Reads `.safetensors` with its header, torch's `.pth`, or a file of cirtorch or of NetVLAD.

    Raises WeightsError.
    """
    if path.is_dir():
        raise WeightsError(f"{path}: a folder; name the file in it that holds the weights of {name}")
    if path.suffix == ".safetensors":
        state, header = read_safetensors(path, "pt")
        own = {name: tensor for name, tensor in state.items() if not name.startswith(PREFIX)}
        return _Contents(states.as_state(own, path), stated(header, path), head_of(state, header, path))
    found = read_pickled(path)
    if cirtorch.is_cirtorch(found):
        assert isinstance(found, Mapping)
        whole = cirtorch.read_cirtorch(found, path)
        return _Contents(whole.state, Stated(whole.architecture, whole.mean, whole.deviation), whole.head)
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


def _classes(state: Mapping[str, Tensor], name: str) -> int | None:
    """Returns the number of classes of a state dict, None where it has no classifier."""
    module = LAST_LINEAR.get(name, "fc")
    if not any(key.startswith(f"{module.partition('.')[0]}.") for key in state):
        return None
    weight = state.get(f"{module}.weight")
    return len(weight) if weight is not None and weight.ndim else 1000


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
