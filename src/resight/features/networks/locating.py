"""The files of checkpoints: finds them, and checks that they are the ones that are meant. No weights are read."""

from __future__ import annotations

import os
from pathlib import Path

from resight.errors import WeightsError
from resight.features.networks import download
from resight.features.networks.kinds import Checkpoint
from resight.features.networks.published import PUBLISHED, Published


def pin(checkpoint: Checkpoint, folder: Path, progress: download.Progress | None = None) -> Checkpoint:
    """Returns the checkpoint with the SHA-256 of its file and, where a path names it, with the absolute path.

    An index keeps it, so that it finds the same weights again, from wherever it is opened. Raises WeightsError,
    UsageError, StorageError.
    """
    if checkpoint.source == "random":
        return checkpoint
    path = locate(checkpoint, folder, progress)
    published = PUBLISHED.get(checkpoint.source)
    sha256 = verified(path / "model.safetensors" if path.is_dir() else path, checkpoint, published)
    named = published is not None or checkpoint.source.startswith(("http://", "https://"))
    source = checkpoint.source if named else str(path.resolve())
    return checkpoint.model_copy(update={"source": source, "sha256": sha256})


def locate(checkpoint: Checkpoint, folder: Path, progress: download.Progress | None = None) -> Path:
    """Returns the file of a checkpoint, fetching it where it has an address and is missing.

    Raises WeightsError, UsageError, StorageError.
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
                f"{path}: no such weights, nor {path.name} in {_searched()}; put the file back where the recipe "
                f"names it, or name another file, an http(s) address, or one of {', '.join(PUBLISHED)}"
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
    return download.download(url, download.downloads_folder(), expected_sha256(name, checkpoint, published), progress)


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


def expected_sha256(name: str, checkpoint: Checkpoint, published: Published | None) -> str:
    """Returns the known SHA-256 of a file, or its first digits, or an empty text."""
    return checkpoint.sha256 or (published.sha256 if published else download.hash_in_name(name))


def verified(path: Path, checkpoint: Checkpoint, published: Published | None) -> str:
    """Returns the SHA-256 of a file. Raises WeightsError where it is not the expected one."""
    try:
        found = download.sha256_of(path)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror}") from None
    # A file that is named by its path is checked only against the hash that the recipe gives.
    is_path = published is None and not checkpoint.source.startswith(("http://", "https://"))
    expected = checkpoint.sha256 if is_path else expected_sha256(path.name, checkpoint, published)
    if not found.startswith(expected):
        fetched = not is_path and (published is None or bool(published.url))
        mend = "remove it, then it is fetched again" if fetched else "put the right one in its place"
        raise WeightsError(
            f"{path}: its SHA-256 is {found}, but {expected}{'' if len(expected) == 64 else '…'} is expected: "
            f"another file, or a damaged one; {mend}"
        )
    return found


def _searched() -> str:
    weights = download.weights_folder()
    first = f"RESIGHT_WEIGHTS ({weights})" if weights else "RESIGHT_WEIGHTS (not set)"
    return f"{first} or {os.fspath(download.downloads_folder())}"
