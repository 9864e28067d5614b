"""resight finds the photos that show the same thing, and shows why each hit is a hit."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
