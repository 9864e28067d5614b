"""Query expansion with the windows in which the query was found: local query expansion."""

from __future__ import annotations

from resight.rerank.backprojection import normalised
from resight.rerank.expansion import ask_again, mean_vector
from resight.rerank.window_kinds import WindowExpansion
from resight.rerank.windows import asked_words, within
from resight.search.looks import BagCollection
from resight.search.ranking import Ranking
from resight.words.evidence import ImageWords


class WindowExpansionLook:
    """Asks again with the mean of the query's vector and those of the first `top` images, each of its window alone.

    The query's is that of its box; windows are those of a stage before this one, and an image without one counts whole.

    Source: Mohedano et al., ICMR 2016, section 5.3: local query expansion.
    """

    def __init__(self, params: WindowExpansion, collection: BagCollection) -> None:
        self.params = params
        self._collection = collection

    def __call__(self, query: ImageWords, ranking: Ranking) -> Ranking:
        """Returns the ranking for the query and the windows together."""
        collection = self._collection
        asked = normalised([collection.word_vector(asked_words(query))])
        if not asked:
            return ranking
        parts = []
        for image in ranking.ids[: self.params.top].tolist():
            words = collection.words(image)
            box = ranking.boxes.get(image)
            parts.append(collection.word_vector(words if box is None else within(words, box)))
        return ask_again(mean_vector([*asked, *normalised(parts)]), ranking, collection)
