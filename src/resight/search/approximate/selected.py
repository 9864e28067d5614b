"""Which positions a search of faiss may find."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import faiss
import numpy as np

from resight.arrays import Mask


@contextmanager
def selector(parameters: Any, chosen: Mask | None) -> Iterator[None]:
    """Lets a search with these parameters of faiss find chosen (n,) positions only; all where None."""
    if chosen is None:
        yield
        return
    bits = np.packbits(chosen, bitorder="little")
    # faiss keeps a pointer, so that both live until the search has ended.
    parameters.sel = only = faiss.IDSelectorBitmap(bits)  # type: ignore[call-arg, arg-type]
    yield
    del only
