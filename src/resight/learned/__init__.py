"""What is fitted on photos and then frozen: codebooks, mixtures, whitenings; what a method says of its fit."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
