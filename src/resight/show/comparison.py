"""Writes a comparison as one HTML file: tables, plot, and the ranked hits of each result, the worst queries first."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from resight.datasets.dataset import DISTRACTORS
from resight.evaluation.comparison import Comparison
from resight.evaluation.result import EvaluationResult, QueryResult, RankedHit
from resight.markup import plain_text
from resight.show.document import write_document
from resight.show.gallery import Gallery, find_photo
from resight.show.summary import (
    NONE,
    Table,
    comparison_plot,
    cost_table,
    notes,
    number,
    part_table,
    setting_tables,
    subject,
)

QUERY_SIDE, HIT_SIDE = 320, 160
"""Longest sides of thumbnails in pixels."""

_GLYPHS = {"right": "✓", "wrong": "✗", "junk": "○"}
_RANKS_WIDTH = 260
_FIRST = 10


def write_comparison(
    path: str | os.PathLike[str],
    comparison: Comparison,
    *,
    photos: Path | None = None,
    queries: int = 50,
    hits: int = 10,
    progress: Callable[[str, int, int], None] | None = None,
) -> Path:
    """Writes the page, whole or not at all, and returns its path.

    photos: the folder of the photos, by default the folder that each result names. A missing photo is shown by its
    name. queries: number of queries shown, the worst of the baseline first; hits: number of hits shown for each query
    and result.

    Raises StorageError where the disk refuses.
    """
    gallery = Gallery()
    order = comparison.worst_first()
    by_id = {
        name: {query.id: query for query in result.settings[comparison.setting]}
        for name, result in comparison.results.items()
    }
    answers = [{name: own[one] for name, own in by_id.items()} for one in order[:queries]]
    # First, so that a query that is also a hit is stored in the larger of the two sizes.
    asked = [_asked(comparison, next(iter(each.values())), gallery, photos) for each in answers]
    sections = []
    for done, (picture, each) in enumerate(zip(asked, answers, strict=True)):
        if progress is not None:
            progress("drawing queries", done, len(answers))
        sections.append(_section(comparison, picture, each, gallery, photos, hits))
    tables = [*setting_tables(comparison), cost_table(comparison)]
    parts = [table for table in (part_table(comparison, "size"), part_table(comparison, "group")) if table is not None]
    body = [
        '<div class="summary">',
        *(_table(table) for table in tables),
        "</div>",
        *(f"<details><summary>{plain_text(table.title)}</summary>{_table(table)}</details>" for table in parts),
        f'<ul class="quiet">{"".join(f"<li>{plain_text(note)}</li>" for note in notes(comparison))}</ul>',
        f'<figure class="plots">{comparison_plot(comparison)}</figure>',
        gallery.definitions(),
        '<section class="start"><h2>Queries, worst first</h2>',
        f'<p class="quiet">{_shown(comparison, len(order), queries)}</p></section>',
        *sections,
    ]
    title = f"{comparison.baseline.dataset}: {', '.join(comparison.names)}"
    return write_document(path, title=title, note=subject(comparison), style=_STYLE, body="\n".join(body))


def _shown(comparison: Comparison, known: int, limit: int) -> str:
    """Returns HTML that says which queries are shown and which are not."""
    measure, first = comparison.measure, comparison.names[0]
    said = [f"Ordered by {measure} of {first}"]
    if len(comparison.baseline.settings) > 1:
        said[0] += f" in the setting {comparison.setting}"
    said.append(f"{known - limit:,} better queries are left out" if known > limit else "all are shown")
    without = len(comparison.baseline.settings[comparison.setting]) - known
    if without:
        said.append(f"{without:,} without positives left out")
    legend = "".join(f'<span class="mark {mark}">{glyph} {mark}</span> ' for mark, glyph in _GLYPHS.items())
    explained = "Junk counts neither as right nor as wrong; ranks are those without junk."
    return f"{plain_text(', '.join(said))}. {legend}{explained}"


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{plain_text(column)}</th>' for column in table.columns)
    cells = [(row[0], "".join(f"<td>{plain_text(cell)}</td>" for cell in row[1:])) for row in table.rows]
    rows = "".join(f'<tr><th scope="row">{plain_text(name)}</th>{others}</tr>' for name, others in cells)
    caption = f"<caption>{plain_text(table.title)}</caption>"
    return f'<div class="wide"><table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _section(
    comparison: Comparison,
    picture: str,
    answers: Mapping[str, QueryResult],
    gallery: Gallery,
    photos: Path | None,
    hits: int,
) -> str:
    """Draws one query. picture: the query photo, as HTML; answers: one for each result."""
    asked = next(iter(answers.values()))
    strips = "".join(
        f'<h3 class="name">{plain_text(name)}</h3>'
        f"{_hits(answer.hits[:hits], gallery, comparison.results[name], photos)}"
        for name, answer in answers.items()
    )
    return (
        f'<section><header class="asked">{picture}<div>'
        f'<h2 class="name">{plain_text(asked.id)}</h2><p class="quiet name">{plain_text(_facts(asked))}</p>'
        f"{_answers(comparison, answers)}</div></header>{strips}</section>"
    )


def _roots(result: EvaluationResult, photos: Path | None) -> list[Path]:
    if photos is not None:
        return [photos]
    return [] if result.root is None else [Path(result.root)]


def _query_roots(result: EvaluationResult, photos: Path | None) -> list[Path]:
    apart = [] if result.query_root is None else [Path(result.query_root)]
    # Query photos that are separate files may be beside `photos`; the database's photos are no substitute.
    return apart or _roots(result, photos)


def _asked(comparison: Comparison, asked: QueryResult, gallery: Gallery, photos: Path | None) -> str:
    roots = [root for result in comparison.results.values() for root in _query_roots(result, photos)]
    label = f"The query {asked.id}" + (", the part that was asked for outlined" if asked.box else "")
    drawn = gallery.shown(find_photo(asked.image, roots), label, QUERY_SIDE, asked.box)
    return f'<div class="picture query">{drawn or _absent(asked.image)}</div>'


def _facts(asked: QueryResult) -> str:
    parts = [f"{asked.positives:,} to find"]
    if asked.image not in ("", asked.id):
        parts.append(asked.image)
    if asked.group is not None:
        parts.insert(0, asked.group)
    if asked.box is not None:
        parts.append("box " + ", ".join(f"{side:g}" for side in asked.box))
    return " · ".join(parts)


def _answers(comparison: Comparison, answers: Mapping[str, QueryResult]) -> str:
    """Returns a table with a row for each result: its figure, and the ranks of the right hits."""
    protocol, measure = comparison.baseline.protocol, comparison.measure
    columns = ("", measure, "difference", "first right", "first wrong", f"right in {_FIRST}", "found")
    base = next(iter(answers.values())).figures(protocol.ap)[measure]
    # A result judged by qrels alone does not say how many images were searched.
    last = max((answer.ranks[-1] + 1 for answer in answers.values() if answer.ranks), default=1)
    size = max(last, *(one.protocol.database + one.protocol.distractors for one in comparison.results.values()))
    rows = []
    for place, (name, answer) in enumerate(answers.items()):
        value = answer.figures(protocol.ap)[measure]
        cells = (
            number(value),
            f"{value - base:+.4f}" if place else NONE,
            f"{answer.ranks[0] + 1:,}" if answer.ranks else NONE,
            f"{_first_wrong(answer.ranks):,}",
            str(sum(rank < _FIRST for rank in answer.ranks)),
            f"{len(answer.ranks):,} of {answer.positives:,}",
        )
        rows.append(
            f'<tr><th scope="row">{plain_text(name)}</th>{"".join(f"<td>{plain_text(cell)}</td>" for cell in cells)}'
            f"<td>{_rank_marks(answer.ranks, size)}</td></tr>"
        )
    head = "".join(f'<th scope="col">{plain_text(column)}</th>' for column in columns)
    head += f'<th scope="col">ranks of the right ones, 1 to {size:,} (logarithmic)</th>'
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _first_wrong(ranks: Sequence[int]) -> int:
    """Returns the 1-based rank, without junk, of the first hit that is not right."""
    return next((place for place, rank in enumerate(ranks) if rank != place), len(ranks)) + 1


def _rank_marks(ranks: Sequence[int], size: int) -> str:
    """Draws a line from rank 1 to `size`, on a logarithmic scale, with a stroke at each of the 0-based ranks."""
    scale = (_RANKS_WIDTH - 4) / math.log(max(size, 2))
    tens = [10**power for power in range(int(math.log10(max(size, 1))) + 1)]
    steps = "".join(f"M{2 + math.log(ten) * scale:.1f} 1v16" for ten in tens)
    marks = "".join(f"M{2 + math.log(rank + 1) * scale:.1f} 4v10" for rank in ranks)
    return (
        f'<svg class="ranks" viewBox="0 0 {_RANKS_WIDTH} 18" role="img" aria-label="{len(ranks)} found">'
        f'<path class="steps" d="{steps}M0 17h{_RANKS_WIDTH}"/><path class="found" d="{marks}"/></svg>'
    )


def _hits(hits: Sequence[RankedHit], gallery: Gallery, result: EvaluationResult, photos: Path | None) -> str:
    if not hits:
        return '<p class="quiet">Nothing was found.</p>'
    files = [_file(hit.name, result, photos) for hit in hits]
    cards = (_card(hit, place, gallery, file) for place, (hit, file) in enumerate(zip(hits, files, strict=True), 1))
    return f'<ol class="hits">{"".join(cards)}</ol>'


def _file(name: str, result: EvaluationResult, photos: Path | None) -> Path | None:
    """Returns the photo of a hit: of the database, or a distractor."""
    found = find_photo(name, _roots(result, photos))
    if found is None and name.startswith(DISTRACTORS) and result.distractor_root is not None:
        return find_photo(name.removeprefix(DISTRACTORS), [Path(result.distractor_root)])
    return found


def _card(hit: RankedHit, place: int, gallery: Gallery, file: Path | None) -> str:
    drawn = gallery.shown(file, f"{hit.name}, {hit.mark}", HIT_SIDE)
    score = NONE if hit.score is None else f"{hit.score:.4g}"
    name = plain_text(hit.name)
    return (
        f'<li class="card is-{hit.mark}"><div class="picture">{drawn or _absent(hit.name)}</div>'
        f'<p><span class="rank">{place}</span> <span class="mark {hit.mark}">{_GLYPHS[hit.mark]} {hit.mark}</span></p>'
        f'<p class="cut quiet" title="{name}">{name}</p><p class="quiet">score {score}</p></li>'
    )


def _absent(name: str) -> str:
    return f'<span class="absent quiet name">{plain_text(name)}</span>'


_STYLE = """
h3 { font-size: .92rem; font-weight: 600; margin: .9rem 0 .4rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: .9rem 0 .3rem; font-variant-numeric: tabular-nums; font-size: .9rem; }
caption { text-align: left; font-weight: 600; padding-bottom: .25rem; }
th, td { padding: .22rem .9rem .22rem 0; text-align: right; white-space: nowrap; vertical-align: middle; }
th { font-weight: 600; }
thead th { color: var(--quiet); border-bottom: 1px solid var(--edge); font-weight: 500; }
tbody th, thead th:first-child { text-align: left; white-space: normal; overflow-wrap: anywhere; min-width: 9rem;
  max-width: 24rem; unicode-bidi: isolate; }
.asked th, .asked td { padding-right: .7rem; } .asked thead th { white-space: normal; }
details { margin: .7rem 0; } summary { cursor: pointer; }
details caption { display: none; }
ul.quiet { padding-left: 1.1rem; }
.plots { background: var(--card); border: 1px solid var(--edge); border-radius: 8px; overflow-x: auto; }
svg.plot { max-width: 992px; min-width: 640px; margin: 0 auto; }
.plot .paper { fill: var(--card); } .plot .ink-text { fill: var(--ink); } .plot .quiet-text { fill: var(--quiet); }
.plot .grid-line { stroke: var(--edge); } .plot .ink-line { stroke: var(--ink); }
.photos { position: absolute; }
.start .mark { white-space: nowrap; }
.asked { display: flex; flex-wrap: wrap; gap: 1.25rem; align-items: flex-start; }
.asked > div:last-child { flex: 1 1 30rem; min-width: 0; }
.picture { display: grid; place-items: center; background: var(--mat); aspect-ratio: 4 / 3; overflow: hidden; }
.picture > svg { height: 100%; }
.picture.query { width: 280px; max-width: 100%; border-radius: 6px; flex: none; }
.absent { padding: .5rem; text-align: center; }
.hits { list-style: none; margin: 0; padding: 0; display: grid; gap: .5rem; grid-template-columns: repeat(10, 1fr); }
@media (max-width: 1100px) { .hits { grid-template-columns: repeat(5, 1fr); } }
@media (max-width: 600px) { .hits { grid-template-columns: repeat(2, 1fr); } }
.card { background: var(--card); border: 1px solid var(--edge); border-top: 4px solid; border-radius: 6px; min-width: 0;
  overflow: hidden; }
.is-right { border-top-color: #1b7f4b; } .is-wrong { border-top-color: #b3322b; }
.is-junk { border-top-color: #6b6b70; }
.is-junk .picture { opacity: .5; }
.card p { margin: 0; padding: .2rem .4rem 0; display: flex; flex-wrap: wrap; gap: 0 .25rem; align-items: baseline; }
.card .mark { padding: 0 .3rem; }
.card p:last-child { padding-bottom: .3rem; }
.card p.cut { display: block; white-space: nowrap; overflow: hidden; text-overflow: ellipsis;
  unicode-bidi: isolate; }
svg.ranks { width: 260px; height: 18px; }
.steps { stroke: var(--edge); fill: none; } .found { stroke: #1b7f4b; stroke-width: 2; fill: none; }
@media (prefers-color-scheme: dark) { .found { stroke: #4fbf85; } }
"""
