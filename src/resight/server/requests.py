"""The request of a search as JSON, and its checks."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

MOST_HITS = 1000
"""Hits that can be paged through."""
LONGEST_NAME = 4096

PhotoName = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
Words = Annotated[str, Field(max_length=1000)]
Coordinate = Annotated[float, Field(strict=True, ge=-1e6, le=1e6, allow_inf_nan=False)]
"""Numbers are strict: true would be 1, and "5" is no number."""


class AskedPhoto(BaseModel):
    """A photo to ask with: the number of a `file` part, the name of a photo of the index, or one of an earlier search.

    search, i: an earlier search, of any index, and the number of the photo among those that it was asked with. box: the
    part (x0, y0, x1, y1) that counts, in pixels of the upright photo.
    """

    model_config = ConfigDict(extra="forbid")

    file: int | None = Field(default=None, strict=True, ge=0, le=10_000)
    name: PhotoName | None = None
    search: str | None = Field(default=None, max_length=64)
    i: int = Field(default=0, strict=True, ge=0, le=10_000)
    box: tuple[Coordinate, Coordinate, Coordinate, Coordinate] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> AskedPhoto:
        if sum(given is not None for given in (self.file, self.name, self.search)) != 1:
            raise ValueError('a query has either "file", the number of a part, or "name", or "search" with "i"')
        return self


class SearchRequest(BaseModel):
    """A search.

    queries: what is asked with. together: whether several are photos of one thing, whose scores are averaged; otherwise
    a hit is what any of them finds. sketch: they are drawings. right, wrong: names of photos that a person has marked.
    k, offset: which hits are answered. min_probability: what a hit must have. folder, text, metadata: which photos are
    searched.
    """

    model_config = ConfigDict(extra="forbid")

    queries: list[AskedPhoto] = Field(min_length=1, max_length=32)
    together: bool = True
    sketch: bool = False
    right: list[PhotoName] = Field(default_factory=list, max_length=50)
    wrong: list[PhotoName] = Field(default_factory=list, max_length=200)
    k: int = Field(default=50, strict=True, ge=1, le=200)
    offset: int = Field(default=0, strict=True, ge=0, le=MOST_HITS - 1)
    min_probability: float | None = Field(default=None, strict=True, ge=0, le=1)
    folder: PhotoName | None = None
    text: Words | None = None
    metadata: dict[Words, Words] = Field(default_factory=dict, max_length=20)


class Names(BaseModel):
    """Names of photos of an index."""

    model_config = ConfigDict(extra="forbid")

    names: list[PhotoName] = Field(min_length=1, max_length=10_000)


class FolderRequest(BaseModel):
    """A folder to be indexed, as /v1/folders names it.

    recipe: of an index that is not there yet. prefix: what goes before the names of its photos; without it nothing or,
    beside other folders, the folder's name.
    """

    model_config = ConfigDict(extra="forbid")

    folder: PhotoName
    recipe: str | None = Field(default=None, min_length=1, max_length=200)
    prefix: str | None = Field(default=None, max_length=LONGEST_NAME)


class TrayRequest(Names):
    """Photos to take away."""

    format: str = Field(default="csv", pattern="^(csv|json|zip)$")
    regions: dict[PhotoName, str] = Field(default_factory=dict, max_length=10_000)


class Login(BaseModel):
    """The token of a person at the page."""

    model_config = ConfigDict(extra="forbid")

    token: str = Field(max_length=4096)
