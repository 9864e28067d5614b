"""Says in words what is wrong with a value that a person gave, where pydantic's are those of a programmer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_WHOLE, _NUMBER = "must be a whole number", "must be a number"
_SWITCH, _TEXT = "must be true or false", "must be a text"
_OF_TYPE = {
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing_size": "must be a whole number of fewer digits",
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": "must be a finite number",
    "bool_type": _SWITCH,
    "bool_parsing": _SWITCH,
    "string_type": _TEXT,
    "string_too_short": "must not be empty",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a table",
    "dataclass_type": "must be a table",
    "model_type": "must be a table",
    "missing": "is missing",
    "extra_forbidden": "is unknown",
    "unexpected_keyword_argument": "is unknown",
}
_LIMITS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
}
_COUNTS = {"too_long": ("max_length", "at most"), "too_short": ("min_length", "at least")}


def what_is_wrong(error: ErrorDetails) -> str:
    """Returns what is wrong with a value, to be read after its key: "must be at most 1"."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in _OF_TYPE:
        return _OF_TYPE[kind]
    if kind in _LIMITS:
        limit, how = _LIMITS[kind]
        bound = context[limit]
        return f"must be {how} {bound if isinstance(bound, int) else format(bound, 'g')}"
    if kind in _COUNTS:
        limit, how = _COUNTS[kind]
        return f"must have {how} {context[limit]} values"
    if kind == "literal_error":
        return f"must be {context['expected']}"
    if kind == "json_invalid":
        return f"is not JSON: {context['error']}"
    # Of checks of our own, which say it in words.
    return error["msg"].removeprefix("Value error, ")
