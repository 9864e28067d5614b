"""Values of --set KEY=VALUE."""

from __future__ import annotations

from collections.abc import Sequence

from resight.errors import UsageError


def key_values(texts: Sequence[str]) -> dict[str, str]:
    """Reads values by key from texts KEY=VALUE. Raises UsageError where one is none, or a key is given twice."""
    found: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise UsageError(f"--set {text}: give KEY=VALUE, such as seed=1")
        if key in found:
            raise UsageError(f"--set {key}: given twice")
        found[key] = value
    return found
