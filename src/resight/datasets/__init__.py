"""Photos with ground truth: published benchmarks, folders of your own, and files of ground truth."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
