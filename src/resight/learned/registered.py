"""Which methods there are, by the table of a recipe that they stand in and their kind: ours and those of packages.

A package registers a method by an entry point of the group `resight.methods`, whose name is SECTION.KIND:

    [project.entry-points."resight.methods"]
    "descriptor.log-mean" = "brightness.pooling:LogMean"

Its name alone says which kind it is, so that nothing is imported to list what there is; a recipe that names the kind
imports its module. A program registers one of its own by `register`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from importlib import metadata
from typing import Any, TypeVar

from pydantic import BaseModel, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticKnownError, SchemaValidator, core_schema

from resight.errors import RecipeError, UsageError

GROUP = "resight.methods"
SECTIONS = ("words", "descriptor", "match", "rerank", "search")

ModelT = TypeVar("ModelT", bound=BaseModel)

_models: dict[tuple[str, str], type[BaseModel]] = {}


def register(model: type[ModelT]) -> type[ModelT]:
    """Lets recipes name a parameter model by its `kind`, in the table that its `section` names; gives it back.

    UsageError: no such section, a kind that is no constant or that another model of this section has, or a model that
    lacks what its base class asks for.
    """
    section, kind = _section_and_kind(model)
    known = _models.get((section, kind))
    if known is not None and _name(known) != _name(model):
        raise UsageError(f'{_name(model)}: kind "{kind}" of [{section}] is that of {_name(known)}: give it another')
    if lacking := _lacking(model):
        raise UsageError(f"{_name(model)}: it lacks {lacking}: write what its base class asks for")
    # A model of the same name takes the place of the former: a cell of a notebook was run again.
    _models[section, kind] = model
    return model


def kinds(section: str, of: type[BaseModel] = BaseModel) -> list[str]:
    """Every kind of a section that makes an `of`, ours first; of what has not been imported, all. Imports nothing."""
    ours = [kind for (where, kind), model in _models.items() if where == section and issubclass(model, of)]
    every = {kind for where, kind in _models if where == section}
    return [*ours, *(kind for kind in _entry_points(section) if kind not in every)]


def model_of(section: str, kind: str) -> type[BaseModel]:
    """Returns the parameter model of a kind, imported where a package registers it.

    RecipeError: two packages, or one and resight, have the kind, or the module is broken; it names the package.
    """
    entries = _entry_points(section).get(kind, ())
    known = _models.get((section, kind))
    loaded = {_name(known): known} if known is not None else {}
    for entry in entries:
        found = _loaded(entry, section, kind)
        loaded[_name(found)] = found
    if len(loaded) > 1:
        given = " and ".join(loaded)
        raise RecipeError(f'{given} both have the kind "{kind}" of [{section}]: remove one of their packages')
    if not loaded:
        raise KeyError(kind)
    (found,) = loaded.values()
    _models[section, kind] = found
    return found


class OneOf:
    """A field that is one of the models of a section, chosen by its `kind`, whatever package it is of.

    of: what the model must be a subclass of.
    """

    def __init__(self, section: str, of: type[BaseModel] = BaseModel) -> None:
        self.section = section
        self.of = of

    def models(self) -> dict[str, type[BaseModel]]:
        """Returns those that have been imported, by kind."""
        return {
            kind: model
            for (section, kind), model in _models.items()
            if section == self.section and issubclass(model, self.of)
        }

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._validated)

    def _validated(self, value: object) -> object:
        if isinstance(value, self.of):
            return value
        if not isinstance(value, Mapping):
            raise PydanticKnownError("dict_type")
        kind = value.get("kind")
        if isinstance(kind, str) and kind in kinds(self.section):
            model_of(self.section, kind)
        return _chosen(tuple(self.models().items()), tuple(kinds(self.section, self.of))).validate_python(value)


@functools.lru_cache(maxsize=16)
def _chosen(models: tuple[tuple[str, type[BaseModel]], ...], names: tuple[str, ...]) -> SchemaValidator:
    choices: dict[Any, CoreSchema] = {
        kind: core_schema.no_info_plain_validator_function(model.model_validate) for kind, model in models
    }
    return SchemaValidator(core_schema.tagged_union_schema(choices, discriminator="kind"))


def _section_and_kind(model: type[BaseModel]) -> tuple[str, str]:
    section = getattr(model, "section", None)
    if section not in SECTIONS:
        raise UsageError(f"{_name(model)}: its section is {section!r}; there are {', '.join(SECTIONS)}")
    field = model.model_fields.get("kind")
    if field is None or not isinstance(field.default, str):
        raise UsageError(f'{_name(model)}: its kind is no constant: write kind: Literal["NAME"] = "NAME"')
    return section, field.default


def _lacking(model: type[BaseModel]) -> str:
    """Returns names of the methods that a base class asks for and that a model does not have.

    Empty where it is whole.
    """
    return ", ".join(sorted(getattr(model, "__abstractmethods__", ())))


def _name(model: type[BaseModel] | None) -> str:
    return "" if model is None else f"{model.__module__}.{model.__qualname__}"


@functools.cache
def _entry_points(section: str) -> Mapping[str, tuple[metadata.EntryPoint, ...]]:
    """Returns those of all installed packages that stand in a section, by kind."""
    found: dict[str, tuple[metadata.EntryPoint, ...]] = {}
    for entry in metadata.entry_points(group=GROUP):
        where, _, kind = entry.name.partition(".")
        if where == section:
            found[kind] = (*found.get(kind, ()), entry)
    return found


def _loaded(entry: metadata.EntryPoint, section: str, kind: str) -> type[BaseModel]:
    package = entry.dist.name if entry.dist is not None else entry.module
    what = f'the package {package} offers kind "{kind}" of [{section}]'
    try:
        model = entry.load()
    except Exception as error:
        raise RecipeError(
            f"{what}, and {entry.value} cannot be imported ({type(error).__name__}: {error}); mend or remove it"
        ) from error
    if not (inspect.isclass(model) and issubclass(model, BaseModel)):
        raise RecipeError(f"{what}, and {entry.value} is no parameter model; mend or remove it")
    try:
        told = _section_and_kind(model)
    except UsageError as error:
        raise RecipeError(f"{what}, and {error}; mend or remove it") from None
    if told != (section, kind):
        raise RecipeError(f'{what}, and {entry.value} is kind "{told[1]}" of [{told[0]}]; mend or remove it')
    if lacking := _lacking(model):
        raise RecipeError(f"{what}, and {entry.value} lacks {lacking}; mend or remove it")
    return model
