"""Reports of long work to a person: three kinds of function that a caller may give."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Gets (done, total) of one piece of work."""
NamedProgress = Callable[[str, int, int], None]
"""Gets what is being done, and (done, total) of it: for work that has several parts."""
Say = Callable[[str], None]
"""Gets lines for a person."""
