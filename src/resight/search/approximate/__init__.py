"""Approximate search of vectors: graphs and inverted files by faiss, with the recall that they were measured to have."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
