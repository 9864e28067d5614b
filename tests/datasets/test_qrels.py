"""Judgements that are written and read again judge the same, and as other programs do where those agree on junk."""

from __future__ import annotations

import gzip
import random
import tempfile
from dataclasses import replace
from pathlib import Path

import ir_measures
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resight.datasets.dataset import ALL, Dataset, JudgedQuery
from resight.datasets.qrels import read_qrels, write_qrels
from resight.errors import UsageError
from resight.evaluation.metrics import positions, rectangle_ap
from resight.evaluation.run_names import match_run
from resight.evaluation.runs import RankedNames, ranked, read_run, write_run

NAMES = st.text(st.characters(exclude_categories=()), min_size=1) | st.sampled_from(
    ["a b.jpg", "100%.jpg", "a\nb", "\u2028", "ü/日本.png", "📷", "\ud800", "-"]
)
IMAGES = tuple(f"a photo {i:02}%.jpg" for i in range(30))


@st.composite
def judged(draw: st.DrawFn) -> JudgedQuery:
    marks = draw(st.dictionaries(NAMES, st.booleans(), max_size=6))
    return JudgedQuery(
        draw(NAMES),
        "",
        frozenset(name for name, right in marks.items() if right),
        frozenset(name for name, right in marks.items() if not right),
    )


def small(*queries: JudgedQuery) -> Dataset:
    return Dataset("small", Path("photos"), IMAGES, {ALL: queries})


def random_dataset(seed: int) -> Dataset:
    """Queries with up to eight positives and six junk images, every third a database image itself."""
    draw = random.Random(seed)
    queries = []
    for number in range(20):
        marked = draw.sample(IMAGES, draw.randint(8, 14))
        image = draw.choice(IMAGES) if number % 3 == 0 else f"q{number}.jpg"
        queries.append(JudgedQuery(f"query {number}", image, frozenset(marked[:8]), frozenset(marked[8:])))
    return small(*queries)


def without_junk(query: JudgedQuery, ranking: RankedNames) -> RankedNames:
    kept = {name: score for name, score in zip(*ranking, strict=True) if name not in query.junk}
    return ranked(list(kept), list(kept.values()))


def random_rankings(seed: int, data: Dataset) -> dict[str, RankedNames]:
    """Rankings of part of the database, without ties in single precision."""
    draw = random.Random(seed)
    return {
        query.id: ranked(names, draw.sample(range(-40, 40), len(names)))
        for query in data.queries
        for names in [draw.sample(IMAGES, draw.randint(10, len(IMAGES)))]
    }


@settings(deadline=None)
@given(st.lists(judged(), min_size=1, max_size=4, unique_by=lambda query: query.id), st.sampled_from([".txt", ".gz"]))
def test_judgements_that_are_written_are_read_as_they_were(queries: list[JudgedQuery], suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"qrels{suffix}"
        write_qrels(path, small(*queries), ALL)
        assert read_qrels(path).queries == tuple(queries)


def test_lines_are_those_of_trec(tmp_path: Path) -> None:
    data = small(
        JudgedQuery("one two", "q.jpg", frozenset({"b.jpg", "a b.jpg"}), frozenset({"c.jpg"})),
        JudgedQuery("itself", IMAGES[0], frozenset({"b.jpg"})),
        JudgedQuery("itself right", IMAGES[0], frozenset({IMAGES[0]})),
        JudgedQuery("nothing", "q.jpg", frozenset()),
    )
    write_qrels(tmp_path / "qrels", data, ALL)
    assert (tmp_path / "qrels").read_text() == (
        "one%20two 0 a%20b.jpg 1\n"
        "one%20two 0 b.jpg 1\n"
        "one%20two 0 c.jpg -1\n"
        "itself 0 b.jpg 1\n"
        "itself 0 a%20photo%2000%25.jpg -1\n"
        "itself%20right 0 a%20photo%2000%25.jpg 1\n"
        "nothing 0 - 0\n"
    )


def test_each_setting_is_written_by_its_name(tmp_path: Path) -> None:
    easy, hard = (
        JudgedQuery("q", "q.jpg", frozenset("e"), frozenset("h")),
        JudgedQuery("q", "q.jpg", frozenset("h"), frozenset("e")),
    )
    data = Dataset("small", Path("photos"), IMAGES, {"easy": (easy,), "hard": (hard,)}, main="easy")
    write_qrels(tmp_path / "qrels", data, "hard")
    (query,) = read_qrels(tmp_path / "qrels").queries
    assert (query.positives, query.junk) == (frozenset("h"), frozenset("e"))
    with pytest.raises(UsageError, match='small has no setting "medium"; it has easy, hard'):
        write_qrels(tmp_path / "qrels", data, "medium")


def test_degrees_of_relevance_are_positive_junk_or_nothing(tmp_path: Path) -> None:
    (tmp_path / "qrels.gz").write_bytes(gzip.compress(b"q 0 a 2\np 0 a 0\nq 1 b 1\nq 0 c -2\nq 0 d 0\nq 0 e +1\n"))
    data = read_qrels(tmp_path / "qrels.gz")
    assert data.queries == (JudgedQuery("q", "", frozenset("abe"), frozenset("c")), JudgedQuery("p", "", frozenset()))
    assert data.images == ()


@pytest.mark.parametrize("seed", range(3))
def test_what_is_read_again_judges_the_same(tmp_path: Path, seed: int) -> None:
    data = random_dataset(seed)
    rankings = random_rankings(seed, data)
    write_qrels(tmp_path / "qrels", data, ALL)
    write_run(tmp_path / "run", rankings, "tag")
    again = read_qrels(tmp_path / "qrels")
    found = match_run(read_run(tmp_path / "run"), again)
    assert any(query.image in query.junk for query in data.queries)
    for query, other in zip(data.queries, again.queries, strict=True):
        ranks = positions(rankings[query.id].names, query.positives, query.junk)
        assert positions(found[query.id].names, other.positives, other.junk).tolist() == ranks.tolist()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'nothing is judged in it; lines of "query iteration document relevance" are expected'),
        ("q 0 a 1\nq 0 a\n", 'line 2: 3 columns where "query iteration document relevance" is expected'),
        ("q 0 a 1.0", 'line 1: the relevance "1.0" is not a whole number'),
        ("q 0 a 1_0", 'line 1: the relevance "1_0" is not a whole number'),
        ("q 0 a nan", 'line 1: the relevance "nan" is not a whole number'),
        ("q 0 a " + "9" * 5000, 'line 1: the relevance "9+" is not a whole number'),
        ("q 0 a 1\np 0 a 1\nq 0 %61 -1\n", 'line 3: "a" is judged twice for query "q"'),
        ("q 0 100% 1", 'line 1: "%" in "100%" is no percent escape'),
        ("%zz 0 a 1", 'line 1: "%zz" in "%zz" is no percent escape'),
        (b"q 0 \xff 1", "line 1: the line is not UTF-8 text"),
    ],
)
def test_a_faulty_file_is_refused_by_file_and_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    (tmp_path / "qrels.txt").write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(UsageError, match=r"qrels\.txt") as error:
        read_qrels(tmp_path / "qrels.txt")
    error.match(message)


def measured(run: Path, qrels: Path) -> dict[str, float]:
    """Average precision by query, with names as they stand, by the program that others use."""
    judgements = list(ir_measures.read_trec_qrels(str(qrels)))
    found = list(ir_measures.read_trec_run(str(run)))
    return {one.query_id: one.value for one in ir_measures.iter_calc([ir_measures.AP], judgements, found)}


@pytest.mark.parametrize("seed", range(5))
def test_rectangle_average_precision_is_that_of_ir_measures(tmp_path: Path, seed: int) -> None:
    data = random_dataset(seed)
    rankings = random_rankings(seed, data)
    rankings = {query.id: without_junk(query, rankings[query.id]) for query in data.queries}
    write_run(tmp_path / "run", rankings, "tag")
    write_qrels(tmp_path / "qrels", data, ALL)
    theirs = measured(tmp_path / "run", tmp_path / "qrels")
    found = match_run(read_run(tmp_path / "run"), read_qrels(tmp_path / "qrels"))
    for query in read_qrels(tmp_path / "qrels").queries:
        ranks = positions(found[query.id].names, query.positives, query.junk)
        ours = rectangle_ap(ranks, len(query.positives))
        assert theirs[query.id.replace(" ", "%20")] == pytest.approx(ours, abs=1e-6)


def test_there_junk_counts_as_wrong_and_a_query_without_positives_as_0(tmp_path: Path) -> None:
    data = random_dataset(1)
    rankings = random_rankings(1, data)
    empty = replace(data.queries[0], positives=frozenset())
    data = replace(data, settings={ALL: (empty, *data.queries[1:])})
    write_run(tmp_path / "run", rankings, "tag")
    write_qrels(tmp_path / "qrels", data, ALL)
    theirs = measured(tmp_path / "run", tmp_path / "qrels")
    assert theirs["query%200"] == 0
    for query in data.queries[1:]:
        ranks = positions(rankings[query.id].names, query.positives)
        ours = rectangle_ap(ranks, len(query.positives))
        assert theirs[query.id.replace(" ", "%20")] == pytest.approx(ours, abs=1e-6)
