"""Why photos were found by bags of words: the words of the query and of a hit, as the index keeps it, are compared."""

from __future__ import annotations

from typing import Final

from resight.images import Box
from resight.index.asking import ask
from resight.index.collection import Collection
from resight.index.queries import Query
from resight.index.views import BagView
from resight.rerank.windows import asked_words, within
from resight.words.shares import WordShare, word_shares

COUNT: Final = 5
"""Words that the explanation of a hit lists."""


def bag_channel(collection: Collection) -> str | None:
    """Returns the first channel of a collection that keeps bags of words, None where none does."""
    return next((key for key, view in collection.views.items() if isinstance(view, BagView)), None)


class SharedWords:
    """Compares the words of one query with those of hits.

    Raises UsageError where its box is bad, ImageError where it cannot be read.
    """

    def __init__(self, collection: Collection, channel: str, query: Query) -> None:
        """Turns the query into words of a channel that keeps bags of them, see `bag_channel`."""
        view = collection.views[channel]
        assert isinstance(view, BagView), "the caller has asked bag_channel"
        self._collection, self._view = collection, view
        self._query = ask(collection, query).versions[0][channel]

    def shares(self, name: str, window: Box | None, count: int = COUNT) -> list[WordShare]:
        """Returns the words that add most to the cosine of the query and an indexed photo, the largest share first.

        window: where the query was found in it; then the words in the query's box and those in the window are compared.
        """
        images = self._collection.snapshot.images
        image = self._view.words(int(images.ids[images.by_name[name]]))
        if window is None:
            return word_shares(self._query, image, self._view.word_vector, count)[1]
        return word_shares(asked_words(self._query), within(image, window), self._view.word_vector, count)[1]
