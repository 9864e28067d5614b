"""torch, on the processor or on a graphics card."""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from resight.features.runtimes.layer import LayerMaps
from resight.features.runtimes.torch_inputs import TorchInputs
from resight.features.runtimes.winograd import use_winograd
from resight.forks import check_not_forked

CPU_PIXELS = 1 << 21
"""Most pixels of a batch: VGG's first layers keep 512 bytes a pixel, which makes a gigabyte; larger batches are no
faster on a processor."""
_CUDA_PIXELS = 1 << 25
_CUDA_BYTES_PER_PIXEL = 2048


class TorchRuntime(TorchInputs):
    """A runtime of layers in torch. bfloat16: weights and activations, with float32 sums and maps.

    Notes: in float32 the weights are those of the network itself, which moves to the device; in bfloat16 they are a
    copy. On the processor, float32 convolutions use Winograd's algorithm where that is faster. Full precision on a
    graphics card means no TF32.
    """

    name = "torch"

    def __init__(self, layer: LayerMaps, precision: str, device: torch.device) -> None:
        self.device = device
        self._dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        shared = {id(each): each for each in layer.parameters()} if precision == "float32" else {}
        own = copy.deepcopy(layer, shared)
        if precision == "float32" and device.type == "cpu":
            use_winograd(own)
        own = own.to(device=device, dtype=self._dtype)
        self._layer = own.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.most_pixels = CPU_PIXELS
        if device.type == "cuda":
            check_not_forked("CUDA")
            free, _ = torch.cuda.mem_get_info(device)
            self.most_pixels = min(_CUDA_PIXELS, max(1, free // _CUDA_BYTES_PER_PIXEL))

    def run(self, x: Tensor) -> tuple[Tensor, ...]:
        if self.device.type == "cuda":
            check_not_forked("CUDA")
        with torch.inference_mode(), self._full_precision():
            found: tuple[Tensor, ...] = self._layer(x.to(dtype=self._dtype, memory_format=torch.channels_last))
            return tuple(maps.to(dtype=torch.float32, memory_format=torch.contiguous_format) for maps in found)

    def _full_precision(self) -> AbstractContextManager[None]:
        if self.device.type != "cuda":
            return nullcontext()
        return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=False, allow_tf32=False)
