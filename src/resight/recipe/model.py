"""The model of a recipe, which is a whole method: channels, then stages in file order; and what it is checked for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from resight.descriptors.kinds import DescriptorKind
from resight.features.kinds import FeaturesKind, Sift
from resight.learned.kinds import FitSource, Keeps
from resight.learned.method import Method
from resight.manifold.kinds import Diffusion as Diffusion  # which registers it
from resight.rerank.kinds import (
    AugmentationKind,
    Discriminative,
    Fusion,
    RerankKind,
    Spatial,
)
from resight.rerank.stage import SecondLook
from resight.search.engines.milvus import Milvus as Milvus  # which registers it
from resight.search.kinds import Automatic, Exact, Exhaustive, Search, SearchKind
from resight.words.kinds import WordsKind

if TYPE_CHECKING:
    from resight.search.derived import DerivedKind

AUGMENTED = "augmented"
"""Key of the derived structure of [augmentation]."""
ONLY_CHANNEL = "main"
"""Name of the channel of a recipe that has one and gives it no name."""

SECTIONS = ("features", "words", "descriptor", "match", "search")
"""Tables of a channel, which stand at the top of a recipe that has but one."""
MOST_STAGES = 64


ChannelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]


class ChannelRecipe(BaseModel):
    """Features, and one of: words, descriptor, match (descriptors, exhaustively); and how its images are searched."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    features: FeaturesKind = Field(default_factory=Sift)
    words: WordsKind | None = None
    descriptor: DescriptorKind | None = None
    match: Exhaustive | None = None
    search: SearchKind | None = None

    @model_validator(mode="after")
    def _one_family(self) -> ChannelRecipe:
        if sum(part is not None for part in (self.words, self.descriptor, self.match)) != 1:
            raise ValueError("a channel has exactly one of words, descriptor and match")
        if self.features.kind not in self.method.made_of:
            raise ValueError(f'"{self.method.kind}" cannot be made of features of kind "{self.features.kind}"')
        self.method.check_features(self.features)
        if self.searched.needs and self.keeps.isdisjoint(self.searched.needs):
            needed = " or ".join(self.searched.needs)
            raise ValueError(f'search "{self.searched.kind}" needs {needed}, and "{self.method.kind}" keeps none')
        return self

    @property
    def method(self) -> Method:
        """The method that is applied to the features."""
        method = self.words or self.descriptor or self.match
        assert method is not None, "checked when the channel was made"
        return method

    @property
    def keeps(self) -> frozenset[Keeps]:
        """The evidence of images that it keeps for second looks."""
        return self.method.keeps

    @property
    def searched(self) -> Search:
        """The search of its images: as the recipe says; else exactly, where vectors are not too many for it."""
        return self.search or (Automatic() if Keeps.VECTORS in self.keeps else Exact())

    @property
    def score_meaning(self) -> str:
        """The score of a hit in a line, where no second look changes it."""
        return self.method.score_meaning

    @property
    def keeps_one_vector(self) -> bool:
        """True where it keeps one vector an image, by which images can be placed and compared."""
        return Keeps.VECTORS in self.keeps

    @property
    def source(self) -> FitSource | None:
        """The source of fitted arrays; None where there are none."""
        return self.method.source

    @property
    def fit(self) -> str:
        """`source` as a recipe writes it: "builtin", "collection", "checkpoint", a path, or "" where there is none."""
        return str(self.source or "")


class Recipe(BaseModel):
    """A checked recipe. Importing or reading one imports no implementation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, description="What results and indexes call it.")
    summary: str = Field(default="", description="The method in a line, for `resight recipes`.")
    paper: str = Field(default="", description="Where the method is from.")
    checked_by: str = Field(default="unverified", description="What its figures rest on, such as golden values.")
    seed: int = Field(
        default=0,
        ge=0,
        le=(1 << 63) - 1,
        description="Of everything that is drawn at random when the recipe is fitted.",
    )
    channel: Mapping[ChannelName, ChannelRecipe] = Field(default_factory=dict)
    augmentation: AugmentationKind | None = None
    rerank: tuple[RerankKind, ...] = Field(default=(), max_length=MOST_STAGES)

    @model_validator(mode="after")
    def _stages_have_channels(self) -> Recipe:
        if not self.channel:
            raise ValueError("a recipe has a channel: [features], and one of [words], [descriptor] and [match]")
        if self.augmentation is not None:
            self._check_suits(f'augmentation "{self.augmentation.kind}"', self.augmentation, self.first_channel)
        for stage in self.rerank:
            if isinstance(stage, SecondLook):
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
        self._check_derived()
        return self

    def _check_stage(self, stage: SecondLook) -> None:
        of = self.channel_of(stage)
        self._check_suits(f'"{stage.kind}"', stage, of)
        if (
            isinstance(stage, Discriminative)
            and "min_inliers" in stage.model_fields_set
            and self.channel[of].words is None
        ):
            raise ValueError(f'"discriminative" counts inliers of words only, and channel "{of}" has none')

    def _check_derived(self) -> None:
        """Raises ValueError where a derived structure cannot be kept, or would have to be kept in two ways."""
        known: dict[tuple[str, str], tuple[str, DerivedKind]] = {}
        for channel, model, kind in self._asked_for:
            if not re.fullmatch(r"[a-z][a-z0-9-]*", kind.key):
                raise ValueError(f'"{model}" keeps a structure of the name "{kind.key}": it may have a-z, 0-9 and "-"')
            if kind.key == AUGMENTED:
                raise ValueError(f'"{model}" keeps a structure of the name "{kind.key}", which [augmentation] has')
            other, same = known.setdefault((channel, kind.key), (model, kind))
            if same != kind:
                raise ValueError(
                    f'"{other}" and "{model}" need the {kind.key} of channel "{channel}" made differently: keep one of '
                    "them, or give both the same keys"
                )

    def _check_suits(self, what: str, second_look: SecondLook | AugmentationKind, name: str) -> None:
        """Raises ValueError where a channel keeps nothing that a second look works on."""
        needed = second_look.needs
        if self.channel[name].keeps.isdisjoint(needed):
            raise ValueError(f'{what} needs {" or ".join(needed)}, and channel "{name}" has none')

    @property
    def first_channel(self) -> str:
        """Name of the channel that is searched at first look."""
        return next(iter(self.channel))

    @property
    def verification(self) -> Spatial:
        """The parameters of verification: those of the first stage that says how it verifies."""
        told = (stage.verification for stage in self.rerank)
        return next((one for one in told if one is not None), Spatial())

    @property
    def counts_inliers(self) -> bool:
        """True where hits may have inliers: features are matched, at first look or in a second one."""
        matched = any(channel.match is not None for channel in self.channel.values())
        return matched or any(stage.verifies for stage in self.rerank)

    @property
    def score_meaning(self) -> str:
        """The score of a hit in a line: that of what ranks last."""
        return (self.rerank[-1] if self.rerank else self.channel[self.first_channel]).score_meaning

    @property
    def derived(self) -> list[tuple[str, DerivedKind]]:
        """What is kept for searches and second looks that is made of several images: each once, with its channel.

        In the order in which it is made: that of searches first, then that of stages.
        """
        found: list[tuple[str, DerivedKind]] = []
        for channel, _, kind in self._asked_for:
            if (channel, kind) not in found:
                found.append((channel, kind))
        return found

    @property
    def _asked_for(self) -> Iterator[tuple[str, str, DerivedKind]]:
        """Channel, kind of the model that asks, and structure."""
        for name, channel in self.channel.items():
            yield from ((name, channel.searched.kind, kind) for kind in channel.searched.derived)
        for stage in self.rerank:
            if isinstance(stage, SecondLook):
                yield from ((self.channel_of(stage), stage.kind, kind) for kind in stage.derived)

    def channel_of(self, stage: SecondLook) -> str:
        """Returns the name of the channel that a stage works on. Raises ValueError."""
        if not stage.channel and len(self.channel) == 1:
            return next(iter(self.channel))
        if stage.channel in self.channel:
            return stage.channel
        known = ", ".join(self.channel)
        raise ValueError(f'stage "{stage.kind}" names channel "{stage.channel}"; the recipe has {known}')
