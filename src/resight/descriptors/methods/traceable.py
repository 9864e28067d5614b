"""Methods of which each position's part in a similarity is known: `contributions.py` computes it."""

from __future__ import annotations

from resight.descriptors.methods.pooling import SummedPooling
from resight.descriptors.methods.rmac import Rmac

Traceable = SummedPooling | Rmac
"""A vector that is a sum over positions, or over regions each of which is."""
