"""resight finds the photos that show the same thing, and shows why each hit is a hit."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from resight.duplicates.report import DuplicateGroup, DuplicateLink, DuplicatePhoto, Duplicates
    from resight.errors import ResightError
    from resight.evaluation.protocols import evaluate
    from resight.folders.names import Name
    from resight.images import decode
    from resight.index.checking import VerifyReport
    from resight.index.contents import IndexInfo
    from resight.index.index import Index
    from resight.index.report import AddReport
    from resight.index.results import Hit, Result
    from resight.recipe import Recipe, available, load_recipe, register
    from resight.rerank.pairs import match

__all__ = [
    "AddReport",
    "DuplicateGroup",
    "DuplicateLink",
    "DuplicatePhoto",
    "Duplicates",
    "Hit",
    "Index",
    "IndexInfo",
    "Name",
    "Recipe",
    "ResightError",
    "Result",
    "VerifyReport",
    "__version__",
    "available",
    "decode",
    "evaluate",
    "load_recipe",
    "match",
    "register",
]

_HOMES = {
    "ResightError": "errors",
    "__version__": "versions",
    "decode": "images",
    "evaluate": "evaluation.protocols",
    "match": "rerank.pairs",
    **dict.fromkeys(("DuplicateGroup", "DuplicateLink", "DuplicatePhoto", "Duplicates"), "duplicates.report"),
    "IndexInfo": "index.contents",
    "Index": "index.index",
    "VerifyReport": "index.checking",
    "Name": "folders.names",
    **dict.fromkeys(("Recipe", "available", "load_recipe", "register"), "recipe"),
    **dict.fromkeys(("Hit", "Result"), "index.results"),
    "AddReport": "index.report",
}


def __getattr__(name: str) -> Any:
    """Imports what is asked for when it is asked for: `import resight` alone costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'resight' has no attribute '{name}'")
    return getattr(import_module(f"resight.{_HOMES[name]}"), name)
