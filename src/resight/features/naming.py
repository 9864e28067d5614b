"""Names of what a fit was made on: of files that ship, and in what a fit says of itself.

Two fits may share arrays only where everything agrees that changes what a vector means. So every field of the features
and of the method is in the name, but for those that the features and the method leave out, which change how many
vectors there are, how fast they come, or how a query is treated.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import PurePath
from typing import Any

from pydantic import BaseModel

from resight.features.networks.kinds import Checkpoint

JOINED = " + "
"""Between the names of what ships for the parts of a joined method."""


def settings(model: BaseModel, without: Collection[str]) -> list[str]:
    """Returns the fields that are set, as NAME=VALUE."""
    fields = {key: getattr(model, key) for key in type(model).model_fields if key not in without}
    return [f"{key}={_shown(value)}" for key, value in fields.items() if value is not None]


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Checkpoint):
        # Of a model of saliency; where its file lies says nothing of what it sees.
        return PurePath(value.source).name
    return "+".join(map(_shown, value)) if isinstance(value, tuple) else str(value)
