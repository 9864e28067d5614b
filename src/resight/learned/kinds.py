"""Sources of fitted arrays, as a recipe names them; importing this module imports no implementation."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

FitSource = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=r"^[^\x00-\x1f]+$")]
""" "builtin", "collection", or the path of a file."""
