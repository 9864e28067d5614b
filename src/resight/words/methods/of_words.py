"""What methods of visual words have in common; a new weighting of bags is one subclass of `BagOfWords`."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from resight.features.kinds import FeaturesKind
from resight.learned.kinds import FitName, Keeps
from resight.learned.method import Layout, Method
from resight.learned.passes import Pass
from resight.learned.words import LOCAL_FEATURES, codebook_name, codebook_pass

if TYPE_CHECKING:
    from resight.arrays import Arrays, Float32, Float64, Int32, Int64
    from resight.features.extractor import Extractor
    from resight.features.local import LocalFeatures
    from resight.learned.method import Encoder
    from resight.words.evidence import ImageWords
    from resight.words.scoring import Scorer


Postings = Literal["bow", "hamming", "asmk"]
"""What a posting list has beside images: counts, a signature a feature, or one an image."""


class WordsMethod(Method):
    """Features as words of a codebook, searched by an inverted file.

    postings: what the lists have beside images.
    """

    section: ClassVar[str] = "words"
    layout: ClassVar[Layout] = "words"
    made_of: ClassVar[frozenset[str]] = LOCAL_FEATURES
    keeps: ClassVar[frozenset[Keeps]] = frozenset({Keeps.WORDS})
    postings: ClassVar[Postings]

    size: int = Field(default=65536, ge=2, le=1 << 26, description="Words in the codebook.")
    fit: FitName = Field(default="builtin", description='"builtin", "collection" or a path.')
    query_assignment: int = Field(default=1, ge=1, le=1000, description="Nearest words of a query feature.")

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({"centroids"})

    @property
    def meets_features(self) -> str:
        return "centroids"

    @property
    def passes(self) -> tuple[Pass, ...]:
        return (codebook_pass(self.size),)

    def shipped_name(self, features: FeaturesKind) -> str:
        return codebook_name(features, self.size)

    def encoder(self, extractor: Extractor[Any, Any], arrays: Arrays) -> Encoder:
        from resight.words.vocabulary import Vocabulary

        return Vocabulary(arrays, self)

    def signature_bits(self, dimensions: int) -> int:
        """Returns the length of a signature of descriptors of so many dimensions; 0 where there is none."""
        return 0

    @property
    def indexed_assignment(self) -> int:
        """The number of nearest words of a feature of an indexed image."""
        return 1

    @abstractmethod
    def quantised(
        self,
        features: LocalFeatures,
        words: Int32,
        distances: Float32,
        size: tuple[int, int],
        arrays: Arrays,
    ) -> ImageWords:
        """Returns an image of `size` (width, height) as words.

        words: (m, k), the nearest of each of its features, at distances (m, k).

        arrays: as floats.
        """

    @abstractmethod
    def scorer(self, bits: int) -> Scorer:
        """Returns the scorer of its words in a search; `bits` of a signature."""


class BagOfWords(WordsMethod):
    """Counts of each word in an image: the cosine of vectors of weighted counts.

    Subclasses say what a count and a word weigh.
    """

    keeps: ClassVar[frozenset[Keeps]] = frozenset({Keeps.WORDS, Keeps.BAGS})
    score_meaning: ClassVar[str] = "cosine of visual words, 0 to 1"
    postings: ClassVar[Postings] = "bow"
    # Philbin et al. (CVPR 2008), section 3: sigma^2 = 6250 for SIFT of norm 512, that is 0.154 at norm 1.
    # Of features that have several words.
    soft_sigma: float = Field(
        default=0.0, ge=0.0, le=1e6, description="Weights exp(-d^2 / 2 sigma^2) of the words; 0: off."
    )

    @property
    def is_counted(self) -> bool:
        """True where the weight of a word depends on how many images have it, so that a search must count them."""
        return True

    @abstractmethod
    def count_gain(self, count: Float64) -> Float64:
        """Returns the gain of a word's number of occurrences in an image, or of its summed weight."""

    def matched_gain(self, count: Float64) -> Float64:
        """Returns the gain in a match with the query; norms take `count_gain`."""
        return self.count_gain(count)

    @abstractmethod
    def word_weights(self, frequency: Int64, images: int) -> Float64:
        """Returns (codebook_size,) the weight of each word; `frequency` of the `images` have it."""

    def quantised(
        self,
        features: LocalFeatures,
        words: Int32,
        distances: Float32,
        size: tuple[int, int],
        arrays: Arrays,
    ) -> ImageWords:
        from resight.words.quantise import quantise_bow, soft_weights

        soft = words.shape[1] > 1 and self.soft_sigma > 0
        return quantise_bow(features, words, size, soft_weights(distances, self.soft_sigma) if soft else None)

    def scorer(self, bits: int) -> Scorer:
        from resight.words.scoring import BagScorer

        return BagScorer(self)
