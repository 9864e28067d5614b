"""Methods of other packages: what they are found by, and what is said where they cannot be had."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from pydantic import BaseModel, Field

import resight
from resight.descriptors.kinds import Gem, Pooling
from resight.errors import RecipeError, UsageError
from resight.learned import registered
from resight.learned.registered import kinds, model_of, register
from resight.recipe import parse_recipe

RECIPE = """
name = "x"
[features]
kind = "maps"
network = "alexnet"
layer = "conv5"
checkpoint.source = "random"
[descriptor]
"""


class Middle(Pooling):
    kind: Literal["middle"] = "middle"
    share: float = Field(default=0.5, ge=0.0, le=1.0)

    def pool(self, maps: Any, mask: Any) -> Any:
        return maps.mean(dim=(2, 3))


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test registers is gone after it."""
    monkeypatch.setattr(registered, "_models", dict(registered._models))
    registered._entry_points.cache_clear()
    yield
    registered._entry_points.cache_clear()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Installs a package of one module: its name, the module's text, and its entry points."""

    def install(name: str, text: str, points: dict[str, str]) -> None:
        folder = tmp_path / name
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (folder / f"{name}.py").write_text(text)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = [f"{key} = {value}" for key, value in points.items()]
        (info / "entry_points.txt").write_text("\n".join(["[resight.methods]", *lines, ""]))
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.delitem(sys.modules, name, raising=False)
        registered._entry_points.cache_clear()

    return install


MODULE = """
from typing import Literal
from resight.descriptors.kinds import Pooling

class Middle(Pooling):
    kind: Literal["{kind}"] = "{kind}"
    share: float = 0.5

    def pool(self, maps, mask):
        return maps.mean(dim=(2, 3))
"""


def method(text: str) -> Any:
    return parse_recipe(RECIPE + text, "x.toml").channel["main"].method


def test_a_recipe_names_what_a_program_registers() -> None:
    assert resight.register(Middle) is Middle
    assert register(Middle) is Middle
    assert method('kind = "middle"\nshare = 0.25') == Middle(share=0.25)
    with pytest.raises(
        RecipeError, match=r'unknown key "descriptor.shares"; the nearest valid one is "descriptor.share"'
    ):
        method('kind = "middle"\nshares = 0.25')
    with pytest.raises(RecipeError, match=r"descriptor.share: must be at most 1, not 2.0"):
        method('kind = "middle"\nshare = 2.0')
    with pytest.raises(RecipeError, match='there is no kind "midle"; the nearest is "middle"'):
        method('kind = "midle"')


def test_what_is_registered_can_be_a_part_of_joined_vectors() -> None:
    register(Middle)
    checkpoint = 'network = "alexnet"\ncheckpoint.source = "random"\nlayer = "conv5"\n'
    parts = f'[features]\nkind = "joined"\n[[features.parts]]\n{checkpoint}[[features.parts]]\n{checkpoint}'
    text = f'name = "x"\n{parts}[descriptor]\nkind = "joined"\nparts = [{{ kind = "middle" }}, {{ kind = "gem" }}]\n'
    joined: Any = parse_recipe(text, "x").channel["main"].method
    assert joined.parts == (Middle(), Gem())
    with pytest.raises(RecipeError, match=r'descriptor.parts\[1\].*"regions"'):
        parse_recipe(text.replace('"gem"', '"regions"'), "x")


def test_a_kind_that_is_taken_names_both() -> None:
    class Other(Pooling):
        kind: Literal["gem"] = "gem"

    with pytest.raises(
        UsageError, match=r'test_registered.*Other: kind "gem" of \[descriptor\] is that of .*\.gem\.Gem'
    ):
        register(Other)
    assert model_of("descriptor", "gem") is Gem


def test_a_model_that_is_defined_again_takes_the_place_of_the_former() -> None:
    def defined() -> type[Gem]:
        class Again(Gem):
            kind: Literal["again"] = "again"

        return register(Again)

    former, later = defined(), defined()
    assert former is not later
    assert model_of("descriptor", "again") is later


def test_what_has_no_section_or_kind_is_refused() -> None:
    class Nowhere(BaseModel):
        kind: Literal["x"] = "x"

    class Nameless(BaseModel):
        section: ClassVar[str] = "descriptor"
        kind: str

    with pytest.raises(UsageError, match="its section is None; there are words, descriptor"):
        register(Nowhere)
    with pytest.raises(UsageError, match="its kind is no constant"):
        register(Nameless)


def test_a_model_that_lacks_a_method_is_refused_when_it_is_registered() -> None:
    class Unfinished(Pooling):
        kind: Literal["unfinished"] = "unfinished"

    with pytest.raises(UsageError, match="Unfinished: it lacks pool: write what its base class asks for"):
        register(Unfinished)
    with pytest.raises(KeyError):
        model_of("descriptor", "unfinished")


def test_a_package_is_imported_when_a_recipe_names_its_kind(package: Any) -> None:
    package("middling", MODULE.format(kind="central"), {"descriptor.central": "middling:Middle"})
    assert "central" in kinds("descriptor")
    assert method('kind = "gem"') == Gem()
    assert "middling" not in sys.modules
    with pytest.raises(RecipeError, match=r'the nearest is "central", of .*central'):
        method('kind = "centrall"')
    assert "middling" not in sys.modules
    found = method('kind = "central"\nshare = 0.75')
    assert type(found).__module__ == "middling"
    assert found.share == 0.75


def test_packages_with_the_same_kind_are_both_named(package: Any) -> None:
    package("first", MODULE.format(kind="central"), {"descriptor.central": "first:Middle"})
    package("second", MODULE.format(kind="central"), {"descriptor.central": "second:Middle"})
    with pytest.raises(RecipeError, match=r"x\.toml: (first|second)\.Middle and (first|second)\.Middle both have"):
        method('kind = "central"')


def test_a_package_with_a_kind_of_ours_is_named_beside_it(package: Any) -> None:
    package("copy", MODULE.format(kind="gem"), {"descriptor.gem": "copy_of_gem:Middle"})
    package("copy_of_gem", MODULE.format(kind="gem"), {})
    with pytest.raises(RecipeError, match=r"methods\.gem\.Gem and copy_of_gem\.Middle both have"):
        method('kind = "gem"')


@pytest.mark.parametrize(
    ("text", "point", "said"),
    [
        ("raise OSError('no disk')", "broken:Middle", r"cannot be imported \(OSError: no disk\)"),
        ("", "broken:Middle", r"cannot be imported \(AttributeError"),
        ("Middle = 3", "broken:Middle", "is no parameter model"),
        (MODULE.format(kind="other"), "broken:Middle", r'is kind "other" of \[descriptor\]'),
    ],
)
def test_a_broken_package_is_named(package: Any, text: str, point: str, said: str) -> None:
    package("broken", text, {"descriptor.central": point})
    with pytest.raises(RecipeError, match=rf'the package broken offers kind "central" of \[descriptor\], and .*{said}'):
        method('kind = "central"')
    assert method('kind = "gem"') == Gem()
