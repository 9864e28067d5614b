"""Prints docs/recipe-keys.md: every key that a recipe may have, from the parameter models that check it.

python tools/recipe_keys.py > docs/recipe-keys.md
"""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap
import types
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Len, Lt, MaxLen, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from resight.learned.registered import OneOf
from resight.recipe.model import SECTIONS, ChannelRecipe, Recipe

HEAD = """# Keys of a recipe

Every table of a recipe and its keys, made of the models that check them by `tools/recipe_keys.py`. A key without a
default must be given; an unknown key or kind, or a value out of range, is an error that names the nearest valid one.
[Recipes](recipes.md) says how the tables make a method.
"""


def models_of(annotation: Any) -> Iterator[type[BaseModel]]:
    """The parameter models that a type allows, in their order."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) is Annotated:
        inner, *others = get_args(annotation)
        chosen = next((one for one in others if isinstance(one, OneOf)), None)
        yield from models_of(inner) if chosen is None else chosen.models().values()
    else:
        for part in get_args(annotation):
            yield from models_of(part)


def type_of(annotation: Any) -> str:
    """A type as a reader of TOML knows it."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_of(parts[0])
    if origin is Literal:
        return ", ".join(f'"{part}"' if isinstance(part, str) else str(part).lower() for part in parts)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(type_of(part) for part in parts if part is not type(None)))
    if origin in (tuple, list, frozenset):
        return "list of " + " or ".join(dict.fromkeys(type_of(part) for part in parts if part is not Ellipsis))
    if origin is dict or (origin is not None and issubclass(origin, dict)):
        return "table"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "table"
    return {str: "text", int: "whole number", float: "number", bool: "true or false"}.get(annotation, str(annotation))


def bounds(field: FieldInfo) -> str:
    """The range of a number, or the length of a list."""
    least: list[str] = []
    most: list[str] = []
    for one in field.metadata:
        match one:
            case Ge(ge=value):
                least.append(f"from {value:,}")
            case Gt(gt=value):
                least.append(f"over {value:,}")
            case Le(le=value):
                most.append(f"to {value:,}")
            case Lt(lt=value):
                most.append(f"under {value:,}")
            case Len() | MinLen() | MaxLen():
                shortest, longest = getattr(one, "min_length", 0), getattr(one, "max_length", None)
                least += [f"{shortest} or more of them"] if shortest else []
                most += [f"at most {longest:,}"] if longest else []
    return " ".join(least + most)


def default_of(field: FieldInfo) -> str:
    """The default as TOML writes it."""
    if field.default_factory is not None:
        return ""
    value = field.default
    if value is PydanticUndefined:
        return "must be given"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, str):
        return f'`"{value}"`'
    if isinstance(value, tuple | list | frozenset):
        return "`[" + ", ".join(f'"{one}"' if isinstance(one, str) else f"{one}" for one in value) + "]`"
    return f"`{value}`" if not isinstance(value, BaseModel) else ""


def comments(model: type[BaseModel]) -> dict[str, str]:
    """The comment above each field, which says what it means and where it is from, in the model or what it extends."""
    found: dict[str, str] = {}
    for one in reversed(model.__mro__):
        if not issubclass(one, BaseModel) or one is BaseModel:
            continue
        source = textwrap.dedent(inspect.getsource(one)).splitlines()
        (tree,) = ast.parse("\n".join(source)).body
        assert isinstance(tree, ast.ClassDef), "the source of a class is one class"
        for node in tree.body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                lines = itertools.takewhile(lambda line: line.strip().startswith("#"), source[node.lineno - 2 :: -1])
                above = [line.strip().removeprefix("#").strip() for line in lines]
                found[node.target.id] = " ".join(reversed(above))
    return found


def table(model: type[BaseModel], names: Iterable[str] | None = None) -> list[str]:
    """The keys of one model, or some of them."""
    rows, above = [], comments(model)
    for name in names or model.model_fields:
        field = model.model_fields[name]
        if name == "kind":
            continue
        means = " ".join(filter(None, (type_of(field.annotation), bounds(field)))).replace("|", "\\|")
        text = " ".join(filter(None, (field.description, above.get(name)))).replace("|", "\\|")
        rows.append(f"| `{name}` | {means} | {default_of(field)} | {text} |")
    return ["| key | value | default | meaning |", "|---|---|---|---|", *rows, ""] if rows else ["No keys.", ""]


def section(title: str, annotation: Any) -> list[str]:
    """All kinds that one table of a recipe may have, and the tables in them that are of no kind listed already."""
    lines, listed = [f"## {title}", ""], list(models_of(annotation))
    for model in listed:
        kind = model.model_fields.get("kind")
        lines += [f'### `kind = "{kind.default}"`' if kind is not None else "### Keys", ""]
        lines += [" ".join((model.__doc__ or "").split()), "", *table(model)]
    for model in listed:
        for name, field in model.model_fields.items():
            for inner in models_of(field.annotation):
                if inner not in listed:
                    listed.append(inner)
                    lines += [f"### Table `{name}`", "", " ".join((inner.__doc__ or "").split()), "", *table(inner)]
    return lines


def page() -> str:
    """The whole page."""
    lines = [HEAD]
    for name in SECTIONS:
        lines += section(f"`[{name}]`, or `[channel.NAME.{name}]`", ChannelRecipe.model_fields[name].annotation)
    for name, field in Recipe.model_fields.items():
        if name not in ("channel", "rerank") and list(models_of(field.annotation)):
            lines += section(f"`[{name}]`", field.annotation)
    lines += section("`[[rerank]]`, in the order of the file", Recipe.model_fields["rerank"].annotation)
    plain = [n for n, f in Recipe.model_fields.items() if n != "channel" and not list(models_of(f.annotation))]
    lines += ["## Outside of tables", "", *table(Recipe, plain)]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    print(page(), end="")
