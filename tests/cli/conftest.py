"""A stand-in for the index, so that what the commands themselves do is tested without one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from resight.cli.main import app

Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    """Runs `resight` with the given arguments in this process."""

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="resight")

    return run


@dataclass
class Hit:
    name: str
    score: float = 0.5
    inliers: int | None = 12
    transform: list[list[float]] | None = None
    box: tuple[float, float, float, float] | None = None


@dataclass
class Answer:
    query: Any
    box: Any
    hits: list[Hit]
    seconds: float = 0.25


@dataclass
class Report:
    added: int = 2
    changed: int = 1
    unchanged: int = 4
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 1.5


@dataclass
class Verified:
    problems: list[str] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)


@dataclass
class Recipe:
    name: str
    default: bool = False
    needs: str = ""
    checked_by: str = "a golden value"
    summary: str = "words"

    def to_dict(self) -> dict[str, object]:
        return {"name": self.name, "default": self.default}


class Stub:
    """Plays Index: keeps what it was asked, gives what the test has set, or raises it."""

    recipe = Recipe("sift-asmk", default=True)

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.hits = [Hit("a.jpg")]
        self.report = Report()
        self.verified = Verified()
        self.raised: BaseException | None = None

    def _called(self, verb: str, *arguments: Any, **options: Any) -> None:
        self.calls.append((verb, arguments, options))
        if self.raised is not None:
            raise self.raised

    def create(self, path: Path, recipe: str, *, fit: Path | None) -> Stub:
        self._called("create", path, recipe, fit=fit)
        return self

    def open(self, path: Path) -> Stub:
        self._called("open", path)
        return self

    def add(self, folder: Path, prefix: str = "", progress: object = None) -> Report:
        self._called("add", folder, prefix, progress)
        return self.report

    def update(self, progress: object = None) -> Report:
        self._called("update", progress)
        return self.report

    def remove(self, names: list[str]) -> int:
        self._called("remove", names)
        return len(names)

    def search(self, query: Path | str, *, box: Any, k: int, include_self: bool) -> Answer:
        self._called("search", query, box=box, k=k, include_self=include_self)
        return Answer(query, box, self.hits)

    def search_together(self, queries: list[Any], *, k: int, include_self: bool) -> Answer:
        self._called("search_together", queries, k=k, include_self=include_self)
        return Answer(None, None, self.hits)

    def verify(self, repair: bool = False) -> Verified:
        self._called("verify", repair)
        return self.verified

    def compact(self) -> None:
        self._called("compact")

    def asked(self, verb: str) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
        """Arguments and options of every call of a verb."""
        return [(arguments, options) for called, arguments, options in self.calls if called == verb]


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Stub:
    """What every command gets for an index; one recipe is the default."""
    stub = Stub()
    index, recipe = ModuleType("resight.index"), ModuleType("resight.recipe")
    index.Index = stub  # type: ignore[attr-defined]
    recipe.available = lambda: [Recipe("sift-bow"), Recipe("sift-asmk", default=True)]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "resight.index", index)
    monkeypatch.setitem(sys.modules, "resight.recipe", recipe)
    return stub
