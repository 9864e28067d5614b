"""An index on disk: what folders hold, changes, one generation opened for searching, answers and reports."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
