"""What a fit keeps."""

from __future__ import annotations

import numpy as np
import pytest

import resight.channels.fitting as module
from resight.channels.fitting import fit_arrays
from resight.learned.artefact import dequantise
from resight.learned.assignment import FILTER_LIMIT, Assigner
from resight.learned.codebook import POINTS_PER_WORD
from resight.words.kinds import Bow


@pytest.mark.slow
def test_a_large_codebook_keeps_its_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    size = FILTER_LIMIT + 1
    rng = np.random.default_rng(0)
    monkeypatch.setattr(module, "fit_codebook", lambda x, size, rng, progress: x[:size])
    sample = rng.random((size * POINTS_PER_WORD, 4), np.float32)
    arrays = dequantise(fit_arrays(Bow(size=size), sample, 0))
    assigner = Assigner(arrays["centroids"], arrays["graph"])
    words, _ = assigner.assign(arrays["centroids"][::997])
    assert (words[:, 0] == np.arange(0, size, 997)).mean() > 0.98
