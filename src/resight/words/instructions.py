"""Two processor instructions for compiled code: counting bits, and asking for memory before it is needed."""

from __future__ import annotations

from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy import uint64

from resight.arrays import Array
from resight.kernels.compiling import kernel

LINE: Final = 64  # bytes that come from memory at once
AHEAD: Final = 256  # entries asked of memory before a kernel needs them: lists lie far apart, and most are short


@intrinsic
def _popcount(typing_context: Any, bits: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


@intrinsic
def _prefetch(typing_context: Any, address: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [pointer, number, number, number])
        ask = builder.module.declare_intrinsic("llvm.prefetch", [pointer], kind)
        to_read, into_second_level_cache, data = number(0), number(2), number(1)
        builder.call(ask, [builder.inttoptr(arguments[0], pointer), to_read, into_second_level_cache, data])
        return context.get_dummy_value()

    return types.void(types.uint64), generate


popcount: Any = _popcount  # compiled code calls them without the typing context
prefetch: Any = _prefetch


@kernel()
def prefetch_rows(rows: Array, start: int, stop: int) -> None:
    """Asks for rows start to stop of a C-contiguous array; nothing waits for them."""
    size = rows.itemsize if rows.ndim == 1 else rows.itemsize * rows.shape[1]
    first = uint64(rows.ctypes.data) + uint64(start * size)
    for line in range(first, first + uint64((stop - start) * size), uint64(LINE)):
        prefetch(line)


@kernel()
def prefetch_lists(
    starts: Array, stops: Array, images: Array, payload: Array, ahead: int, coming: int
) -> tuple[int, int]:
    """Asks for the lists that come next, from list `ahead` on, until `AHEAD` entries are under way; `coming` are.

    starts, stops: (q,) first entry and end of each list; images (p,) and payload (p,) or (p, w) of the entries. Returns
    both numbers as they are then; whoever reads a list takes its entries off `coming`.
    """
    while coming < AHEAD and ahead < len(starts):
        stop = min(starts[ahead] + 2 * AHEAD, stops[ahead])
        prefetch_rows(images, starts[ahead], stop)
        prefetch_rows(payload, starts[ahead], stop)
        coming += stops[ahead] - starts[ahead]
        ahead += 1
    return ahead, coming


@kernel()
def bit_distance(signatures: Array, row: int, wanted: Array) -> int:
    """Returns the number of bits in which one row of (n, w) uint64 signatures differs from `wanted`, (w,)."""
    total = popcount(signatures[uint64(row), uint64(0)] ^ wanted[0])
    for part in range(1, len(wanted)):
        total += popcount(signatures[uint64(row), uint64(part)] ^ wanted[uint64(part)])
    return int(total)
