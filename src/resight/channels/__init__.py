"""The channels of a recipe: extractor, encoder, layout and searcher of each; extraction and fits."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
