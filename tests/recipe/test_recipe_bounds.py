"""Every value of a recipe has bounds, and whatever is wrong with a recipe is said in one line."""

from __future__ import annotations

import os
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import pytest
from annotated_types import Ge, Gt, Le, Lt, MaxLen
from pydantic import BaseModel

from resight.errors import RecipeError
from resight.learned.registered import OneOf
from resight.recipe import Recipe, load_recipe, parse_recipe

BOW = '[words]\nkind = "bow"\n'
VLAD = '[descriptor]\nkind = "vlad"\n'
MAPS = """
[features]
kind = "maps"
network = "alexnet"
layer = "conv5"
[features.checkpoint]
source = "random"
"""


def numbers(annotation: Any, metadata: list[Any], path: str, seen: set[type]) -> Iterator[tuple[str, type, list[Any]]]:
    """Every number below an annotation: its path, whether int or float, and its constraints."""
    origin = get_origin(annotation)
    if annotation in (int, float):
        yield path, annotation, metadata
    elif origin is Annotated:
        inner, *own = get_args(annotation)
        for one in (each for each in own if isinstance(each, OneOf)):
            for model in one.models().values():
                yield from numbers(model, [], path, seen)
        constraints = [one for each in own for one in getattr(each, "metadata", [each])]
        yield from numbers(inner, [*metadata, *constraints], path, seen)
    elif origin in (typing.Union, types.UnionType):
        for one in get_args(annotation):
            yield from numbers(one, metadata, path, seen)
    elif origin in (tuple, dict, Mapping):
        for one in get_args(annotation):
            yield from numbers(one, [], f"{path}[]", seen)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel) and annotation not in seen:
        seen.add(annotation)
        for name, field in annotation.model_fields.items():
            yield from numbers(field.annotation, list(field.metadata), f"{annotation.__name__}.{name}", seen)


NUMBERS = list(numbers(Recipe, [], "", set()))


def test_numbers_are_found() -> None:
    found = {path for path, _, _ in NUMBERS}
    assert len(found) > 60
    assert {"Asmk.size", "Diffusion.alpha", "Maps.scales[]", "Checkpoint.mean[]", "Joined.weights[]"} <= found


@pytest.mark.parametrize(("path", "kind", "constraints"), NUMBERS, ids=[path for path, _, _ in NUMBERS])
def test_every_number_has_a_least_and_a_greatest_value(path: str, kind: type, constraints: list[Any]) -> None:
    assert any(isinstance(one, Ge | Gt) for one in constraints), path
    assert any(isinstance(one, Le | Lt) for one in constraints), path


def test_lists_have_a_length_at_most() -> None:
    for model, name in ((Recipe, "rerank"),):
        assert any(isinstance(one, MaxLen) for one in model.model_fields[name].metadata)
    many = f"{BOW}" + '[[rerank]]\nkind = "spatial"\n' * 65
    assert "rerank: must have at most 64 values" in refusal(many)


def refusal(text: str) -> str:
    with pytest.raises(RecipeError) as refused:
        parse_recipe(f'name = "x"\n{text}', "r.toml")
    message = str(refused.value)
    assert message.startswith("r.toml: ")
    assert message.isprintable(), "one line, without control characters"
    assert len(message) < 1000
    return message.removeprefix("r.toml: ")


@pytest.mark.parametrize("value", ["1" + "0" * 24, "nan", "inf", "-inf", "-1", "1e400", "0x" + "f" * 5000])
@pytest.mark.parametrize(
    "key", ["words.size", "words.soft_sigma", "rerank.top", "rerank.tolerance", "features.max_side"]
)
def test_a_number_beyond_all_bounds_is_one_line(key: str, value: str) -> None:
    table, _, last = key.partition(".")
    tables = {
        "words": BOW,
        "rerank": f'{BOW}[[rerank]]\nkind = "spatial"\n',
        "features": f'{BOW}[features]\nkind = "sift"\n',
    }
    assert refusal(f"{tables[table]}{last} = {value}").startswith(key.replace("rerank", "rerank[0]"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = " + "[" * 3000 + "]" * 3000, "nested thousands deep"),
        ("a = " + "{b = " * 3000 + "1" + "}" * 3000, "nested thousands deep"),
        (f"{BOW}[" + ".".join("a" * 3000) + "]\nb = 1", 'unknown key "a"'),
        (f"{BOW}size = " + "9" * 5000, "not TOML: Exceeds the limit"),
        (f'{BOW}"a\\nb\\u001b[31m" = 1', r'unknown key "words.a\nb\x1b[31m"'),
        (f'{BOW}tf = "' + "x" * 10_000 + '"', "not 'xxx"),
        (f'{BOW}"' + "x" * 10_000 + '" = 1', 'unknown key "words.xxx'),
        (f'{VLAD}fit = ""', "descriptor.fit: must not be empty, not ''"),
        (f'{BOW}fit = "a\\u0000b"', "words.fit: String should match"),
        (f'{MAPS}[descriptor]\nkind = "gem"\nwhitening = "pca"\nfit = ""', "descriptor.fit: "),
        ('[words]\nkind = "asmk"\nfit = ""', "words.fit: "),
    ],
)
def test_hostile_text_is_one_line(text: str, said: str) -> None:
    assert said in refusal(text)


JOINED = """
[features]
kind = "joined"
[[features.parts]]
network = "alexnet"
layer = "conv5"
checkpoint.source = "random"
[[features.parts]]
network = "alexnet"
layer = "conv4"
checkpoint.source = "random"
[descriptor]
kind = "joined"
[[descriptor.parts]]
kind = "mac"
[[descriptor.parts]]
kind = "gem"
"""
FUSION = """
[channel.a.words]
kind = "bow"
[channel.b.descriptor]
kind = "vlad"
[[rerank]]
kind = "fusion"
"""


@pytest.mark.parametrize(
    ("text", "key", "nearest"),
    [
        (
            JOINED.replace("[descriptor]\n", "[descriptor]\nweightz = [1.0, 2.0]\n"),
            "descriptor.weightz",
            "descriptor.weights",
        ),
        (f"{JOINED}pp = 2.0", "descriptor.parts[1].pp", "descriptor.parts[1].p"),
        (
            JOINED.replace('layer = "conv4"', 'layer = "conv4"\nscails = [1.0]'),
            "features.parts[1].scails",
            "features.parts[1].scales",
        ),
        (f'{MAPS}sourze = "x"\n[descriptor]\nkind = "gem"', "features.checkpoint.sourze", "features.checkpoint.source"),
        (f'{MAPS}[descriptor]\nkind = "gem"\nwhitenin = "pca"', "descriptor.whitenin", "descriptor.whitening"),
        (f"{FUSION}channels.a = {{ score = 'rank' }}", "rerank[0].channels.a.score", "rerank[0].channels.a.scores"),
        (f"{FUSION}chanels.a = {{ scores = 'rank' }}", "rerank[0].chanels", "rerank[0].channels"),
        (
            '[channel.words.words]\nkind = "bow"\n[channel.words.features]\nkind = "sift"\nmaxside = 3',
            "channel.words.features.maxside",
            "channel.words.features.max_side",
        ),
    ],
)
def test_a_key_of_a_nested_table_is_named_with_the_nearest_of_that_table(text: str, key: str, nearest: str) -> None:
    assert refusal(text) == f'unknown key "{key}"; the nearest valid one is "{nearest}"'


def test_a_recipe_that_is_no_file_of_text_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "large.toml").write_bytes(b"#" * 2_000_000)
    (tmp_path / "folder.toml").mkdir()
    os.mkfifo(tmp_path / "pipe.toml")
    for name in ("large", "folder", "pipe", "none"):
        with pytest.raises(RecipeError, match=rf"{name}\.toml: "):
            load_recipe(tmp_path / f"{name}.toml")
    for name in ("a\0b", "a\nb", "x" * 5000, "../\0.toml"):
        with pytest.raises(RecipeError) as refused:
            load_recipe(name)
        assert str(refused.value).isprintable()
        assert len(str(refused.value)) < 1000
