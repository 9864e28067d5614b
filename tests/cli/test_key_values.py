"""Values of --set."""

from __future__ import annotations

import pytest

from resight.cli.key_values import key_values
from resight.errors import UsageError


def test_values_are_read_by_key() -> None:
    assert key_values([]) == {}
    assert key_values(["a.b=1", "c=", "d=x=y"]) == {"a.b": "1", "c": "", "d": "x=y"}


@pytest.mark.parametrize(("given", "told"), [(["a"], "--set a: give KEY=VALUE"), (["=1"], "--set =1: give KEY=VALUE")])
def test_what_is_no_value_is_told(given: list[str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        key_values(given)


def test_a_key_is_given_once() -> None:
    with pytest.raises(UsageError, match="--set a: given twice"):
        key_values(["a=1", "b=1", "a=1"])
