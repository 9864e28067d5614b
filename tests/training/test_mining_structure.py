"""Mining by structure from motion of a small index, and the seeds of it."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from index_samples import collection, texture, write
from resight.errors import UsageError
from resight.index.index import Index
from resight.training.mining.min_hash import grown_pairs, seed_pairs
from resight.training.mining.miner import mine
from resight.training.mining.reconstruction import PairMatches

pytest.importorskip("pycolmap", exc_type=ImportError)
pytestmark = pytest.mark.usefixtures("unsynced")

ALONE = "alone.png"


def thing(name: str) -> str:
    return name.split("-")[0]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, recipes: Path) -> Index:
    root = tmp_path_factory.mktemp("structure")
    found = Index.create(root / "x.resight", recipes / "verified.toml")
    found.add(write(root / "photos", collection(4, 3) | {ALONE: texture(77)}))
    return found


@pytest.mark.parametrize("positives", ["random", "inliers", "nearest"])
@pytest.mark.parametrize("seeds", ["search", "min-hash"])
def test_planar_things_are_found_and_kept_apart(index: Index, positives: str, seeds: str) -> None:
    mined = mine(index, "sfm", parameters={"positives": positives, "seeds": seeds})
    tuples = mined.tuples
    assert {one.name for one in tuples.anchors} == {f"{n:02d}-{view}.png" for n in range(4) for view in range(3)}
    assert all(thing(one.name) == thing(two.name) for one in tuples.anchors for two in one.positives)
    assert all(len(set(map(thing, names))) == 1 for names in tuples.clusters().values())
    assert {thing(name) for name in tuples.related("00-0.png")} == {"00"}
    assert ALONE in tuples.pool
    if positives == "nearest":
        assert {len(one.positives) for one in tuples.anchors} == {1}
        assert all(0 < two.evidence <= 1 for one in tuples.anchors for two in one.positives)
    elif positives == "inliers":
        assert {len(one.positives) for one in tuples.anchors} == {1}
    # Turned about the optical axis, nothing tells near from far: two photos of three have no model.
    if mined.figures["photos in models"] < 12:
        assert any("their verified matches take the place of shared points" in note for note in mined.notes)


def test_mining_repeats_to_the_byte(index: Index) -> None:
    assert mine(index, "sfm").tuples.text() == mine(index, "sfm").tuples.text()


def test_a_draw_is_of_its_seed(index: Index) -> None:
    def drawn(seed: int) -> list[str]:
        anchors = mine(index, "sfm", parameters={"most": 1, "seed": seed}).tuples.anchors
        return [one.positives[0].name for one in anchors]

    assert drawn(1) == drawn(1)
    assert len({tuple(drawn(seed)) for seed in range(4)}) > 1


def test_what_cannot_be_mined_is_told(index: Index, tmp_path: Path, recipes: Path) -> None:
    with pytest.raises(UsageError, match="no two of 13 photos share enough points"):
        mine(index, "sfm", parameters={"min_inliers": 100_000})
    vectors = Index.create(tmp_path / "x.resight", recipes / "vlad.toml")
    vectors.add(write(tmp_path / "photos", collection(2)))
    with pytest.raises(UsageError, match="has no words with positions"):
        mine(vectors, "sfm")


def test_sets_with_much_in_common_collide_and_others_hardly() -> None:
    rng = np.random.default_rng(0)
    sets = [rng.choice(20_000, 400, replace=False).astype(np.int32) for _ in range(12)]
    sets += [np.concatenate([own[:200], rng.choice(20_000, 200).astype(np.int32)]) for own in sets[:6]]
    sets.append(np.empty(0, np.int32))
    found = seed_pairs(sets)
    # A third of both sets is common: a sketch of two collides in one case of ten, of 512 about fifty.
    assert {(row, row + 12) for row in range(6)} <= set(found)
    assert len(found) < 20
    assert found == seed_pairs(sets)
    assert seed_pairs([]) == []


def test_pairs_grow_from_seeds_to_all_that_is_joined() -> None:
    true = {(0, 1), (1, 2), (2, 3), (4, 5), (6, 7)}
    looked_at: list[tuple[int, int]] = []

    def verify(pairs: list[tuple[int, int]]) -> list[PairMatches]:
        looked_at.extend(pairs)
        return [PairMatches(*pair, np.zeros((9, 2), np.int64)) for pair in pairs if pair in true]

    def candidates(row: int) -> list[int]:
        return [other for other in range(8) if other != row and abs(other - row) <= 2]

    graph, (asked, pairs) = grown_pairs([(0, 1), (0, 4), (4, 5)], candidates, verify)
    assert [(pair.one, pair.other) for pair in graph] == [(0, 1), (1, 2), (2, 3), (4, 5)]
    assert asked == 6
    assert pairs == len(looked_at) == len(set(looked_at))
    assert (6, 7) not in looked_at
    assert set(looked_at) <= set(combinations(range(8), 2))
