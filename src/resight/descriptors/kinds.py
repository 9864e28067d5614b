"""The methods of descriptors that ship: a new one is entered here, in a line. Importing them loads nothing heavy."""

from __future__ import annotations

from typing import Annotated

from resight.descriptors.methods.cam import Cam as Cam
from resight.descriptors.methods.crow import Crow as Crow
from resight.descriptors.methods.fisher import Fisher as Fisher
from resight.descriptors.methods.gem import Gem as Gem
from resight.descriptors.methods.joined import Joined as Joined
from resight.descriptors.methods.mac import Mac as Mac
from resight.descriptors.methods.mop import Mop as Mop
from resight.descriptors.methods.netvlad import NetVlad as NetVlad
from resight.descriptors.methods.neural_codes import NeuralCodes as NeuralCodes
from resight.descriptors.methods.neural_codes import RegionCodes as RegionCodes
from resight.descriptors.methods.pooling import OfMaps as OfMaps
from resight.descriptors.methods.pooling import Pooling as Pooling
from resight.descriptors.methods.pyramid import Pyramid as Pyramid
from resight.descriptors.methods.regions import Matching as Matching
from resight.descriptors.methods.regions import Regional as Regional
from resight.descriptors.methods.regions import Regions as Regions
from resight.descriptors.methods.rmac import Rmac as Rmac
from resight.descriptors.methods.spoc import Spoc as Spoc
from resight.descriptors.methods.superglobal import SuperGlobalPooling as SuperGlobalPooling
from resight.descriptors.methods.vlad import Vlad as Vlad
from resight.descriptors.methods.whitened import Descriptor as Descriptor
from resight.descriptors.methods.whitened import Whitened as Whitened
from resight.learned.registered import OneOf

DescriptorKind = Annotated[Descriptor, OneOf("descriptor")]
"""Any of them, or of what other packages register."""
