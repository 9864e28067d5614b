"""Functions compiled at the first call, and kept for later processes where safe, else compiled every time."""

from __future__ import annotations

import hashlib
import logging
import pickle
import sys
import time
from collections.abc import Callable, Iterable
from types import CodeType, FunctionType
from typing import Any, Literal, TypeVar, cast

import numba
import numpy as np
from llvmlite.binding import address_of_symbol
from numba.core import caching, serialize
from numba.core.compiler import CompileResult
from numba.core.runtime.nrt import rtsys

from resight.kernels.compiled_files import CompiledFiles

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

_log = logging.getLogger(__name__)

TOLD_AFTER = 1.0
"""Seconds of compiling after which the person is told the reason for the delay."""


def kernel(
    *,
    fastmath: Iterable[str] = (),
    error_model: Literal["python", "numpy"] = "python",
    inline: Literal["never", "always"] = "never",
) -> Callable[[FunctionT], FunctionT]:
    """Marks a function to be compiled for the processor at its first call, and to run without the interpreter's lock.

    The options are numba's: which reorderings of floating-point operations are allowed, the result of a division by
    zero, and whether the function is inlined into its callers.
    """

    def compiled(function: FunctionT) -> FunctionT:
        found: Any = numba.njit(nogil=True, error_model=error_model, inline=inline, fastmath=set(fastmath))(function)
        # `cache=True` would raise where no folder can be written, and would read from any folder that can be.
        found._cache = _KeptKernel(function, repr((error_model, inline, sorted(fastmath))))
        return cast(FunctionT, found)

    return compiled


class _KeptKernel(caching.NullCache):
    """A cache that numba asks for a compiled function before compiling it, and gives the result afterwards."""

    def __init__(self, function: Callable[..., Any], options: str) -> None:
        self._function = function
        self._options = options
        self._files = CompiledFiles(sys.modules[function.__module__].__file__ or "", function.__qualname__)
        self._fingerprint = ""
        self._begun = 0.0

    def load_overload(self, sig: tuple[Any, ...], target_context: Any) -> Any:
        """Returns the function compiled for arguments of these types, or None."""
        found = None
        if data := self._files.read(self._key(sig, target_context.codegen())):
            found = _restored(data, target_context)
            if found is not None and found.signature.args != tuple(sig):
                found = None
        self._begun = time.perf_counter()
        return found

    def save_overload(self, sig: tuple[Any, ...], data: Any) -> None:
        """Keeps a compiled function where possible."""
        kept = False
        if not data.lifted and not data.library.has_dynamic_globals:
            kept = self._files.write(self._key(sig, data.codegen), _serialised(data))
        _watch.compiled(time.perf_counter() - self._begun, kept)

    def _key(self, sig: tuple[Any, ...], codegen: Any) -> str:
        # Not before the first call: kernels that the function calls may be defined below it.
        self._fingerprint = self._fingerprint or fingerprint(self._function)
        versions = (numba.__version__, sys.version_info[:3], np.__version__, codegen.magic_tuple())
        # NUMBA_BOUNDSCHECK: whoever asks for checks must not be given code without.
        checked = numba.config.BOUNDSCHECK  # type: ignore[attr-defined]
        return repr((tuple(map(str, sig)), self._options, versions, checked, self._fingerprint))


class _Watch:
    """A notice to the person, given once, that this process compiles."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._told = False

    def compiled(self, seconds: float, kept: bool) -> None:
        self._seconds += seconds
        if self._seconds > TOLD_AFTER and not self._told:
            self._told = True
            _log.info(
                "compiling for this processor, which takes a while and is done once"
                if kept
                else "compiling for this processor, at every start, because no folder for compiled code can be "
                "written: set RESIGHT_CACHE to a folder that only you can change"
            )


_watch = _Watch()


def _serialised(compiled: Any) -> bytes:
    """Returns a compiled function as bytes, with the names of all that it needs from outside."""
    module = compiled.library._final_module
    named = [one.name for every in (module.functions, module.global_variables) for one in every if one.is_declaration]
    outside = [name for name in named if not name.startswith("llvm.")]
    return bytes(serialize.dumps((outside, compiled._reduce())))  # type: ignore[no-untyped-call]


def _restored(data: bytes, target_context: Any) -> Any:
    try:
        outside, compiled = pickle.loads(data)
        rtsys.initialize(target_context)
        # Numba would load all that it can compile before it runs what is compiled, a sixth of a first search,
        # which is needed for what numba defines there alone; the process would end where that is missing.
        if not all(address_of_symbol(name) for name in outside):
            target_context.refresh()
        return CompileResult._rebuild(target_context, *compiled)  # type: ignore[no-untyped-call]
    # Whatever is wrong with the data, the function is compiled anew.
    except Exception as error:
        _log.debug("a compiled function cannot be read back: %s", error)
        return None


def fingerprint(function: Callable[..., Any]) -> str:
    """Returns a hash of everything that a compiled function depends on.

    That is its code, the constants that it names, and those of all kernels that it calls, in any module.
    """
    parts: list[object] = []
    waiting, seen = [function], {function}
    while waiting:
        one = waiting.pop()
        codes = [one.__code__]
        while codes:
            code = codes.pop()
            constants = [value for value in code.co_consts if not isinstance(value, CodeType)]
            codes += [value for value in code.co_consts if isinstance(value, CodeType)]
            parts.append((code.co_qualname, code.co_code, constants, code.co_names, code.co_varnames, code.co_freevars))
            for name in code.co_names:
                value = one.__globals__.get(name)
                called = getattr(value, "__wrapped__", None)
                if isinstance(called, FunctionType) and called not in seen:
                    seen.add(called)
                    waiting.append(called)
                elif isinstance(value, int | float | str | tuple | np.generic):
                    parts.append((name, value))
    return hashlib.sha256(repr(parts).encode()).hexdigest()
