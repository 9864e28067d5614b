"""Array types have one name each, and one place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import resight
from resight import arrays

PACKAGE = Path(resight.__file__).parent
NAMES = {"NDArray"} | {name for name, value in vars(arrays).items() if getattr(value, "__args__", None)}
"""What a type of arrays is written with."""


def aliases(path: Path) -> Iterator[tuple[str, ast.expr]]:
    """Names that a module gives to types of arrays, and the types; those for type checkers alone as well."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    blocks = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.If))]
    for statement in (statement for block in blocks for statement in block):
        if isinstance(statement, ast.Assign):
            target, value = statement.targets[0], statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            target, value = statement.target, statement.value
        else:
            continue
        if isinstance(target, ast.Name) and NAMES & {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}:
            yield target.id, value


def of_the_package() -> Iterator[tuple[str, str, ast.expr]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if path != PACKAGE / "arrays.py":
            yield from ((str(path.relative_to(PACKAGE)), name, value) for name, value in aliases(path))


def is_array(value: ast.expr) -> bool:
    """True for NDArray[...] and for one of our names alone."""
    whole = value.value if isinstance(value, ast.Subscript) else value
    return isinstance(whole, ast.Name) and whole.id in NAMES


def test_there_are_names() -> None:
    assert {"Array", "Arrays", "Float32", "Float64", "Mask", "Pixels", "Vectors"} <= NAMES
    assert len(list(aliases(PACKAGE / "arrays.py"))) == len(NAMES) - 1


def test_only_one_module_names_array_types() -> None:
    assert [(path, name) for path, name, value in of_the_package() if is_array(value)] == []


def test_what_is_made_of_arrays_has_one_name_each() -> None:
    meanings: dict[str, set[str]] = {}
    for _, name, value in of_the_package():
        meanings.setdefault(name, set()).add(ast.unparse(value))
    assert meanings
    assert {name: types for name, types in meanings.items() if len(types) > 1} == {}
    assert NAMES & set(meanings) == set()
