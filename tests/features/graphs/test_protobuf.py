"""Fields on the wire, as the documentation of the encoding shows them."""

from __future__ import annotations

import pytest

from resight.features.graphs.protobuf import data, integer, number


def test_examples_of_the_documentation() -> None:
    assert integer(1, 150) == bytes.fromhex("089601")
    assert data(2, "testing") == bytes.fromhex("120774657374696e67")
    assert data(3, integer(1, 150)) == bytes.fromhex("1a03089601")
    assert number(1, 1.0) == bytes.fromhex("0d0000803f")


def test_high_fields_and_long_values() -> None:
    assert integer(20, 0) == bytes.fromhex("a00100")
    assert data(1, b"x" * 300)[:3] == bytes.fromhex("0aac02")
    assert integer(1, 1 << 63) == bytes.fromhex("0880808080808080808001")


def test_a_negative_number_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        integer(1, -1)
