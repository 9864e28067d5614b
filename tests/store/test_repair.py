"""Every flipped byte is found or harmless, and what can be mended is mended."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from store_samples import CHOICES, FITTED, ROOTS, anything, base, batch, contents, create, steps

from resight.errors import IndexCorruptError
from resight.store import Choices, Store, catalogue, repair, verify
from resight.store.disk import sealed, unsealed
from resight.store.rows import STATES


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index with two live segments and images removed from each."""
    store = base(tmp_path_factory.mktemp("sample") / "x.resight")
    with store.writing():
        steps()[0](store)
        store.commit(removed=[3])
    return store.path


@pytest.fixture
def path(sample: Path, tmp_path: Path) -> Path:
    return shutil.copytree(sample, tmp_path / "x.resight")


def flip(path: Path, position: int, mask: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= mask
    path.write_bytes(data)


def files(path: Path) -> list[Path]:
    return sorted(p for p in path.rglob("*") if p.is_file() and p.name not in (catalogue.CATALOGUE, "lock"))


def test_a_sound_index_has_no_problem_and_a_repair_changes_nothing(path: Path) -> None:
    before = {file: file.read_bytes() for file in files(path)}
    assert verify(path).problems == []
    repaired = repair(path)
    assert (list(repaired.mended), list(repaired.to_index_again), list(repaired.remaining)) == ([], [], [])
    assert {file: file.read_bytes() for file in files(path)} == before


def test_a_flipped_byte_of_the_catalogue_is_found_and_mended_or_harmless(path: Path) -> None:
    before = contents(path)
    file = path / catalogue.CATALOGUE
    sound = file.read_bytes()
    rng = np.random.default_rng(0)
    used = np.flatnonzero(np.frombuffer(sound, np.uint8))
    positions = [*rng.choice(used, 150), *rng.integers(0, len(sound), 30), *range(0, 100, 5)]
    found = 0
    for position in positions:
        file.write_bytes(sound)
        flip(file, int(position), int(rng.integers(1, 256)))
        problems = verify(path).problems
        if problems:
            found += 1
            assert {p.path for p in problems} == {file}, position
            repair(path)
            assert verify(path).problems == [], position
        assert contents(path) == before, position
        store = Store.open(path, read_only=False)
        with store.writing():
            assert len(store.snapshot().images) == 5
    assert found > 100


def test_a_flipped_byte_of_any_other_file_is_always_found(path: Path) -> None:
    rng = np.random.default_rng(1)
    for file in files(path):
        sound = file.read_bytes()
        for position in {0, len(sound) - 1, *rng.integers(0, len(sound), 4).tolist()}:
            flip(file, position, int(rng.integers(1, 256)))
            assert file in {problem.path for problem in verify(path).problems}, (file, position)
            file.write_bytes(sound)
    assert verify(path).problems == []


def test_a_cut_or_lost_file_is_always_found(path: Path) -> None:
    for file in [*files(path), path / catalogue.CATALOGUE]:
        sound = file.read_bytes()
        file.write_bytes(sound[: len(sound) // 2])
        assert verify(path).problems != [], file
        file.unlink()
        assert verify(path).problems != [], file
        file.write_bytes(sound)
    assert verify(path).problems == []


def test_images_of_every_state_outlive_the_catalogue(path: Path) -> None:
    store = Store.open(path, read_only=False)
    with store.writing():
        store.commit(batch("fine.jpg", "bad.jpg", "lost.jpg", "film.mp4"))
    before = contents(path)
    assert set(store.snapshot().images.states) == set(STATES)
    assert verify(path).problems == []
    (path / catalogue.CATALOGUE).unlink()
    repair(path)
    assert contents(path) == before


def test_a_lost_catalogue_is_rebuilt_as_it_was(path: Path) -> None:
    before = contents(path)
    (path / catalogue.CATALOGUE).unlink()
    with pytest.raises(IndexCorruptError, match="--repair"):
        Store.open(path, read_only=True)
    repair(path)
    assert contents(path) == before
    assert verify(path).problems == []


@pytest.mark.parametrize("name", ["rows.arrays", "segment.json", "words/bits.npy"])
@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("catalogue_too", [False, True])
def test_images_of_a_damaged_segment_are_to_be_indexed_again(
    path: Path, name: str, lost: bool, catalogue_too: bool
) -> None:
    before = contents(path)
    segment = path / "segments/00000001"
    if lost:
        shutil.rmtree(segment)
    else:
        flip(segment / name, 40, 1)
    if catalogue_too:
        (path / catalogue.CATALOGUE).write_bytes(b"gone")
    repaired = repair(path)
    if not lost and not catalogue_too and name == "rows.arrays":
        assert (list(repaired.to_index_again), contents(path), verify(path).problems) == ([], before, [])
        return
    if not catalogue_too or (name == "words/bits.npy" and not lost):
        assert list(repaired.to_index_again) == ["a.jpg", "b.jpg"]
    after = contents(path)
    assert after["images"] == {id_: image for id_, image in before["images"].items() if id_ > 3}
    assert after["next_image"] == before["next_image"]
    assert after["generation"] > before["generation"]
    assert after["fitted"] == FITTED
    assert verify(path).problems == []
    assert (path / "segments/damaged-00000001").exists() is not lost
    store = Store.open(path, read_only=False)
    with store.writing():
        store.commit(batch("a.jpg", "b.jpg", seed=5))
    assert len(store.snapshot().images) == len(before["images"])
    assert (path / "segments/damaged-00000001").exists() is not lost


def test_a_lost_statement_is_written_again_from_the_catalogue(path: Path) -> None:
    before = contents(path)
    for statement in path.glob("segments/generation-*.json"):
        statement.unlink()
    repair(path)
    after = contents(path)
    assert after == {**before, "generation": after["generation"]}
    assert verify(path).problems == []


def test_segments_alone_bring_back_all_but_the_removals(tmp_path: Path) -> None:
    store = base(tmp_path / "x.resight")
    for change in (steps()[1], steps()[3], steps()[0]):
        with store.writing():
            change(store)
    with store.writing():
        store.commit(batch("a.jpg", seed=8), removed=[store.snapshot().images.ids[-3]])
    before = contents(store.path)
    assert sum(image.name == "a.jpg" for image in before["images"].values()) == 1
    for file in [store.path / catalogue.CATALOGUE, *store.path.glob("segments/generation-*.json")]:
        file.unlink()
    repair(store.path)
    after = contents(store.path)
    assert after["images"] == before["images"]
    assert after["next_image"] == before["next_image"]
    assert after["told"] == before["told"]
    assert verify(store.path).problems == []


@pytest.mark.parametrize("name", ["recipe.toml", "fitted/words/codebook.npz"])
def test_a_damaged_recipe_or_fitted_file_needs_a_person(path: Path, name: str) -> None:
    flip(path / name, 3, 1)
    repaired = repair(path)
    assert [problem.path for problem in repaired.remaining] == [path / name]
    assert [problem.path for problem in verify(path).problems] == [path / name]


@pytest.mark.parametrize("name", ["recipe.toml", "fitted/words/codebook.npz"])
def test_a_copy_is_put_back_where_its_sum_is_the_one_that_was_written(path: Path, name: str) -> None:
    sound = (path / name).read_bytes()
    other = next(file for file in ("recipe.toml", *(f"fitted/{file}" for file in FITTED)) if file != name)
    flip(path / name, 3, 1)
    damaged = (path / name).read_bytes()
    wrong = {name: sound + b" ", other: b"what is not damaged stays"}
    assert [problem.path for problem in repair(path, copies=lambda _: wrong).remaining] == [path / name]
    assert (path / name).read_bytes() == damaged
    assert [problem.repairable for problem in verify(path, copies=lambda _: {name: sound}).problems] == [True]
    assert (path / name).read_bytes() == damaged
    repaired = repair(path, copies=lambda _: {name: sound})
    assert (len(repaired.mended), list(repaired.remaining)) == (1, [])
    assert (path / name).read_bytes() == sound
    assert verify(path).problems == []


def spoil(path: Path, statement: str) -> None:
    with catalogue.writing(path) as connection:
        connection.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM removed WHERE id = 4",
        "UPDATE removed SET generation = 4 WHERE id = 4",
        "UPDATE removed SET id = 5 WHERE id = 4",
        "INSERT INTO removed VALUES (5, 3)",
        "UPDATE rows SET content = content || x'00'",
        "UPDATE rows SET content = 'text' WHERE segment = 1",
        "UPDATE rows SET segment = 3 WHERE segment = 1",
        "DELETE FROM rows WHERE segment = 2",
        "UPDATE segments SET rows = rows + 1 WHERE id = 1",
        "DELETE FROM segments WHERE id = 2",
        "UPDATE roots SET path = '/elsewhere'",
        "UPDATE meta SET value = '1' WHERE key = 'next_image'",
        "UPDATE meta SET value = '2' WHERE key = 'generation'",
        "UPDATE meta SET value = '[]' WHERE key = 'files'",
        "UPDATE meta SET value = '9' WHERE key = 'format'",
        "DELETE FROM meta",
        "DROP TABLE removed",
        "CREATE TABLE more (a)",
        "PRAGMA user_version = 3",
    ],
)
def test_every_part_of_the_catalogue_is_compared(path: Path, statement: str) -> None:
    before = contents(path)
    spoil(path, statement)
    assert [problem.path.name for problem in verify(path).problems][:1] == [catalogue.CATALOGUE]
    repair(path)
    assert contents(path) == before
    assert verify(path).problems == []


def test_a_damaged_catalogue_costs_no_segment(path: Path) -> None:
    spoil(path, "DELETE FROM segments WHERE id = 2")
    with pytest.raises(IndexCorruptError, match="does not agree"), Store.open(path, read_only=False).writing():
        pass
    assert (path / "segments/00000002").is_dir()


def forged(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def forge(path: Path) -> None:
        content = unsealed(path)
        change(content)
        path.write_bytes(sealed(content))

    return forge


def test_a_manifest_cannot_name_files_outside_its_segment(path: Path) -> None:
    manifest = path / "segments/00000001/segment.json"
    forged(lambda content: content["files"].append(["../../recipe.toml", 1, "0"]))(manifest)
    with pytest.raises(IndexCorruptError, match="outside"):
        Store.open(path, read_only=True).snapshot(lambda: {"words": anything})


def lose(path: Path, *patterns: str) -> None:
    for pattern in patterns:
        for file in path.glob(pattern):
            file.unlink()


CATALOGUE, STATEMENT, CHOSEN = "catalog.sqlite*", "segments/generation-*.json", "segments/choices-*.json"


def test_what_a_person_chose_outlives_the_catalogue_and_the_statement_together(tmp_path: Path) -> None:
    store = base(tmp_path / "x.resight")
    before = contents(store.path)
    lose(store.path, CATALOGUE, STATEMENT)
    repair(store.path)
    after = contents(store.path)
    assert (after["choices"], after["roots"]) == (before["choices"], before["roots"])
    # A photo that was removed is not back, though its row is in a segment.
    assert after["images"] == before["images"]
    assert verify(store.path).problems == []


def test_a_root_without_photos_and_its_masks_outlive_the_catalogue_and_the_statement(tmp_path: Path) -> None:
    store = create(tmp_path / "x.resight")
    with store.writing():
        store.commit(roots=ROOTS, choices=CHOICES)
        store.commit(batch("a.jpg"))
    lose(store.path, CATALOGUE, STATEMENT)
    repair(store.path)
    seen = contents(store.path)
    assert (seen["roots"], seen["choices"]) == (ROOTS, CHOICES)


def test_a_lost_file_of_choices_is_written_again_from_the_catalogue(path: Path) -> None:
    before = contents(path)
    for spoiled in (lambda file: file.unlink(), lambda file: flip(file, 30, 1)):
        (file,) = path.glob(CHOSEN)
        spoiled(file)
        (problem,) = verify(path).problems
        assert (problem.path, problem.repairable, "lost" in problem.what) == (file, True, False)
        assert any("written anew from the catalogue" in line for line in repair(path).mended)
        assert (contents(path), verify(path).problems) == (before, [])


@pytest.mark.parametrize("lost", [(CATALOGUE,), (CATALOGUE, STATEMENT)])
def test_choices_that_are_lost_everywhere_are_said_to_be_lost(tmp_path: Path, lost: tuple[str, ...]) -> None:
    path = base(tmp_path / "x.resight").path
    before = contents(path)
    lose(path, CHOSEN, *lost)
    assert any("what is left out of the index is lost (patterns, masks" in one.what for one in verify(path).problems)
    (told,) = [line for line in repair(path).mended if "nothing is left out any more (patterns, masks" in line]
    assert "resight remove" in told
    assert contents(path)["choices"] == Choices()
    assert contents(path)["roots"].keys() <= before["roots"].keys()
    assert verify(path).problems == []
    # The index goes on from there, and chooses anew.
    store = Store.open(path, read_only=False)
    with store.writing():
        store.commit(choices=CHOICES)
    assert (contents(path)["choices"], verify(path).problems) == (CHOICES, [])


def test_choices_that_differ_from_their_file_are_found(path: Path) -> None:
    spoil(path, "UPDATE choices SET content = replace(content, '#recycle', '#recycl_')")
    (problem,) = verify(path).problems
    assert (problem.path.name, "does not agree with choices-" in problem.what) == ("catalog.sqlite", True)
    with pytest.raises(IndexCorruptError, match="does not agree with choices-"):
        Store.open(path, read_only=True)
    repair(path)
    assert contents(path)["choices"] == CHOICES


def test_a_segment_that_was_set_aside_before_is_set_aside_again(path: Path) -> None:
    segment = path / "segments/00000001"
    aside = shutil.copytree(segment, path / "segments/damaged-00000001")
    (aside / "note").write_text("of a repair before")
    array = next(file for file in files(segment) if file.suffix == ".npy")
    flip(array, array.stat().st_size - 1, 1)
    damaged = array.read_bytes()
    repair(path)
    assert not segment.exists()
    assert not (aside / "note").exists()
    assert (aside / array.relative_to(segment)).read_bytes() == damaged
    assert verify(path).problems == []


def test_a_copy_of_rows_that_is_not_what_was_written_mends_nothing(path: Path) -> None:
    flip(path / "segments/00000001/rows.arrays", 40, 1)
    spoil(path, "UPDATE rows SET content = content || x'00' WHERE segment = 1")
    assert any("must be indexed again" in problem.what for problem in verify(path).problems)
    repair(path)
    assert (path / "segments/damaged-00000001").is_dir()
    assert verify(path).problems == []
    assert set(contents(path)["images"]) == {5, 6, 7}
