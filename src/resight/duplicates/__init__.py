"""Which photos are there more than once, decided on the evidence that an index keeps."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
