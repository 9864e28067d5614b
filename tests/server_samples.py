"""Samples that tests of the service share."""

from __future__ import annotations

from collections.abc import Callable

from starlette.testclient import TestClient

TOKEN = "a-token-that-is-long-enough"

Serve = Callable[..., TestClient]
"""Serves indexes, given by their paths, with settings by name; `tables` are files of metadata."""
