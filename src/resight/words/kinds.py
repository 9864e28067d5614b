"""The methods of visual words that ship: a new one is entered here, in a line. Importing them loads nothing heavy."""

from __future__ import annotations

from typing import Annotated

from resight.learned.registered import OneOf
from resight.words.methods.asmk import Asmk as Asmk
from resight.words.methods.blcf import Blcf as Blcf
from resight.words.methods.bow import Bow as Bow
from resight.words.methods.hamming import Hamming as Hamming
from resight.words.methods.of_words import BagOfWords as BagOfWords
from resight.words.methods.of_words import WordsMethod as WordsMethod

WordsKind = Annotated[WordsMethod, OneOf("words")]
"""Any of them, or of what other packages register."""
