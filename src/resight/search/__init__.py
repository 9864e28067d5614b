"""Nearest first: exact search of vectors, regions, posting lists and descriptors."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
