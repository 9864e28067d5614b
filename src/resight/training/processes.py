"""Several processes that train one network together: each step's images are shared out, and its gradients are added.

The loss of a step couples its images. So each process describes its share, all exchange their descriptors, and each
takes the gradient of the whole loss by its own: their sum is the gradient of one process with all images.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
from torch import Tensor, distributed, nn

from resight.errors import UsageError
from resight.training.launched import START, Launched, device_of, launched

T = TypeVar("T")
PATIENCE = timedelta(days=7)
"""For the first process, which alone examines, validates and writes, while the others wait."""


class Processes:
    """This process and the others, of which the first writes and reports. Alone, it exchanges nothing."""

    def __init__(self, own: Launched | None = None) -> None:
        self.own = own or Launched()
        self.device = device_of(torch.cuda.device_count() if torch.cuda.is_available() else 0, self.own.local)

    @property
    def is_first(self) -> bool:
        """True for the process that writes and reports."""
        return self.own.is_first

    @property
    def are_several(self) -> bool:
        """True where there are others."""
        return self.own.count > 1

    def from_first(self, make: Callable[[], T]) -> T:
        """Returns what `make` returns in the first process, the only one in which it is called.

        Raises what it raises, in all of them.
        """
        if not self.are_several:
            return make()
        box: list[tuple[T | None, BaseException | None]] = [(None, None)]
        if self.is_first:
            try:
                box = [(make(), None)]
            except Exception as error:
                box = [(None, error)]
        distributed.broadcast_object_list(box, src=0, device=torch.device("cpu"))
        value, failure = box[0]
        if failure is not None:
            raise failure
        return value  # type: ignore[return-value]

    def gathered(self, own: Tensor, number: int) -> Tensor:
        """Returns the rows (number, D) of all processes, of which `own` are this one's; only those have gradients."""
        if not self.are_several:
            return own
        shares = [Launched(rank, self.own.count).share(number) for rank in range(self.own.count)]
        padded = own.new_zeros(max(map(len, shares)), *own.shape[1:])
        padded[: len(own)] = own.detach()
        rows = [torch.empty_like(padded) for _ in shares]
        distributed.all_gather(rows, padded)
        parts = [given[: len(share)] for given, share in zip(rows, shares, strict=True)]
        parts[self.own.rank] = own
        return torch.cat(parts)

    def add_gradients(self, parameters: Iterable[nn.Parameter], loss: float) -> float:
        """Adds the gradients of all processes, in each. Returns the sum of losses.

        A parameter that has a gradient in none has none afterwards: an optimiser leaves it as it is.
        """
        if not self.are_several:
            return loss
        learned = list(parameters)
        gradients = [torch.zeros_like(one) if one.grad is None else one.grad for one in learned]
        told = gradients[0].new_tensor([*(float(one.grad is not None) for one in learned), loss])
        total = torch.cat([*(one.reshape(-1) for one in gradients), told])
        distributed.all_reduce(total)
        *own, there = torch.split(total, [*(one.numel() for one in learned), len(told)])
        for one, gradient, known in zip(learned, own, there[:-1].tolist(), strict=True):
            one.grad = gradient.view_as(one).clone() if known else None
        return float(there[-1])

    def take_weights_of_first(self, model: nn.Module) -> None:
        """Gives the model of every process the weights of the first one's."""
        if self.are_several:
            for one in (*model.parameters(), *model.buffers()):
                distributed.broadcast(one.detach(), src=0)


ALONE = Processes()


@contextmanager
def joined_processes() -> Iterator[Processes]:
    """The processes that the environment names, joined until the block ends. Raises UsageError."""
    own = launched(os.environ)
    found = Processes(own)
    if not found.are_several:
        yield found
        return
    if found.device != "cpu":
        torch.cuda.set_device(found.device)
    try:
        distributed.init_process_group("gloo" if found.device == "cpu" else "cpu:gloo,cuda:nccl", timeout=PATIENCE)
    except (ValueError, RuntimeError) as error:
        raise UsageError(f"process {own.rank} of {own.count} cannot join the others: {error}; {START}") from None
    try:
        yield found
    finally:
        distributed.destroy_process_group()
