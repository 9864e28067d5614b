"""A recipe is a whole method in one readable file: channels, then stages in file order."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from resight.descriptors.kinds import (
    Cam,
    CodeKind,
    DescriptorKind,
    Fisher,
    Joined,
    Mop,
    NetVlad,
    PooledKind,
    RegionCodes,
    Regions,
    Vlad,
)
from resight.errors import RecipeError
from resight.features.kinds import ClassMaps, Codes, Convolutional, FeaturesKind, JoinedMaps, Maps, Sift
from resight.manifold.kinds import Diffusion
from resight.rerank.kinds import (
    AlphaAugmentation,
    AlphaExpansion,
    Augmentation,
    AugmentationKind,
    Chain,
    Discriminative,
    Expansion,
    FusedScores,
    Fusion,
    KReciprocal,
    RerankKind,
    Spatial,
    SuperGlobal,
)
from resight.search.kinds import Exhaustive
from resight.words.kinds import Asmk, Bow, Hamming, WordsKind

DEFAULT = "sift-asmk-spatial"
ONLY_CHANNEL = "main"
"""Name of the channel of a recipe that has one and gives it no name."""

_SECTIONS = ("features", "words", "descriptor", "match")
_UNIONS: Mapping[str, Any] = {
    "words": WordsKind,
    "descriptor": DescriptorKind,
    "features": FeaturesKind,
    "augmentation": AugmentationKind,
}

_LOCAL = (Bow, Hamming, Asmk, Vlad, Fisher)
_MADE_OF: Mapping[type[BaseModel], tuple[type[BaseModel], ...]] = {
    Sift: (*_LOCAL, Exhaustive),
    Convolutional: _LOCAL,
    Maps: (*get_args(PooledKind), NetVlad),
    ClassMaps: (Cam,),
    JoinedMaps: (Joined,),
    Codes: (*get_args(CodeKind), Mop),
}
"""What can be made of features."""

_POSITIONS, _BAGS = "words with positions", "bags of words"
_VECTORS, _REGIONS = "one vector an image", "a vector a region"
_WORKS_ON: Mapping[type[BaseModel], tuple[str, ...]] = {
    Spatial: (_POSITIONS,),
    Chain: (_POSITIONS,),
    Expansion: (_BAGS,),
    Discriminative: (_BAGS, _VECTORS),
    AlphaExpansion: (_BAGS, _VECTORS),
    KReciprocal: (_VECTORS,),
    SuperGlobal: (_VECTORS,),
    Diffusion: (_VECTORS, _REGIONS, _POSITIONS),
    Augmentation: (_BAGS,),
    AlphaAugmentation: (_VECTORS,),
}
"""What a channel must keep of images, any of these, for a second look at it."""

ChannelStageKind = RerankKind | Diffusion
"""Stages that work on one channel."""
StageKind = Annotated[ChannelStageKind | Fusion, Field(discriminator="kind")]
ChannelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]


class Channel(BaseModel):
    """Features, and one of: words (inverted file), descriptor (dense search), match (descriptors, exhaustively)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    features: FeaturesKind = Field(default_factory=Sift)
    words: WordsKind | None = None
    descriptor: DescriptorKind | None = None
    match: Exhaustive | None = None

    @model_validator(mode="after")
    def _one_family(self) -> Channel:
        if sum(part is not None for part in (self.words, self.descriptor, self.match)) != 1:
            raise ValueError("a channel has exactly one of words, descriptor and match")
        if not isinstance(self.method, _MADE_OF[type(self.features)]):
            raise ValueError(f'"{self.method.kind}" cannot be made of features of kind "{self.features.kind}"')
        if isinstance(self.method, Mop) and isinstance(self.features, Codes) and self.features.regions != "patches":
            raise ValueError('"mop" is made of patches: set regions = "patches" in [features]')
        if isinstance(self.method, Joined) and isinstance(self.features, JoinedMaps):
            given, made = len(self.features.parts), len(self.method.parts)
            if given != made:
                raise ValueError(f"[features] has {given} parts and [descriptor] {made}: one is made of each")
        return self

    @property
    def method(self) -> Bow | Hamming | Asmk | Exhaustive | DescriptorKind:
        """What is made of the features."""
        method = self.words or self.descriptor or self.match
        assert method is not None, "checked when the channel was made"
        return method

    @property
    def keeps(self) -> frozenset[str]:
        """What it keeps of images, of that which a second look may need."""
        if self.words is not None:
            return frozenset((_POSITIONS, _BAGS) if isinstance(self.words, Bow) else (_POSITIONS,))
        if isinstance(self.method, Regions | RegionCodes):
            return frozenset((_REGIONS,))
        return frozenset() if isinstance(self.method, Exhaustive) else frozenset((_VECTORS,))

    @property
    def score_meaning(self) -> str:
        """The score of a hit in a line, where no second look changes it."""
        if isinstance(self.method, Bow | Hamming | Asmk | Exhaustive):
            return self.method.score_meaning
        return "how alike the best regions are, 1 at most" if self.keeps_regions else "cosine of vectors, 1 at most"

    @property
    def keeps_one_vector(self) -> bool:
        """Whether it keeps one vector an image, by which images can be placed and compared."""
        return _VECTORS in self.keeps

    @property
    def keeps_regions(self) -> bool:
        """Whether it keeps a vector for each region of an image."""
        return _REGIONS in self.keeps

    @property
    def fit(self) -> str:
        """Where fitted arrays come from: "builtin", "collection", "checkpoint", a path, or "" where there are none."""
        method = self.method
        if isinstance(method, PooledKind | CodeKind | Cam) and method.whitening == "checkpoint":
            return "checkpoint"
        return "" if isinstance(method, Exhaustive) or not _is_fitted(method) else method.fit


def _is_fitted(method: WordsKind | DescriptorKind) -> bool:
    match method:
        case Joined():
            return any(part.whitening == "pca" for part in method.parts)
        case NetVlad():
            return method.words == "fitted" or method.whitening == "pca"
        case Bow() | Hamming() | Asmk() | Vlad() | Fisher() | Mop():
            return True
        case _:
            return method.whitening == "pca"


class Recipe(BaseModel):
    """A checked recipe. Importing or reading one imports no implementation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    summary: str = ""
    paper: str = ""
    checked_by: str = "unverified"
    seed: int = Field(default=0, ge=0, description="Of everything that is drawn at random when the recipe is fitted.")
    channel: Mapping[ChannelName, Channel] = Field(default_factory=dict)
    augmentation: AugmentationKind | None = None
    rerank: tuple[StageKind, ...] = ()

    @model_validator(mode="after")
    def _stages_have_channels(self) -> Recipe:
        if not self.channel:
            raise ValueError("a recipe has a channel: [features], and one of [words], [descriptor] and [match]")
        if self.augmentation is not None:
            self._check_suits(f'augmentation "{self.augmentation.kind}"', self.augmentation, self.first_channel)
        for stage in self.rerank:
            if not isinstance(stage, Fusion):
                self._check_stage(stage)
        fusions = [stage for stage in self.rerank if isinstance(stage, Fusion)]
        if len(self.channel) > 1 and len(fusions) != 1:
            raise ValueError(
                f"the channels {', '.join(self.channel)} need one stage that joins their rankings, and there are "
                f'{len(fusions)}: add [[rerank]] kind = "fusion", or keep one channel'
            )
        if len(self.channel) == 1 and fusions:
            raise ValueError(f'"fusion" makes one ranking of several channels, and there is only {self.first_channel}')
        for name in (name for stage in fusions for name in stage.channels if name not in self.channel):
            raise ValueError(f'"fusion" names channel "{name}"; the recipe has {", ".join(self.channel)}')
        if sum(isinstance(stage, Diffusion) for stage in self.rerank) > 1:
            raise ValueError('a recipe has one stage of kind "diffusion" at most: keep one')
        return self

    def _check_stage(self, stage: ChannelStageKind) -> None:
        of = self.channel_of(stage)
        self._check_suits(f'"{stage.kind}"', stage, of)
        if (
            isinstance(stage, Discriminative)
            and "min_inliers" in stage.model_fields_set
            and self.channel[of].words is None
        ):
            raise ValueError(f'"discriminative" counts inliers of words only, and channel "{of}" has none')

    def _check_suits(self, what: str, second_look: BaseModel, name: str) -> None:
        """Raises ValueError where a channel keeps nothing that a second look works on."""
        needed = _WORKS_ON[type(second_look)]
        if self.channel[name].keeps.isdisjoint(needed):
            raise ValueError(f'{what} needs {" or ".join(needed)}, and channel "{name}" has none')

    @property
    def first_channel(self) -> str:
        """Name of the channel that is searched at first look."""
        return next(iter(self.channel))

    @property
    def verification(self) -> Spatial:
        """How pairs of images are verified where no stage of its own says it: as by the first spatial stage."""
        return next((stage for stage in self.rerank if isinstance(stage, Spatial)), Spatial())

    @property
    def score_meaning(self) -> str:
        """The score of a hit in a line: that of what ranks last."""
        return (self.rerank[-1] if self.rerank else self.channel[self.first_channel]).score_meaning

    @property
    def diffusion(self) -> Diffusion | None:
        """The stage that needs the neighbours of all images, where there is one."""
        return next((stage for stage in self.rerank if isinstance(stage, Diffusion)), None)

    def channel_of(self, stage: ChannelStageKind) -> str:
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
    if _is_file(name):
        try:
            # Editors of Windows put a byte order mark before it.
            return path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"{path}: this recipe cannot be read: {error}") from None
    shipped = _folder() / f"{name}.toml"
    if not shipped.is_file():
        near = difflib.get_close_matches(str(name), _names(), n=1, cutoff=0.0)
        raise RecipeError(f'there is no recipe "{name}"; the nearest is "{near[0]}", and `resight recipes` lists all')
    return str(shipped.read_text(encoding="utf-8"))


def recipe_folder(name: str | Path) -> Path:
    """The folder that paths in a recipe are relative to: that of its file."""
    return Path(name).parent if _is_file(name) else Path()


def available() -> list[RecipeInfo]:
    """The recipes that ship with resight, by name."""
    return [_info(load_recipe(name)) for name in _names()]


def _info(recipe: Recipe) -> RecipeInfo:
    fits = dict.fromkeys(f"{channel.method.kind} {channel.fit}" for channel in recipe.channel.values() if channel.fit)
    needs = ", ".join(fits) or "nothing"
    return RecipeInfo(recipe.name, recipe.summary, recipe.paper, needs, recipe.checked_by, recipe.name == DEFAULT)


def _is_file(name: str | Path) -> bool:
    return isinstance(name, Path) or name.endswith(".toml") or len(Path(name).parts) > 1


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
    """The first thing wrong, unknown keys before all else, by its key, with the nearest valid one."""
    first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    loc = first["loc"]
    model, key = _place(loc)
    given = first["input"]
    if first["type"] == "extra_forbidden":
        if key in _SECTIONS:
            return f'"{key}" stands beside "channel": put it into the channel, [channel.NAME.{key}]'
        parent, _, last = key.rpartition(".")
        valid = [*model.model_fields, *(_SECTIONS if model is Recipe else ())]
        return f'unknown key "{key}"; the nearest valid one is "{_joined(parent, _nearest(last, valid))}"'
    if first["type"] == "union_tag_not_found":
        union = _UNIONS.get(key.rpartition(".")[2], StageKind)
        return f'{key}: it needs a "kind", one of {", ".join(_kinds(union))}'
    if first["type"] == "union_tag_invalid":
        kinds: Sequence[str] = str(first["ctx"]["expected_tags"]).replace("'", "").split(", ")
        tag = str(first["ctx"]["tag"])
        return f'{key}: there is no kind "{tag}"; the nearest is "{_nearest(tag, kinds)}", of {", ".join(kinds)}'
    if first["type"] == "missing":
        return f'"{key}" is missing'
    if first["type"] in ("dict_type", "model_type", "model_attributes_type"):
        return f"{key}: must be a table, [{key}]"
    if first["type"] == "tuple_type":
        return f"{key}: must be a list of tables, [[{key}]]"
    if loc[-1:] == ("[key]",):
        return f'channel "{loc[-2]}": name it with letters, digits, "-" and "_"'
    message = first["msg"].removeprefix("Value error, ")
    shown = f", not {given!r}" if isinstance(given, str | int | float) else ""
    return f"{key}: {message}{shown}" if key else f"{message}{shown}"


def _place(loc: Sequence[str | int]) -> tuple[type[BaseModel], str]:
    """The innermost model of a place that pydantic names, and the key as it is written in the file.

    A place has the names of fields and of channels, numbers of stages, and of each union the kind that was chosen.
    """
    model: type[BaseModel] = Recipe
    key = ""
    kinds = {name: kind for union in _UNIONS.values() for name, kind in _kinds(union).items()}
    # Some stages are called as what they look at again is.
    stages = _kinds(StageKind)
    sections: dict[str, type[BaseModel]] = {"match": Exhaustive, "parts": Maps, "channels": FusedScores}
    parts = list(loc)
    while parts:
        part = parts.pop(0)
        if part == "channel" and model is Recipe and parts:
            name = str(parts.pop(0))
            model, key = Channel, "" if name == ONLY_CHANNEL else f"channel.{name}"
        elif isinstance(part, int):
            key = f"{key}[{part}]"
        elif part in stages and key.startswith("rerank[") and model is Recipe:
            model = stages[part]
        elif part in kinds and key.endswith((*_UNIONS, "]")) and issubclass(model, Recipe | Channel | Maps):
            model = kinds[part]
        else:
            key = _joined(key, part)
            model = sections[part] if part in sections and parts else model
    return model, key


def _kinds(union: Any) -> dict[str, type[BaseModel]]:
    """The models of a union, by the kind that chooses them."""
    members: Sequence[type[BaseModel]] = get_args(get_args(union)[0])
    return {member.model_fields["kind"].default: member for member in members}


def _joined(parent: str, last: str) -> str:
    return f"{parent}.{last}" if parent else last


def _nearest(given: str, valid: Sequence[str]) -> str:
    return difflib.get_close_matches(given, valid, n=1, cutoff=0.0)[0]
