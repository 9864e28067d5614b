"""Writes how a training went as one self-contained HTML file: curves, pairs of a step, and hits before and after."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from resight.arrays import Pixels
from resight.images.thumbnails import thumbnail
from resight.markup import plain_text
from resight.show.document import write_document
from resight.show.plots import Curve, curve_panels, legend_panel, plot
from resight.training.drawing import Step
from resight.training.examining import Examined
from resight.training.photos import TrainingPhotos
from resight.training.validation import Question, Validation
from resight.training.views import Views

SIDE = 160
"""Longest side of a thumbnail in pixels."""
PAIRS = 8
CHANGED = 6
"""Queries of each sort on the page: those that gained most, and those that lost most."""
HITS = 5


def write_report(
    path: Path,
    *,
    title: str,
    note: str,
    figures: Mapping[str, object],
    curve: Sequence[Mapping[str, Any]],
    step: Step | None,
    photos: TrainingPhotos,
    views: Views,
    validation: Validation,
    before: Examined,
    after: Examined,
) -> Path:
    """Writes the page, whole or not at all. curve: of each epoch. step: whose pairs are shown. Raises StorageError."""
    rows = "".join(f"<tr><th>{plain_text(k)}</th><td>{plain_text(str(v))}</td></tr>" for k, v in figures.items())
    parts = [f'<table class="figures">{rows}</table>', _curves(curve)]
    if step is not None:
        parts.append(_pairs(step, views))
    parts.append(_changed(photos, views, validation, before, after))
    return write_document(path, title=title, note=note, style=_STYLE, body="\n".join(parts))


def _curves(curve: Sequence[Mapping[str, Any]]) -> str:
    last = max((entry["epoch"] for entry in curve), default=0)
    if not last:
        return ""
    losses = [(entry["epoch"], entry["loss"]) for entry in curve if "loss" in entry]
    most = max((abs(loss) for _, loss in losses), default=0.0) or 1.0
    of_loss = Curve([epoch / last for epoch, _ in losses], [max(0.0, loss / most) for _, loss in losses], 0)
    of_scores = [
        Curve([entry["epoch"] / last for entry in curve], [entry.get(kind, math.nan) for entry in curve], number)
        for number, kind in enumerate(("real", "rendered"), start=1)
    ]
    charts = [("Loss, relative to its greatest", [of_loss]), ("mAP of what was held out", of_scores)]
    panels = curve_panels(f"share of {last} epochs", "", charts)
    legend = legend_panel(["loss", "real photos", "rendered views"])
    described = f"Loss fell from {losses[0][1]:.3f} to {losses[-1][1]:.3f}" if losses else "No loss"
    return f"<section>{plot('Curves', described, [*panels, legend])}</section>"


def _pairs(step: Step, views: Views) -> str:
    cards = []
    for anchor, positives, negatives in list(zip(step.anchors, step.positives, step.negatives, strict=True))[:PAIRS]:
        kind = "rendered" if positives and positives[0].photo == anchor.photo else "real"
        pictures = [(views.image(anchor), "", "anchor")]
        pictures += [(views.image(one), "right", f"{kind} positive") for one in positives[:1]]
        pictures += [(views.image(one), "wrong", "hard negative") for one in negatives[:2]]
        cards.append(f'<div class="strip">{"".join(_picture(*one) for one in pictures)}</div>')
    return f'<section><h2>What a step sees</h2><div class="strips">{"".join(cards)}</div></section>'


def _changed(photos: TrainingPhotos, views: Views, validation: Validation, before: Examined, after: Examined) -> str:
    change = np.array(after.score.aps) - np.array(before.score.aps)
    order = np.argsort(-change, kind="stable")
    gained = [number for number in order[:CHANGED].tolist() if change[number] > 0]
    lost = [number for number in order[::-1][:CHANGED].tolist() if change[number] < 0]
    sections = []
    for heading, numbers in (("Queries that gained most", gained), ("Queries that lost most", lost)):
        rows = []
        for number in numbers:
            question = validation.questions[number]
            asked = _picture(views.image(question.seen), "", f"{question.kind} query")
            strips = []
            for what, one in (("before", before), ("after", after)):
                hits = _hits(question, validation, one.similarity[number])
                pictures = "".join(_picture(photos[row], verdict, verdict) for row, verdict in hits)
                strips.append(
                    f'<p class="quiet">{what}: AP {one.score.aps[number]:.3f}</p><div class="strip">{pictures}</div>'
                )
            rows.append(f'<div class="query">{asked}<div>{"".join(strips)}</div></div>')
        nothing = "" if rows else '<p class="quiet">none</p>'
        sections.append(f"<section><h2>{heading}</h2>{nothing}{''.join(rows)}</section>")
    return "".join(sections)


def _hits(question: Question, validation: Validation, similarity: np.ndarray) -> list[tuple[int, str]]:
    found = []
    for row in validation.database[np.argsort(-similarity, kind="stable")].tolist():
        if row == question.seen.photo and row not in question.positives:
            continue
        verdict = "right" if row in question.positives else "junk" if row in question.junk else "wrong"
        found.append((row, verdict))
        if len(found) == HITS:
            break
    return found


def _picture(pixels: Pixels, style: str, text: str) -> str:
    one = thumbnail(np.ascontiguousarray(pixels), 1.0, SIDE)
    mark = f'<span class="mark {style}">{plain_text(text)}</span>' if style else f'<span class="quiet">{text}</span>'
    return (
        f'<figure><img alt="{plain_text(text)}" width="{one.width}" height="{one.height}" src="{one.uri}"/>'
        f"<figcaption>{mark}</figcaption></figure>"
    )


_STYLE = """
.figures { margin-top: 1rem; border-collapse: collapse; font-variant-numeric: tabular-nums; }
.figures th { text-align: left; font-weight: 400; padding: .1rem 1.5rem .1rem 0; }
.strips { display: flex; flex-wrap: wrap; gap: 1.2rem 2rem; margin-top: .8rem; }
.strip { display: flex; flex-wrap: wrap; gap: .4rem; } .strip img { height: 110px; width: auto; display: block; }
.query { display: flex; gap: 1.2rem; margin-top: 1rem; align-items: center; }
.query > figure img { height: 160px; width: auto; display: block; }
"""
