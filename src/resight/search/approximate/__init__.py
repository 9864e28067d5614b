"""Approximate search of vectors: graphs and inverted files by faiss, whose recall is measured when they are made."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
