"""The number of this process among those that train together, as `torchrun` says it; without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from resight.errors import UsageError

START = "start several processes by torchrun --nproc-per-node N -m resight train ..., or one without WORLD_SIZE"


@dataclass(frozen=True)
class Launched:
    """One of `count` processes. rank: its number among all; local: among those of its machine."""

    rank: int = 0
    count: int = 1
    local: int = 0

    @property
    def is_first(self) -> bool:
        """True for the process that writes and reports."""
        return self.rank == 0

    def share(self, number: int) -> range:
        """Returns which of so many images in a row are this process's: neighbours, and about as many for each."""
        return range(number * self.rank // self.count, number * (self.rank + 1) // self.count)


def launched(environment: Mapping[str, str]) -> Launched:
    """Returns what the environment says: one process alone where it says nothing.

    Raises UsageError where it does not fit together.
    """
    given = environment.get("WORLD_SIZE", "").strip()
    if given in ("", "0", "1"):
        return Launched()
    values = {}
    for key in ("WORLD_SIZE", "RANK", "LOCAL_RANK"):
        text = environment.get(key, "").strip()
        if not text.isascii() or not text.isdigit():
            raise UsageError(f"WORLD_SIZE is {given}, and {key} is {text!r}: {START}")
        values[key] = int(text)
    missing = [key for key in ("MASTER_ADDR", "MASTER_PORT") if not environment.get(key)]
    if missing or values["RANK"] >= values["WORLD_SIZE"]:
        told = f"{' and '.join(missing)} not set" if missing else f"RANK is {values['RANK']}"
        raise UsageError(f"WORLD_SIZE is {given}, and {told}: {START}")
    return Launched(values["RANK"], values["WORLD_SIZE"], values["LOCAL_RANK"])


def device_of(cards: int, local: int = 0) -> str:
    """Returns the device of a process on a machine with so many graphics cards: a card of its own, or the processor.

    Raises UsageError where there are cards, and none is left for it.
    """
    if not cards:
        return "cpu"
    if local >= cards:
        raise UsageError(
            f"process {local + 1} of this machine has no graphics card of its own: there are {cards}; start "
            f"{cards} a machine, by torchrun --nproc-per-node {cards}, or hide the cards by CUDA_VISIBLE_DEVICES="
        )
    return f"cuda:{local}"
