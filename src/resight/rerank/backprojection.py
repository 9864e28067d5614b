"""The query as verified images show it: the words of their features that project back into its region."""

from __future__ import annotations

import numpy as np

from resight.arrays import Float64
from resight.images import Box
from resight.search.looks import BagCollection
from resight.search.ranking import Ranking
from resight.words.evidence import ImageWords, WordVector


def bounds(words: ImageWords) -> Box:
    """Returns (x0, y0, x1, y1) around all features of an image; a query with a box has features inside it only."""
    low, high = words.xy.min(axis=0), words.xy.max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def back_projected(image: ImageWords, transform: Float64, region: Box) -> ImageWords:
    """Returns the words of `image` whose features lie, through the inverse of `transform`, in a region of the query.

    transform: (3, 3), query pixels to image pixels. The result has one feature for each word, at its place in the
    query; scales, angles and the size stay those of `image`. What is behind the horizon of a homography is not seen.
    """
    mapped = np.column_stack([image.xy.astype(np.float64), np.ones(len(image.xy))]) @ np.linalg.inv(transform).T
    with np.errstate(divide="ignore", invalid="ignore"):
        xy = mapped[:, :2] / mapped[:, 2:]
    x0, y0, x1, y1 = region
    inside = (xy[:, 0] >= x0) & (xy[:, 0] <= x1) & (xy[:, 1] >= y0) & (xy[:, 1] <= y1) & (mapped[:, 2] > 0)
    kept = inside[image.features]
    features = image.features[kept]
    return ImageWords(
        words=image.words[kept],
        features=np.arange(len(features), dtype=np.int32),
        xy=xy[features].astype(np.float32),
        scale=image.scale[features],
        angle=image.angle[features],
        size=image.size,
        weights=None if image.weights is None else image.weights[kept],
    )


def verified_vectors(
    query: ImageWords, ranking: Ranking, collection: BagCollection, top: int, min_inliers: int
) -> list[WordVector]:
    """L2-normalised vectors of the first `top` images with `min_inliers`, in the order of the ranking.

    Of each image only the words in the query's region count; an image without weight there is left out.
    """
    sure = [i for i in ranking.ids.tolist() if i in ranking.verified and ranking.verified[i].inliers >= min_inliers]
    if not sure:
        return []
    region = bounds(query)
    vectors = []
    for image in sure[:top]:
        words = back_projected(collection.words(image), ranking.verified[image].transform, region)
        vectors.append(collection.word_vector(words))
    return normalised(vectors)


def normalised(vectors: list[WordVector]) -> list[WordVector]:
    """Returns the vectors with L2 norm 1, without those that have none."""
    norms = [float(np.linalg.norm(vector.values)) for vector in vectors]
    return [WordVector(v.words, v.values / norm) for v, norm in zip(vectors, norms, strict=True) if norm > 0]
