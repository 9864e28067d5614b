"""A recipe is a whole method in one readable file: channels, then stages in file order."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from resight.descriptors.kinds import Fisher, LocalDescriptorKind, Vlad
from resight.errors import RecipeError
from resight.features.kinds import Sift
from resight.rerank.kinds import Discriminative, Expansion, StageKind
from resight.search.kinds import Exhaustive
from resight.words.kinds import Asmk, Bow, Hamming, WordsKind

DEFAULT = "sift-asmk-spatial"
ONLY_CHANNEL = "main"
"""Name of the channel of a recipe that has one and gives it no name."""

_SECTIONS = ("features", "words", "descriptor", "match")


class Channel(BaseModel):
    """Features, and one of: words (inverted file), descriptor (dense search), match (descriptors, exhaustively)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    features: Sift = Field(default_factory=Sift)
    words: WordsKind | None = None
    descriptor: LocalDescriptorKind | None = None
    match: Exhaustive | None = None

    @model_validator(mode="after")
    def _one_family(self) -> Channel:
        if sum(part is not None for part in (self.words, self.descriptor, self.match)) != 1:
            raise ValueError("a channel has exactly one of words, descriptor and match")
        return self

    @property
    def method(self) -> Bow | Hamming | Asmk | Vlad | Fisher | Exhaustive:
        """What is made of the features."""
        method = self.words or self.descriptor or self.match
        assert method is not None, "checked when the channel was made"
        return method

    @property
    def fit(self) -> str:
        """Where fitted arrays come from: "builtin", "collection", a path, or "" where nothing is fitted."""
        return "" if isinstance(self.method, Exhaustive) else self.method.fit


class Augmentation(BaseModel):
    """Database images take the words of the images that they are verified with (Arandjelovic & Zisserman, CVPR 2012,
    section 4: spatially verified database-side feature augmentation)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["verified"] = "verified"
    neighbours: int = Field(default=10, ge=1, description="Verified images that each image takes words from.")
    min_inliers: int = Field(default=20, ge=4)


class Recipe(BaseModel):
    """A checked recipe. Importing or reading one imports no implementation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    summary: str = ""
    paper: str = ""
    checked_by: str = "unverified"
    seed: int = Field(default=0, ge=0, description="Of everything that is drawn at random when the recipe is fitted.")
    channel: Mapping[str, Channel]
    augmentation: Augmentation | None = None
    rerank: tuple[StageKind, ...] = ()

    @model_validator(mode="after")
    def _stages_have_channels(self) -> Recipe:
        if not self.channel:
            raise ValueError("a recipe has at least one channel")
        for stage in self.rerank:
            of = self.channel_of(stage)
            if isinstance(stage, Expansion | Discriminative) and self.channel[of].words is None:
                raise ValueError(f'"{stage.kind}" works on visual words, and channel "{of}" has none')
            if isinstance(stage, Discriminative) and not isinstance(self.channel[of].words, Bow):
                raise ValueError(f'"discriminative" works on bags of words, and channel "{of}" has another kind')
            if self.channel[of].words is None:
                raise ValueError(f'"{stage.kind}" needs words with positions, and channel "{of}" has none')
        return self

    def channel_of(self, stage: StageKind) -> str:
        """Name of the channel that a stage works on. Raises ValueError."""
        if not stage.channel and len(self.channel) == 1:
            return next(iter(self.channel))
        if stage.channel in self.channel:
            return stage.channel
        known = ", ".join(self.channel)
        raise ValueError(f'stage "{stage.kind}" names channel "{stage.channel}"; the recipe has {known}')


@dataclass(frozen=True)
class RecipeInfo:
    """One line of the list of recipes. needs: what it fits or loads; checked_by: what its figures rest on."""

    name: str
    summary: str
    paper: str
    needs: str
    checked_by: str
    default: bool

    def to_dict(self) -> dict[str, str | bool]:
        """The fields, for JSON."""
        return dict(self.__dict__)


def parse_recipe(text: str, source: str) -> Recipe:
    """The recipe that a TOML text describes; `source` is what an error calls it. Raises RecipeError."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{source}: not TOML: {error}") from None
    try:
        return Recipe.model_validate(_with_named_channel(table))
    except ValidationError as error:
        raise RecipeError(f"{source}: {_explain(error)}") from None


def load_recipe(name: str | Path) -> Recipe:
    """A recipe that ships with resight, by its name, or one in a file. Raises RecipeError."""
    return parse_recipe(recipe_text(name), str(name))


def recipe_text(name: str | Path) -> str:
    """The text of a recipe, as it is kept in an index. Raises RecipeError."""
    path = Path(name)
    if isinstance(name, Path) or path.suffix == ".toml" or len(path.parts) > 1:
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"{path}: this recipe cannot be read: {error}") from None
    shipped = _folder() / f"{name}.toml"
    if not shipped.is_file():
        near = difflib.get_close_matches(str(name), _names(), n=1, cutoff=0.0)
        raise RecipeError(f'there is no recipe "{name}"; the nearest is "{near[0]}", and `resight recipes` lists all')
    return str(shipped.read_text(encoding="utf-8"))


def available() -> list[RecipeInfo]:
    """The recipes that ship with resight, by name."""
    return [_info(load_recipe(name)) for name in _names()]


def _info(recipe: Recipe) -> RecipeInfo:
    fits = dict.fromkeys(f"{channel.method.kind} {channel.fit}" for channel in recipe.channel.values() if channel.fit)
    needs = ", ".join(fits) or "nothing"
    return RecipeInfo(recipe.name, recipe.summary, recipe.paper, needs, recipe.checked_by, recipe.name == DEFAULT)


def _folder() -> Any:
    return resources.files("resight") / "recipes"


def _names() -> list[str]:
    return sorted(entry.name.removesuffix(".toml") for entry in _folder().iterdir() if entry.name.endswith(".toml"))


def _with_named_channel(table: dict[str, Any]) -> dict[str, Any]:
    """The table with the sections of an only channel under its name."""
    unnamed = {key: table[key] for key in _SECTIONS if key in table}
    if not unnamed or "channel" in table:
        return table
    rest = {key: value for key, value in table.items() if key not in unnamed}
    return {**rest, "channel": {ONLY_CHANNEL: unnamed}}


def _explain(error: ValidationError) -> str:
    """The first thing wrong, by its key, with the nearest valid one."""
    first = error.errors()[0]
    place = [str(part) for part in first["loc"]]
    key = ".".join(part for part in place if part != ONLY_CHANNEL or place[0] != "channel")
    key = key.removeprefix("channel.") if len(place) > 1 and place[1] == ONLY_CHANNEL else key
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(place[-1], _valid_keys(place[:-1]), n=1, cutoff=0.0)
        return f'unknown key "{key}"' + (f'; the nearest valid one is "{near[0]}"' if near else "")
    if first["type"] == "union_tag_invalid":
        tags = str(first["ctx"]["expected_tags"]).replace("'", "").split(", ")
        near = difflib.get_close_matches(str(first["ctx"]["tag"]), tags, n=1, cutoff=0.0)
        return f'{key}: there is no kind "{first["ctx"]["tag"]}"; the nearest is "{near[0]}"'
    message = first["msg"].removeprefix("Value error, ")
    given = first["input"]
    return f"{key}: {message}" + (f", not {given!r}" if isinstance(given, str | int | float) else "")


def _valid_keys(place: Sequence[str]) -> list[str]:
    """Keys that are valid at a place of a recipe."""
    models: dict[str, type[BaseModel]] = {
        "features": Sift,
        "match": Exhaustive,
        "augmentation": Augmentation,
        **{model.model_fields["kind"].default: model for model in (Bow, Hamming, Asmk, Vlad, Fisher)},
        **{stage.model_fields["kind"].default: stage for stage in _stages()},
    }
    if not place:
        return [*Recipe.model_fields, *_SECTIONS]
    named = next((models[part] for part in reversed(place) if part in models), None)
    return [*(named or Channel).model_fields]


def _stages() -> Sequence[type[BaseModel]]:
    from typing import get_args

    return get_args(get_args(StageKind)[0])
