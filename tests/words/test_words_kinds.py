"""Parameters of visual words: what is refused."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from resight.words.kinds import Asmk, Bow, Hamming, WordsKind


def test_the_kind_chooses_the_model():
    adapter = TypeAdapter(WordsKind)
    for model in (Bow, Hamming, Asmk):
        assert adapter.validate_python({"kind": model().kind}) == model()


@pytest.mark.parametrize("wrong", [{"kind": "bow", "alpha": 3}, {"kind": "asmk", "alpha": 0}, {"kind": "fish"}])
def test_what_does_not_exist_is_refused(wrong):
    with pytest.raises(ValidationError):
        TypeAdapter(WordsKind).validate_python(wrong)
