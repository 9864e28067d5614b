"""Logs of a training that TensorBoard reads."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from resight.errors import UsageError
from resight.training.course import StepReport

FOLDER = "tensorboard"


def require_tensorboard() -> None:
    """Raises UsageError where TensorBoard's package is not installed."""
    if find_spec("tensorboard") is None:
        raise UsageError("logs for TensorBoard need its package: pip install tensorboard")


class Events:
    """The log of a training in a folder, which needs TensorBoard's package."""

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder / FOLDER))  # type: ignore[no-untyped-call, unused-ignore]

    def step(self, report: StepReport) -> None:
        """Writes the loss of a step."""
        self._write("loss", report.loss, report.done)

    def epoch(self, entry: Mapping[str, float]) -> None:
        """Writes the validation of an epoch."""
        for name, value in entry.items():
            if name != "epoch":
                self._write(f"validation/{name}", value, int(entry["epoch"]))
        self._writer.flush()  # type: ignore[no-untyped-call, unused-ignore]

    def _write(self, name: str, value: float, step: int) -> None:
        self._writer.add_scalar(name, value, step)  # type: ignore[no-untyped-call, unused-ignore]
