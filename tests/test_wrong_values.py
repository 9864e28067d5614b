"""Wrong values are told in words that need no knowledge of the library that found them."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from resight.wrong_values import what_is_wrong


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid")

    count: int = Field(default=1, ge=1, lt=10)
    share: float = Field(default=0.5, gt=0.0, le=1.0, allow_inf_nan=False)
    on: bool = True
    name: str = Field(default="a", min_length=1)
    kind: Literal["modes", "all"] = "all"
    several: list[int] = Field(default=[1], max_length=2)
    table: dict[str, int] = {}

    @field_validator("name")
    @classmethod
    def _own(cls, name: str) -> str:
        if name == "bad":
            raise ValueError("a check of our own")
        return name


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("count", "many", "must be a whole number"),
        ("count", 1.5, "must be a whole number"),
        ("count", 0, "must be at least 1"),
        ("count", 10, "must be below 10"),
        ("share", "much", "must be a number"),
        ("share", 0, "must be above 0"),
        ("share", 1.5, "must be at most 1"),
        ("share", float("nan"), "must be a finite number"),
        ("on", "maybe", "must be true or false"),
        ("name", 3, "must be a text"),
        ("name", "", "must not be empty"),
        ("name", "bad", "a check of our own"),
        ("kind", "some", "must be 'modes' or 'all'"),
        ("several", 3, "must be a list"),
        ("several", [1, 2, 3], "must have at most 2 values"),
        ("table", 3, "must be a table"),
        ("other", 3, "is unknown"),
    ],
)
def test_it_is_said_in_words(key: str, value: object, told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Model.model_validate({key: value})
    assert what_is_wrong(caught.value.errors()[0]) == told


def test_a_text_that_is_not_json() -> None:
    with pytest.raises(ValidationError) as caught:
        Model.model_validate_json(b"{")
    assert what_is_wrong(caught.value.errors()[0]).startswith("is not JSON: ")
