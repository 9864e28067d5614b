"""Messages about a recipe that is refused: its key as written in the file, what is wrong, and the nearest valid one."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from resight.learned.registered import OneOf, kinds
from resight.recipe.model import ONLY_CHANNEL, SECTIONS, Recipe
from resight.wrong_values import what_is_wrong

LONGEST = 200
"""Characters of a value, or of a message about a text, that are shown."""
LARGEST = 10**30
"""Numbers beyond it are not written out."""


def explain(error: ValidationError, root: type[BaseModel] = Recipe) -> str:
    """Returns the first thing wrong in a file that `root` models, unknown keys before all else, in one line."""
    return one_line(_explain(error, root), 4 * LONGEST)


def one_line(text: str, longest: int = LONGEST) -> str:
    """Returns the text in one line that can be printed, cut where it is longer than `longest` characters."""
    printed = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text[: longest + 1])
    return printed if len(printed) <= longest else f"{printed[:longest]}..."


def _explain(error: ValidationError, root: type[BaseModel]) -> str:
    first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    loc = first["loc"]
    model, key, annotation = _place(loc, root)
    given = first["input"]
    if first["type"] == "extra_forbidden":
        if key in SECTIONS:
            return f'"{key}" stands beside "channel": put it into the channel, [channel.NAME.{key}]'
        parent = key.removesuffix(str(loc[-1])).removesuffix(".")
        valid = [*model.model_fields, *(SECTIONS if model is Recipe else ())]
        return f'unknown key "{key}"; the nearest valid one is "{_joined(parent, _nearest(str(loc[-1]), valid))}"'
    if first["type"] == "union_tag_not_found":
        return f'{key}: it needs a "kind", one of {", ".join(sorted(_names(annotation)))}'
    if first["type"] == "union_tag_invalid":
        known, tag = _names(annotation), str(first["ctx"]["tag"])
        return f'{key}: there is no kind "{tag}"; the nearest is "{_nearest(tag, known)}", of {", ".join(known)}'
    if first["type"] == "missing":
        return f'"{key}" is missing'
    if first["type"] in ("dict_type", "model_type", "model_attributes_type"):
        return f"{key}: must be a table, [{key}]"
    if first["type"] == "tuple_type":
        items = [_plain(item) for item in get_args(annotation)]
        is_tables = any(isinstance(item, OneOf) or list(_members(item)) for item in items)
        return f"{key}: must be a list" + (f" of tables, [[{key}]]" if is_tables else "")
    if loc[-1:] == ("[key]",):
        return f'channel "{loc[-2]}": name it with letters, digits, "-" and "_"'
    message = what_is_wrong(first) + _shown(given)
    return f"{key}: {message}" if key else message


def _shown(given: object) -> str:
    """Returns the value that was given, where it can be written in a line."""
    if isinstance(given, int) and abs(given) > LARGEST:
        return f", not a number of {given.bit_length()} bits"
    return f", not {one_line(repr(given))}" if isinstance(given, str | int | float) else ""


def _place(loc: Sequence[str | int], root: type[BaseModel]) -> tuple[type[BaseModel], str, Any]:
    """Returns the innermost model of a place that pydantic names, the key and its annotation.

    The key is as it is written in the file.

    A place has the names of fields and of channels, numbers of stages, and of each union the kind that was chosen.
    """
    model: type[BaseModel] = root
    annotation: Any = root
    key = ""
    for part in loc:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            model = annotation
            key = _joined(key, str(part))
            field = model.model_fields.get(str(part))
            annotation = _of_field(field) if field is not None else None
        elif models := _kinds(annotation):
            annotation = models.get(str(part))
        elif isinstance(part, int):
            key = f"{key}[{part}]"
            annotation = _plain(get_args(annotation)[0]) if get_args(annotation) else None
        elif part != "[key]":
            # The only channel of a recipe stands in the file without its name.
            key = "" if (key, part) == ("channel", ONLY_CHANNEL) else _joined(key, part)
            annotation = _plain(get_args(annotation)[1]) if len(get_args(annotation)) > 1 else None
    return model, key, annotation


def _of_field(field: FieldInfo) -> Any:
    """`_plain` of a field, whose own annotations pydantic keeps apart from its type."""
    return next((one for one in field.metadata if isinstance(one, OneOf)), _plain(field.annotation))


def _plain(annotation: Any) -> Any:
    """Returns a type without what is annotated, and without None where it may be None; `OneOf` for what it chooses."""
    if get_origin(annotation) is Annotated:
        inner, *others = get_args(annotation)
        return next((one for one in others if isinstance(one, OneOf)), _plain(inner))
    if get_origin(annotation) in (Union, UnionType):
        others = [one for one in get_args(annotation) if one is not NoneType]
        return _plain(others[0]) if len(others) == 1 else annotation
    return annotation


def _members(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yields the models of a union, also of unions in it."""
    plain = _plain(annotation)
    if get_origin(plain) in (Union, UnionType):
        for one in get_args(plain):
            yield from _members(one)
    elif isinstance(plain, type) and issubclass(plain, BaseModel):
        yield plain


def _kinds(annotation: Any) -> Mapping[str, type[BaseModel]]:
    """Returns the models of a union by the kind that chooses them; nothing where `annotation` is no union."""
    if isinstance(annotation, OneOf):
        return annotation.models()
    if get_origin(_plain(annotation)) not in (Union, UnionType):
        return {}
    return {member.model_fields["kind"].default: member for member in _members(annotation)}


def _names(annotation: Any) -> list[str]:
    """Returns the kinds of a union, also those of packages that are not imported."""
    return kinds(annotation.section, annotation.of) if isinstance(annotation, OneOf) else list(_kinds(annotation))


def _joined(parent: str, last: str) -> str:
    return f"{parent}.{last}" if parent else last


def _nearest(given: str, valid: Sequence[str]) -> str:
    return difflib.get_close_matches(given[:LONGEST], valid, n=1, cutoff=0.0)[0]
