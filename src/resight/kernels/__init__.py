"""Compiled functions, where their code is kept, and the checks that let them read arrays from a disk."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
