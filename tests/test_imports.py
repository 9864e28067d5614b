"""Rooms import only what stands above them on the road, and what is light stays light."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import resight

PACKAGE = Path(resight.__file__).parent
ORDER = (
    "errors",
    "versions",
    "arrays",
    "libraries",
    "progress",
    "markup",
    "cores",
    "files",
    "forks",
    "cache",
    "kernels",
    "images",
    "filesystems",
    "arguments",
    "folders",
    "store",
    "features",
    "learned",
    "descriptors",
    "words",
    "datasets",
    "search",
    "rerank",
    "manifold",
    "recipe",
    "probability",
    "channels",
    "duplicates",
    "index",
    "evaluation",
    "show",
    "worlds",
    "training",
    "server",
    "cli",
    "__main__",
)
"""The rooms and modules of the package; each imports only from those before it, and from itself."""

INDEX = {"store", "channels.rows", "index"}
"""What may know of bytes on disk."""

HEAVY = ("numpy", "scipy", "cv2", "numba", "faiss", "PIL", "pydantic", "rich", "torch")


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in the file; of `from a import b`, a.b where that is a module."""
    return modules(path, ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def imported_at_once(path: Path) -> Iterator[str]:
    """The modules that a file imports when it is imported itself: not those within functions, and for types alone."""
    return modules(path, iter(ast.parse(path.read_text(encoding="utf-8")).body))


def modules(path: Path, nodes: Iterator[ast.AST]) -> Iterator[str]:
    """The modules that import statements name."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the road"
            module = node.module or ""
            place = PACKAGE.parent / module.replace(".", "/")
            for alias in node.names:
                is_module = (place / alias.name).is_dir() or (place / f"{alias.name}.py").is_file()
                yield f"{module}.{alias.name}" if is_module else module


def room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def sources() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def name_of(path: Path) -> str:
    return ".".join(("resight", *path.relative_to(PACKAGE).with_suffix("").parts))


def ours(path: Path) -> set[str]:
    return {module for module in imported(path) if module.split(".")[0] == "resight"}


def test_every_room_has_its_place() -> None:
    assert {room(name_of(path)) for path in sources()} <= set(ORDER)


@pytest.mark.parametrize("path", sources(), ids=name_of)
def test_a_module_imports_only_what_is_above_it(path: Path) -> None:
    place = ORDER.index(room(name_of(path)))
    below = {module for module in ours(path) if module != "resight" and ORDER.index(room(module)) > place}
    assert below == set()
    # Through the public API of the package a module would reach everything below it.
    assert "resight" not in ours(path)


@pytest.mark.parametrize("path", sources(), ids=name_of)
def test_only_the_index_knows_the_store(path: Path) -> None:
    if not {room(name_of(path)), name_of(path).removeprefix("resight.")} & INDEX:
        assert {module for module in ours(path) if room(module) == "store"} == set()


MODELS = sorted([*PACKAGE.glob("*/kinds.py"), *PACKAGE.glob("*/methods/*.py")])


def test_importing_parameter_models_loads_nothing_heavy() -> None:
    assert len(MODELS) > 20
    assert loaded("; ".join(f"import {name_of(path)}" for path in MODELS)) == {"pydantic"}


@pytest.mark.parametrize("path", sources(), ids=name_of)
def test_only_one_module_compiles(path: Path) -> None:
    # numba's own decorator refuses to be imported where its cache cannot be written.
    assert name_of(path) == "resight.kernels.compiling" or "njit(" not in path.read_text(encoding="utf-8")


def test_metrics_import_nothing_of_ours() -> None:
    assert ours(PACKAGE / "evaluation" / "metrics.py") == set()


def loaded(program: str) -> set[str]:
    """Which of the heavy libraries are loaded after a program ran."""
    code = f"{program}\nimport sys; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_the_package_alone_loads_nothing_heavy() -> None:
    assert loaded("import resight") == set()


def test_the_command_alone_loads_nothing_heavy() -> None:
    assert loaded("import resight.cli.main") == set()


def test_a_recipe_loads_no_implementation() -> None:
    assert loaded("import resight; resight.recipes()") <= {"pydantic"}


def test_words_of_sift_need_no_torch() -> None:
    modules = "resight.index.index", "resight.index.answering", "resight.channels.shipped", "resight.rerank.chain"
    assert "torch" not in loaded(f"import {', '.join(modules)}")


def test_the_public_names_are_there() -> None:
    for name in resight.__all__:
        assert name == "__version__" or getattr(resight, name).__name__ == name
    with pytest.raises(AttributeError, match="nonsense"):
        resight.nonsense  # noqa: B018


ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.pyi"))


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_has_a_face(room: str) -> None:
    """Each name of `__init__.pyi` is there, and is what its module has; the names alone load nothing."""
    stub = ast.parse((PACKAGE / room / "__init__.pyi").read_text(encoding="utf-8"))
    face = importlib.import_module(f"resight.{room}")
    names = {alias.name: node.module for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert names
    assert set(face.__all__) == set(names)
    assert set(names) <= set(dir(face))
    for name, module in names.items():
        assert getattr(face, name) is getattr(importlib.import_module(f"resight.{room}.{module}"), name)


def test_the_faces_of_all_rooms_load_nothing_heavy() -> None:
    assert len(ROOMS) > 15
    assert loaded("; ".join(f"import resight.{room}; dir(resight.{room})" for room in ROOMS)) == set()


def test_a_face_hides_no_module() -> None:
    for room in ROOMS:
        face = importlib.import_module(f"resight.{room}")
        assert set(face.__all__) & {path.stem for path in (PACKAGE / room).iterdir()} == set()
