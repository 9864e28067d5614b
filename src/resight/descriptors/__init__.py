"""Local features or feature maps to one vector an image, or one a region."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
