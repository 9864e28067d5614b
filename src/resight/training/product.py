"""The folder that training produces: network, whitening, and recipes that are ready for an index."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from resight.arrays import Array
from resight.descriptors.kinds import NetVlad
from resight.errors import RecipeError
from resight.features.edges.kinds import EdgeFilter
from resight.features.kinds import JoinedMaps, networks_of
from resight.features.networks.retrieval import tensors_of
from resight.files import write_whole
from resight.learned.artefact import hash_arrays, to_bytes
from resight.learned.whitening import VECTORS, Whitening, to_arrays
from resight.recipe import ChannelRecipe, Recipe, load_recipe, recipe_text
from resight.recipe.reading import parse_recipe
from resight.training.begun import NETWORK
from resight.training.checkpoints import disk_errors
from resight.training.model import TrainedDescriptor
from resight.training.toml import to_toml

WHITENING, RECIPE, FUSED = "whitening.npz", "recipe.toml", "fused.toml"
FITTED_HERE = "photos of its training"
"""What the provenance of a whitening says that was fitted on the photos that its network was trained on."""
FUSED_BASE = "sift-lite0-links"
"""The recipe whose network channel a trained descriptor takes the place of."""


def write_network(folder: Path, model: TrainedDescriptor) -> str:
    """Writes `network.safetensors`. Returns its SHA-256."""
    state = {key: value.contiguous() for key, value in sorted(model.network_state().items())}
    header = {
        "network": model.architecture,
        "mean": json.dumps(model.mean),
        "deviation": json.dumps(model.deviation),
        "padding": model.padding,
    }
    head = model.retrieval_head()
    if head is not None:
        arrays, entries = tensors_of(head)
        state |= {key: torch.from_numpy(array) for key, array in arrays.items()}
        header |= entries
    content = _in_order(save(state, header))
    with disk_errors(folder / NETWORK):
        write_whole(folder / NETWORK, content)
    return hashlib.sha256(content).hexdigest()


def product_tables(
    recipe: str | Path,
    channel: str,
    exponents: Sequence[float | None],
    sha256: str,
    name: str,
    summary: str,
    projected: int = 0,
    edge_filter: EdgeFilter | None = None,
) -> dict[str, Any]:
    """Returns the index recipe, as tables of TOML, with the trained network and the whitening of the product.

    exponents: GeM's p of each part. projected: dimensions of a projection that learned, 0 for those of the recipe.
    edge_filter: as it was learned, where there is one.
    """
    tables = tomllib.loads(recipe_text(recipe))
    parsed = parse_recipe(recipe_text(recipe), str(recipe))
    own = tables["channel"][channel] if "channel" in tables else tables
    checkpoint = {"source": NETWORK, "sha256": sha256}
    features, method = own["features"], own["descriptor"]
    parts = features["parts"] if isinstance(parsed.channel[channel].features, JoinedMaps) else [features]
    for part in parts:
        part["checkpoint"] = checkpoint
        if edge_filter is not None:
            part["filter"] = edge_filter.model_dump()
    for part, exponent in zip(method.get("parts", [method]), exponents, strict=True):
        part["whitening"] = "pca"
        part.pop("learned_on", None)
        if part.pop("whitened", "whole") == "cells":
            # The whitening of a product is of whole vectors, which have more to keep.
            part.pop("dimensions", None)
        if projected:
            part["dimensions"] = projected
        if part["kind"] == "netvlad":
            part["words"] = "checkpoint"
        if exponent is not None:
            part["p"] = exponent
    method["fit"] = WHITENING
    return {**tables, "name": name, "summary": summary, "checked_by": "held-out photos of its training"}


def fused_tables(product: Mapping[str, Any], channel: str) -> dict[str, Any]:
    """Returns the tables of `sift-lite0-links` with the product's descriptor as its network channel."""
    tables = tomllib.loads(recipe_text(FUSED_BASE))
    own = product["channel"][channel] if "channel" in product else product
    tables["channel"]["cnn"] = {key: own[key] for key in ("features", "descriptor")}
    summary = f"{tables['summary']}, with the network of {product['name']}"
    return {**tables, "name": f"{FUSED_BASE}-{product['name']}", "summary": summary, "checked_by": "unverified"}


def read_tables(file: Path, tables: Mapping[str, Any]) -> Recipe:
    """Returns a recipe as an index will read it from a file that is not there yet."""
    return parse_recipe(to_toml(tables), str(file))


def write_recipe(file: Path, tables: Mapping[str, Any], comment: str) -> None:
    """Writes a recipe below a comment."""
    text = "".join(f"# {line}\n" for line in comment.splitlines()) + to_toml(tables) + "\n"
    with disk_errors(file):
        write_whole(file, text.encode())


def write_whitening(
    folder: Path, channel: ChannelRecipe, whitenings: Sequence[Whitening], provenance: Mapping[str, str | int | float]
) -> str:
    """Writes `whitening.npz`, as a recipe's `fit` reads it. Returns the SHA-256 of the arrays."""
    prefixes = [f"{number}." for number in range(len(whitenings))]
    if not isinstance(channel.features, JoinedMaps):
        prefixes = [VECTORS if isinstance(channel.method, NetVlad) else ""]
    arrays: dict[str, Array] = {}
    for prefix, whitening in zip(prefixes, whitenings, strict=True):
        arrays |= to_arrays(whitening, prefix)
    weights = " and ".join(features.checkpoint.sha256 for features in networks_of(channel.features))
    origin = {"fitted_for": channel.method.fitted_for(channel.features), "weights": weights}
    with disk_errors(folder / WHITENING):
        write_whole(folder / WHITENING, to_bytes(arrays, {**provenance, **origin}))
    return hash_arrays(arrays)


def channel_of(recipe: str | Path, wanted: str = "") -> tuple[str, ChannelRecipe]:
    """Returns the name and the parameters of the channel of an index recipe that has a network."""
    loaded = load_recipe(recipe)
    if wanted:
        if wanted not in loaded.channel:
            raise RecipeError(f'{recipe}: it has no channel "{wanted}", but {", ".join(loaded.channel)}')
        return wanted, loaded.channel[wanted]
    having = [name for name, one in loaded.channel.items() if networks_of(one.features)]
    if len(having) != 1:
        raise RecipeError(
            f"{recipe}: {len(having)} of its channels have a network: name the one to train by channel"
            if having
            else f"{recipe}: none of its channels has a network that could be trained"
        )
    return having[0], loaded.channel[having[0]]


def _in_order(content: bytes) -> bytes:
    """Returns a file of safetensors whose header is in the order of its keys: the library's order is another each time.

    Source: the format in the library's documentation: the length of the header in 8 bytes, the header in JSON, padded
    by spaces to a multiple of 8 bytes, and the tensors.
    """
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[8 + length :]
