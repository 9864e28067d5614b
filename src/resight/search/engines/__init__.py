"""Search by engines on other machines: they say which vectors are nearest, and the index knows everything else."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
