"""Which method is of which family: the one place where a new one is entered."""

from __future__ import annotations

from typing import Any

from resight.channels.fitting.codes import CodesFitting, MopFitting
from resight.channels.fitting.contract import Fitting, Method
from resight.channels.fitting.exhaustive import ExhaustiveFitting
from resight.channels.fitting.joined import JoinedFitting
from resight.channels.fitting.netvlad import NetVladFitting
from resight.channels.fitting.pooled import CamFitting, PooledFitting
from resight.channels.fitting.vectors import FisherFitting, VladFitting
from resight.channels.fitting.words import HammingFitting, WordsFitting
from resight.descriptors.kinds import (
    Cam,
    Crow,
    Fisher,
    Gem,
    Joined,
    Mac,
    Mop,
    NetVlad,
    NeuralCodes,
    RegionCodes,
    Regions,
    Rmac,
    Spoc,
    SuperGlobalPooling,
    Vlad,
)
from resight.search.kinds import Exhaustive
from resight.words.kinds import Asmk, Bow, Hamming


def fitting_of(method: Method) -> Fitting[Any]:
    """How a method is fitted. The type checker sees whether a kind is missing."""
    match method:
        case Bow() | Asmk():
            return WordsFitting(method)
        case Hamming():
            return HammingFitting(method)
        case Vlad():
            return VladFitting(method)
        case Fisher():
            return FisherFitting(method)
        case Mac() | Spoc() | Gem() | Crow() | Rmac() | SuperGlobalPooling() | Regions():
            return PooledFitting(method)
        case Cam():
            return CamFitting(method)
        case NeuralCodes() | RegionCodes():
            return CodesFitting(method)
        case Mop():
            return MopFitting(method)
        case NetVlad():
            return NetVladFitting(method)
        case Joined():
            return JoinedFitting(method)
        case Exhaustive():
            return ExhaustiveFitting(method)
