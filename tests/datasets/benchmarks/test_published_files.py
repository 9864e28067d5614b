"""The ground truth that people have: counts as published, and positives that were looked up by hand."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from resight.datasets.benchmarks import holidays, oxford, paris, revisited
from resight.datasets.dataset import Dataset, JudgedQuery
from resight.errors import UsageError

LISTED = {
    one.name: one for module in (oxford, paris, revisited, holidays) for one in module.BENCHMARKS if one.extra is None
}
COUNTS = {
    "oxford5k": (55, 5063),
    "paris6k": (55, 6392),
    "roxford5k": (70, 4993),
    "rparis6k": (70, 6322),
    "holidays": (500, 1491),
}


def query(dataset: Dataset, name: str, setting: str | None = None) -> JudgedQuery:
    return next(one for one in dataset.settings[setting or dataset.main] if one.id == name)


def photos(*names: str) -> frozenset[str]:
    return frozenset(f"{name}.jpg" for name in names)


def files(protocols: Path, folder: Path, *names: str) -> Path:
    """A folder with only these files."""
    for name in names:
        shutil.copy(protocols / name, folder / name)
    return folder


@pytest.mark.parametrize("name", COUNTS)
def test_counts_are_as_published(name: str, protocols: Path) -> None:
    dataset = LISTED[name].load(protocols)
    for queries in dataset.settings.values():
        assert (len(queries), len(dataset.images)) == COUNTS[name]
        assert len({one.id for one in queries}) == len(queries)
        database = frozenset(dataset.images)
        assert all(one.positives | one.junk <= database for one in queries)
    assert len(database) == len(dataset.images)


@pytest.mark.parametrize("name", ["oxford5k", "paris6k", "roxford5k", "rparis6k"])
def test_pickle_and_json_agree(name: str, protocols: Path, tmp_path: Path) -> None:
    pickled = LISTED[name].load(files(protocols, tmp_path, f"gnd_{name}.pkl"))
    (tmp_path / f"gnd_{name}.pkl").unlink()
    assert LISTED[name].load(files(protocols, tmp_path, f"gnd_{name}.json")) == pickled


def test_the_authors_text_files_of_oxford_agree_with_the_pickle(protocols: Path, tmp_path: Path) -> None:
    by_index = LISTED["oxford5k"].load(protocols)
    shutil.copytree(protocols / "oxford5k_groundtruth", tmp_path / "oxford5k_groundtruth")
    (tmp_path / "jpg").mkdir()
    for name in by_index.images:
        (tmp_path / "jpg" / name).touch()
    by_text = LISTED["oxford5k"].load(tmp_path)
    assert by_text.settings == by_index.settings
    assert set(by_text.images) == set(by_index.images)
    (tmp_path / "jpg" / "oxford_002124.jpg").unlink()  # which no query mentions
    with pytest.raises(UsageError, match="oxford5k has 5062 database images; 5063 were published"):
        LISTED["oxford5k"].load(tmp_path)


def test_oxford(protocols: Path) -> None:
    dataset = LISTED["oxford5k"].load(protocols)
    first = query(dataset, "all_souls_1")
    assert (first.image, first.group, first.box) == (
        "all_souls_000013.jpg",
        "all_souls",
        (136.5, 34.1, 648.5, 955.7),
    )
    # A name stands twice in the authors' file, which has 79 lines of good and ok.
    assert (len(first.positives), len(first.junk)) == (78, 33)
    assert photos("all_souls_000091", "all_souls_000026", "all_souls_000153", "all_souls_000126") <= first.positives
    assert photos("all_souls_000220", "all_souls_000019", "oxford_000135") <= first.junk
    third = query(dataset, "pitt_rivers_3")
    assert (third.image, third.box) == ("pitt_rivers_000153.jpg", (4, 3, 1012, 628))
    assert photos("pitt_rivers_000119", "pitt_rivers_000153", "pitt_rivers_000033") <= third.positives
    assert third.junk == photos("pitt_rivers_000055", "pitt_rivers_000190")
    assert min(len(one.positives) for one in dataset.queries) == 6
    assert max(len(one.positives) for one in dataset.queries) == 221


def test_paris(protocols: Path) -> None:
    dataset = LISTED["paris6k"].load(protocols)
    first, last = query(dataset, "defense_1"), query(dataset, "triomphe_5")
    assert (first.image, first.box) == ("paris_defense_000605.jpg", (130, 17, 843, 732))
    assert (len(first.positives), len(first.junk)) == (117, 116)
    assert photos("paris_defense_000060", "paris_defense_000101", "paris_defense_000280") <= first.positives
    assert photos("paris_defense_000077", "paris_defense_000353") <= first.junk
    assert (last.image, last.group) == ("paris_defense_000038.jpg", "triomphe")
    assert photos("paris_triomphe_000066", "paris_triomphe_000938", "paris_triomphe_000708") <= last.positives
    assert not photos(*paris.CORRUPT) & {*dataset.images}


def test_revisited_oxford(protocols: Path) -> None:
    dataset = LISTED["roxford5k"].load(protocols)
    easy = photos("all_souls_000153", "all_souls_000126", "all_souls_000055")
    hard = photos("all_souls_000110", "oxford_000587", "all_souls_000062")
    junk = photos("radcliffe_camera_000279", "radcliffe_camera_000426", "oxford_001567")
    by_setting = {setting: query(dataset, "all_souls_000013", setting) for setting in dataset.settings}
    assert easy <= by_setting["easy"].positives
    assert hard | junk <= by_setting["easy"].junk
    assert easy | hard <= by_setting["medium"].positives
    assert junk <= by_setting["medium"].junk
    assert hard <= by_setting["hard"].positives
    assert easy | junk <= by_setting["hard"].junk
    counts = {setting: (len(one.positives), len(one.junk)) for setting, one in by_setting.items()}
    assert counts == {"easy": (65, 71), "medium": (103, 33), "hard": (38, 98)}
    last = dataset.queries[-1]
    assert (last.id, last.group, last.box) == ("radcliffe_camera_000031", "radcliffe_camera", (0, 0, 685, 1023))
    assert not {one.image for one in dataset.queries} & {*dataset.images}
    # Two queries have no easy positives; the mean leaves them out.
    assert sum(not one.positives for one in dataset.settings["easy"]) == 2


def test_revisited_paris(protocols: Path) -> None:
    dataset = LISTED["rparis6k"].load(protocols)
    easy = photos("paris_defense_000060", "paris_defense_000280", "paris_defense_000015")
    hard = photos("paris_defense_000101", "paris_defense_000353", "paris_defense_000392")
    assert easy <= query(dataset, "paris_defense_000605", "easy").positives
    assert easy | hard <= query(dataset, "paris_defense_000605").positives
    assert hard <= query(dataset, "paris_defense_000605", "hard").positives
    assert photos("paris_defense_000077", "paris_general_002374") <= query(dataset, "paris_defense_000605").junk
    last = dataset.queries[-1]
    assert (last.id, last.group, last.box) == ("paris_triomphe_000445", "triomphe", (91.3, 235.7, 490.0, 750.7))


@pytest.mark.parametrize(("name", "whole"), [("roxford5k", "oxford5k"), ("rparis6k", "paris6k")])
def test_the_revisited_sets_divide_the_same_photos(name: str, whole: str, protocols: Path) -> None:
    dataset, original = LISTED[name].load(protocols), LISTED[whole].load(protocols)
    assert {*dataset.images, *(one.image for one in dataset.queries)} == {*original.images}
    for new, old in zip(dataset.queries, original.queries, strict=False):
        assert (new.image, new.box, new.group) == (old.image, old.box, old.group)


def test_holidays(protocols: Path, tmp_path: Path) -> None:
    dataset = LISTED["holidays"].load(protocols)
    assert query(dataset, "100000").positives == photos("100001", "100002")
    assert query(dataset, "100100").positives == photos("100101")
    assert query(dataset, "149900").positives == photos("149901", "149902")
    assert sum(len(one.positives) for one in dataset.queries) == 991
    (tmp_path / "holidays_images.dat").write_text("\n".join(dataset.images))
    by_name = LISTED["holidays"].load(tmp_path)
    assert (by_name.images, by_name.settings) == (dataset.images, dataset.settings)
