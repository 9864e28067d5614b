"""Descriptors that are kept as they are need no fit."""

from __future__ import annotations

from typing import Any

from resight.channels.channel import Arrays, Channel
from resight.channels.fitting.contract import Fitting, Pass
from resight.channels.fitting.naming import seen
from resight.features.extractor import Extractor
from resight.features.kinds import FeaturesKind
from resight.learned.whitening import POWER_ON_OTHERS
from resight.search.kinds import Exhaustive


class ExhaustiveFitting(Fitting[Exhaustive]):
    """Nothing."""

    @property
    def needs(self) -> set[str]:
        return set()

    @property
    def passes(self) -> tuple[Pass, ...]:
        return ()

    def shipped_name(self, features: FeaturesKind) -> str:
        return ""

    def fitted_for(self, features: FeaturesKind, power: float = POWER_ON_OTHERS) -> str:
        return seen(features)

    def build(self, extractor: Extractor[Any, Any], arrays: Arrays) -> Channel:
        from resight.channels.descriptors import DescriptorChannel

        return DescriptorChannel(extractor, self.method)
