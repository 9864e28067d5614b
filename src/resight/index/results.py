"""What a search returns: hits, best first, each with what speaks for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from resight.errors import ImageError, UsageError
from resight.images import Box, label_of, parse_frame
from resight.index.files import IndexedFile
from resight.probability.verdict import VERDICTS, Verdict, verdict
from resight.search.ranking import Verification


@dataclass(frozen=True)
class Hit:
    """One image of a ranking; its name is a `Name`, which asks for the image again even where there is such a file.

    inliers and transform (3 x 3, query pixels to image pixels) are None where nothing was verified; `verification` has
    the matched points. box: where the query was found, in original pixels, by the transform or by a window of words;
    None where nothing says so. query: which of several queries the
    verification is of, from 0. copy: its file has every byte of the query's, which makes it certain. mirrored: it shows
    the query as a mirror does; the transform is of the query as it is, and mirrors. probability: calibrated, that it
    shows what the query shows. others: names of more frames of the same shot of a video that are hits, best first; a
    shot is one hit. file: what it was indexed from, which need not be there any more.
    """

    name: str
    score: float
    inliers: int | None = None
    transform: list[list[float]] | None = None
    box: Box | None = None
    verification: Verification | None = None
    query: int = 0
    copy: bool = False
    mirrored: bool = False
    probability: float = 0.0
    others: tuple[str, ...] = ()
    file: IndexedFile | None = field(default=None, repr=False, compare=False)

    @property
    def verdict(self) -> Verdict:
        """The word for the probability."""
        return verdict(self.probability)

    @property
    def time(self) -> float | None:
        """Seconds from the start of the video that it is a frame of; None of a photo."""
        frame = parse_frame(self.name)
        return None if frame is None else frame.time

    @property
    def video(self) -> str | None:
        """The name of the video that it is a frame of; None of a photo."""
        frame = parse_frame(self.name)
        return None if frame is None else frame.video

    @property
    def label(self) -> str:
        """What a person calls it: its name or, of a frame, "clip.mp4 at 0:12"."""
        return label_of(self.name)

    def to_dict(self) -> dict[str, Any]:
        """Returns the hit for JSON, without the matched points; boxes are [x0, y0, x1, y1] or None."""
        frame = {} if self.time is None else {"video": self.video, "time": self.time, "others": [*self.others]}
        return {
            "name": str(self.name),
            **frame,
            "score": float(self.score),
            "probability": round(self.probability, 4),
            "verdict": self.verdict,
            "inliers": self.inliers,
            "transform": self.transform,
            "box": None if self.box is None else list(self.box),
            "copy": self.copy,
            "mirrored": self.mirrored,
        }


@dataclass(frozen=True)
class Result:
    """The answer to one query, best first. size: (width, height) of the query photo; seconds: of the search alone.

    error: what is wrong with the query, of several that were asked by `search_many`; then there are no hits. It holds
    nothing of the index open. note: what a person has to know of the query, in a sentence. drawn: of each of the
    queries whether its lines counted, as those of a drawing, or its edges; None where the recipe compares neither. In a
    notebook it is a picture of its first hits, whose files are read when it is shown.
    """

    query: str
    box: Box | None
    hits: list[Hit]
    seconds: float
    size: tuple[int, int] = (0, 0)
    error: ImageError | UsageError | None = None
    note: str = ""
    drawn: tuple[bool | None, ...] = ()

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    def __len__(self) -> int:
        return len(self.hits)

    def __getitem__(self, rank: int) -> Hit:
        """Returns the hit at a rank from 0."""
        return self.hits[rank]

    def _repr_html_(self) -> str:
        """Returns the picture that a notebook shows of the result."""
        from resight.index.notebook import result_html

        return result_html(self)

    def to_dict(self) -> dict[str, Any]:
        """Returns the query, its box and its hits for JSON, and the error of one that has any."""
        box = None if self.box is None else list(self.box)
        wrong = {} if self.error is None else {"error": str(self.error)}
        wrong |= {"note": self.note} if self.note else {}
        return {"query": self.query, "box": box, "hits": [hit.to_dict() for hit in self.hits]} | wrong

    def by_verdict(self) -> list[tuple[Verdict, list[tuple[int, Hit]]]]:
        """Returns ranks, from 1, and hits of each verdict that there is, "sure" first; best first in each."""
        ranked = list(enumerate(self.hits, start=1))
        parts = [(one, [(rank, hit) for rank, hit in ranked if hit.verdict == one]) for one in VERDICTS]
        return [(one, part) for one, part in parts if part]
