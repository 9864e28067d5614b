"""Logs of a training that TensorBoard reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from resight.errors import UsageError
from resight.training.loop import StepReport

FOLDER = "tensorboard"


class Events:
    """The log of a training in a folder. Raises UsageError where TensorBoard's package is not installed."""

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise UsageError("logs for TensorBoard need its package: pip install tensorboard") from None
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
