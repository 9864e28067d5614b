"""Mining of small indexes, kind by kind, and what is written."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from index_samples import METHODS, collection, index_by, texture, write
from resight.errors import StorageError, UsageError
from resight.index.index import Index
from resight.training.mining.kinds import KINDS, Verified, mining_of
from resight.training.mining.mined import LeftOut, Mined, figures_of
from resight.training.mining.miner import PAGE, mine, write_mined
from resight.training.tuples import TUPLES, Tuples, read_tuples

pytestmark = pytest.mark.usefixtures("unsynced")

LINKED = METHODS["verified"] + '[[rerank]]\nkind = "links"\nmin_inliers = 8\nhalf = 5.0\n'
THINGS, VIEWS = 4, 3
ALONE = "alone.png"
PHOTOS = collection(THINGS, VIEWS) | {ALONE: texture(77)}


def thing(name: str) -> str:
    return name.split("-")[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write(tmp_path_factory.mktemp("mined") / "photos", PHOTOS)
    shutil.copy(folder / "00-0.png", folder / "zz-copy.png")
    return folder


@pytest.fixture(scope="module")
def linked(folder: Path, recipes: Path, tmp_path_factory: pytest.TempPathFactory) -> Index:
    index = index_by(recipes, f'name = "linked"\n{LINKED}', tmp_path_factory.mktemp("linked") / "linked.resight")
    index.add(folder)
    return index


@pytest.fixture(scope="module")
def unlinked(folder: Path, recipes: Path, tmp_path_factory: pytest.TempPathFactory) -> Index:
    index = Index.create(tmp_path_factory.mktemp("unlinked") / "x.resight", recipes / "verified.toml")
    index.add(folder)
    return index


@pytest.fixture(scope="module")
def vectors(folder: Path, recipes: Path, tmp_path_factory: pytest.TempPathFactory) -> Index:
    index = Index.create(tmp_path_factory.mktemp("vectors") / "x.resight", recipes / "vlad.toml")
    index.add(folder)
    return index


def right(tuples: Tuples) -> bool:
    return all(thing(a.name) == thing(p.name) for a in tuples.anchors for p in a.positives)


def test_verified_pairs_are_of_one_thing(linked: Index) -> None:
    mined = mine(linked, "verified", parameters={"candidates": 12})
    tuples = mined.tuples
    anchors = {anchor.name: anchor for anchor in tuples.anchors}
    assert right(tuples)
    assert set(anchors) == set(PHOTOS)
    assert all(anchors[name].positives for name in PHOTOS if name != ALONE)
    assert anchors[ALONE].positives == ()
    assert {tuple(names) for names in tuples.clusters().values()} == {
        (ALONE,),
        *(tuple(f"{number:02d}-{view}.png" for view in range(VIEWS)) for number in range(THINGS)),
    }
    assert tuples.related(ALONE) == {ALONE}
    assert tuples.provenance["recipe"] == "linked"
    assert tuples.provenance["parameters"]["candidates"] == 12
    assert tuples.provenance["parameters"]["top"] == 3


def test_a_copy_is_no_photo_of_its_own(linked: Index) -> None:
    mined = mine(linked)
    assert "zz-copy.png" not in mined.tuples.photos
    assert any("same bytes" in note for note in mined.notes)


def test_an_index_without_links_is_verified_now(linked: Index, unlinked: Index) -> None:
    told: list[tuple[str, int, int]] = []
    given = {"min_inliers": 8}
    now = mine(unlinked, parameters=given, progress=lambda *step: told.append(step)).tuples
    kept = mine(linked, parameters=given).tuples
    assert now.anchors == kept.anchors
    assert now.links == kept.links
    assert told[-1] == ("verifying pairs", len(PHOTOS) + 1, len(PHOTOS) + 1)


def test_photos_without_a_pair_may_be_left_out(linked: Index) -> None:
    tuples = mine(linked, parameters={"alone": 0}).tuples
    assert ALONE not in {anchor.name for anchor in tuples.anchors}
    assert ALONE in tuples.pool


def test_words_are_needed_where_pairs_are_verified(vectors: Index) -> None:
    with pytest.raises(UsageError, match=r"no words with positions.*sift-asmk-links.*views"):
        mine(vectors, "verified")
    with pytest.raises(UsageError, match="matches no points"):
        mine(vectors, "ranks")
    with pytest.raises(UsageError, match="'nothing' of vlad has no words"):
        mine(vectors, "verified", parameters={"channel": "nothing"})


def test_where_no_pair_is_sure_that_is_said(linked: Index) -> None:
    with pytest.raises(UsageError, match=r"no two of 13 photos are surely.*lower min_inliers from 5000"):
        mine(linked, parameters={"min_inliers": 5000})


def test_every_photo_is_an_anchor_of_views(linked: Index, vectors: Index) -> None:
    tuples = mine(linked, "views").tuples
    assert [anchor.name for anchor in tuples.anchors] == sorted(PHOTOS)
    assert not any(anchor.positives or anchor.negatives for anchor in tuples.anchors)
    assert {"00-1.png", "00-2.png"} <= tuples.related("00-0.png")
    assert tuples.related("00-0.png").isdisjoint({"01-0.png", ALONE})
    without = mine(vectors, "views")
    assert without.tuples.links == []
    assert any("no words" in note for note in without.notes)


@pytest.mark.parametrize("kind", ["vectors", "linked"])
def test_a_manifold_is_mined_from_vectors_or_words(kind: str, request: pytest.FixtureRequest) -> None:
    index = request.getfixturevalue(kind)
    given = {"graph": 5, "nearest": 3, "negatives": 8, "anchors": "all"}
    tuples = mine(index, "manifold", parameters=given).tuples
    assert any(anchor.negatives for anchor in tuples.anchors)
    for anchor in tuples.anchors:
        related = tuples.related(anchor.name)
        assert anchor.positives
        assert related.isdisjoint(anchor.negatives)
        assert all(tuples.photos[n].cluster != tuples.photos[anchor.name].cluster for n in anchor.negatives)
        assert all(0.0 < one.evidence < 1.0 for one in anchor.positives)
    assert mine(index, "manifold", parameters=given).tuples.text() == tuples.text()


def test_a_manifold_with_nothing_to_add_says_so(vectors: Index) -> None:
    with pytest.raises(UsageError, match="lower graph and nearest"):
        mine(vectors, "manifold", parameters={"nearest": 1000})
    with pytest.raises(UsageError, match="no channel 'x'"):
        mine(vectors, "manifold", parameters={"channel": "x"})


def test_ranked_lists_have_positives_by_inliers_and_negatives_by_similarity(linked: Index) -> None:
    mined = mine(linked, "ranks", parameters={"positive": 10, "low": 0.0, "high": 0.4})
    assert right(mined.tuples)
    assert {anchor.name for anchor in mined.tuples.anchors} == set(PHOTOS) - {ALONE}
    for anchor in mined.tuples.anchors:
        assert all(thing(name) != thing(anchor.name) for name in anchor.negatives)
    assert any(anchor.negatives for anchor in mined.tuples.anchors)
    hardest = mine(linked, "ranks", parameters={"positive": 10, "low": 0.0, "high": 0.4, "seed": 1}).tuples.anchors
    # All there are fit: another seed draws the same, and the order is that of their scores.
    assert [one.negatives for one in hardest] == [one.negatives for one in mined.tuples.anchors]
    with pytest.raises(UsageError, match="none scores above 1000, which are 2000 inliers"):
        mine(linked, "ranks", parameters={"positive": 1000})
    with pytest.raises(UsageError, match="must ascend"):
        mine(linked, "ranks", parameters={"low": 2.0})


def test_what_is_mined_is_the_same_in_any_order_of_adding(folder: Path, recipes: Path, tmp_path: Path) -> None:
    texts = []
    for number, first in enumerate((PHOTOS, [name for name in PHOTOS if not name.endswith("-0.png")])):
        index = index_by(recipes, f'name = "linked"\n{LINKED}', tmp_path / f"{number}.resight")
        index.add(folder, only=set(first))
        index.add(folder, only=set(PHOTOS))
        index.update(exclude="zz-copy.png")
        texts.append(mine(index, parameters={"min_inliers": 8}).tuples.text())
    assert texts[0] == texts[1]


def test_a_photo_that_is_gone_is_left_out(folder: Path, recipes: Path, tmp_path: Path) -> None:
    own = tmp_path / "photos"
    shutil.copytree(folder, own)
    index = Index.create(tmp_path / "x.resight", recipes / "verified.toml")
    index.add(own)
    (own / ALONE).unlink()
    mined = mine(index)
    assert ALONE not in mined.tuples.photos
    assert any("1 photos are gone" in note for note in mined.notes)
    shutil.rmtree(own)
    with pytest.raises(UsageError, match="no photo that training could read"):
        mine(index)


def test_a_folder_has_tuples_and_a_page(linked: Index, tmp_path: Path) -> None:
    out = tmp_path / "new" / "pairs"
    told: list[str] = []
    mined = mine(linked.path, "verified", out, progress=lambda what, done, total: told.append(what))
    assert sorted(path.name for path in out.iterdir()) == [PAGE, TUPLES]
    assert read_tuples(out) == mined.tuples
    page = (out / PAGE).read_text(encoding="utf-8")
    assert page.count("<section>") == len(PHOTOS)
    assert "matched points join 00-0.png and 00-1.png" in page
    assert "its positives are rendered from it" in page
    assert "data:image/jpeg;base64," in page
    assert 'href="http' not in page
    assert "drawing" in told
    # What was mined before is replaced; what else is there is not.
    again = mine(linked, "views", out)
    assert read_tuples(out) == again.tuples != mined.tuples
    assert [path.name for path in out.parent.iterdir()] == ["pairs"]


def test_a_folder_with_other_things_is_refused_before_any_work(linked: Index, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"other things in it, such as 'notes.txt'"):
        mine(linked, "verified", tmp_path)
    with pytest.raises(UsageError, match="this is a file"):
        mine(linked, "verified", tmp_path / "notes.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_an_empty_folder_and_a_link_to_one_are_filled(linked: Index, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("empty")
    mine(linked, "verified", tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert read_tuples(tmp_path / "empty").kind == "verified"


def test_an_empty_index_has_nothing_to_mine(recipes: Path, tmp_path: Path) -> None:
    index = Index.create(tmp_path / "x.resight", recipes / "verified.toml")
    for kind in KINDS:
        with pytest.raises(UsageError, match=r"no photo that training could read|matches no points"):
            mine(index, kind)


def test_nothing_is_left_where_the_disk_refuses(linked: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    mined = mine(linked)
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(StorageError, match="No space left"):
        write_mined(tmp_path / "pairs", mined, linked)
    assert list(tmp_path.iterdir()) == []


def test_a_page_shows_what_was_thrown_out(linked: Index, tmp_path: Path) -> None:
    mined = mine(linked)
    shown = Mined(mined.tuples, ["<b>note</b>"], {"thrown out": 1}, [LeftOut(ALONE, "nothing <else> shows it")])
    write_mined(tmp_path / "pairs", shown, linked)
    page = (tmp_path / "pairs" / PAGE).read_text(encoding="utf-8")
    assert "1 photos were thrown out" in page
    assert "nothing &lt;else&gt; shows it" in page
    assert "&lt;b&gt;note&lt;/b&gt;" in page


def test_figures_count_what_there_is(linked: Index) -> None:
    figures = figures_of(mine(linked))
    assert figures["photos"] == figures["photos used"] == figures["anchors"] == len(PHOTOS)
    assert figures["anchors with positives"] == THINGS * VIEWS
    assert figures["pairs"] == THINGS * 3
    assert figures["positives an anchor, mean"] == 2.0
    assert (figures["clusters"], figures["largest cluster"]) == (THINGS + 1, VIEWS)


@pytest.mark.parametrize(
    ("kind", "given", "told"),
    [
        ("verify", {}, "choose one of verified, views"),
        ("verified", {"min_inlier": 3}, "the nearest that it has is 'min_inliers'"),
        ("verified", {"top": "many"}, "top is 'many', and must be a whole number"),
        ("verified", {"share": 1.5}, "share is 1.5, and must be at most 1"),
        ("manifold", {"anchors": "some"}, "anchors is 'some', and must be 'modes' or 'all'"),
        ("ranks", {"low": 2.0}, "low 2.0, high 1.0 and positive 15.0 must ascend"),
    ],
)
def test_parameters_are_checked(kind: str, given: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError) as error:
        mining_of(kind, given)
    assert told in str(error.value)


def test_every_kind_says_what_it_does() -> None:
    for name, model in KINDS.items():
        assert model.summary
        assert mining_of(name, {}) == model()
        assert all(field.description for field in model.model_fields.values())


def test_the_page_of_mining_lists_every_kind_and_parameter() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "mine.md").read_text(encoding="utf-8")
    for kind, model in KINDS.items():
        section = text[text.index(f"### `{kind}`") :].split("\n##")[0]
        for name, field in model.model_fields.items():
            row = f"| `{name}` | {field.default} | {field.description} |"
            assert row in section or f"`{name}`" in section.split("|")[0], f"{kind}: {row}"


def test_the_help_names_every_kind() -> None:
    from resight.cli import mine as command

    text = Path(command.__file__).read_text(encoding="utf-8")
    assert all(kind in text for kind in KINDS)


def test_parameters_are_given_once(linked: Index) -> None:
    assert mine(linked, Verified(alone=0.0)).tuples == mine(linked, parameters={"alone": 0.0}).tuples
    with pytest.raises(UsageError, match="given twice"):
        mine(linked, Verified(), parameters={"alone": 0.0})
