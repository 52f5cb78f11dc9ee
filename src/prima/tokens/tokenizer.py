"""Series in, tokens out: the encoder run over foreground patches in micro-batches of fixed size.

The size of a micro-batch never depends on memory or on what else waits, so the same series gives the same numbers.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import nn

from prima.study import Series
from prima.tokens.contract import PLANE_AXIS, Contract
from prima.tokens.fast_encoder import FastEncoder, cpu_has_matrix_tiles
from prima.tokens.patches import Patches, cut_patches
from prima.tokens.precision import one_thread_workers
from prima.tokens.resample import orient
from prima.tokens.vqvae import Encoder

# About ten patches keep one layer's activations inside the caches of a CPU core; a GPU wants many more.
MICRO_BATCH_CPU = 10
MICRO_BATCH_CUDA = 256


def patches_of(series: Series, contract: Contract) -> Patches:
    """All that happens to a series before the encoder: resample, turn, cut, choose the foreground."""
    return cut_patches(orient(series.volume, contract), contract)


class Tokenizer:
    """An encoder made ready for one device and one precision.

    Every patch enters with its slices along z, whatever its plane: the patch is turned, and so are the kernels, which
    gives the same latents, turned as the token rows want them, and one shape for the processor to be fast at. A flat
    encoder was trained on turned patches, and its kernels stay.

    Args:
        encoder: the trained encoder, in float32 on the CPU.
        contract: how voxels become patches.
        device: where to run.
        dtype: torch.bfloat16 or torch.float32.
    """

    def __init__(self, encoder: Encoder, contract: Contract, *, device: torch.device, dtype: torch.dtype) -> None:
        self.source = encoder.eval()
        self.contract = contract
        self.device = device
        self.dtype = dtype
        flat = encoder.config.flat_slices > 0
        self.micro_batch = MICRO_BATCH_CUDA if flat or device.type != "cpu" else MICRO_BATCH_CPU
        self._encoders: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {}
        self._workers = one_thread_workers(torch.get_num_threads()) if device.type == "cpu" else None

    def prepare(self) -> None:
        """Turn the kernels for all planes and run each encoder once, so that the first study need not wait for it."""
        shape = self.contract.encoder_shape("axial")
        with torch.inference_mode():
            for plane in PLANE_AXIS:
                voxels = torch.zeros(1, 1, *shape, device=self.device, dtype=self.dtype)
                self._encoder(plane)(voxels.contiguous(memory_format=torch.channels_last_3d))

    @torch.inference_mode()
    def latents(self, patches: Patches, on_tokens: Callable[[int], None] | None = None) -> torch.Tensor:
        """Latents [K, width] of the kept patches on the CPU, plane axis first, flattened, in the encoder's dtype.

        Args:
            patches: of one series.
            on_tokens: told after each micro-batch how many tokens of the series are encoded.
        """
        encoder = self._encoder(patches.plane)

        def encode(start: int) -> torch.Tensor:
            return self._encode(encoder, patches, slice(start, start + self.micro_batch))

        starts = range(0, patches.num_kept, self.micro_batch)
        pieces = []
        for piece in self._workers.map(encode, starts) if self._workers else map(encode, starts):
            pieces.append(piece)
            if on_tokens is not None:
                on_tokens(min(len(pieces) * self.micro_batch, patches.num_kept))
        return torch.cat(pieces).flatten(start_dim=1)

    @torch.inference_mode()
    def _encode(self, encoder: Callable[[torch.Tensor], torch.Tensor], patches: Patches, rows: slice) -> torch.Tensor:
        voxels = patches.for_encoder(self.contract, rows).transpose(2, 2 + PLANE_AXIS[patches.plane])
        voxels = voxels.to(self.device, self.dtype).contiguous(memory_format=torch.channels_last_3d)
        return encoder(voxels).cpu()

    def _encoder(self, plane: str) -> Callable[[torch.Tensor], torch.Tensor]:
        if plane not in self._encoders:
            if self.source.config.flat_slices:
                return self._flat_encoder()
            turned = turn_kernels(self.source, PLANE_AXIS[plane])
            ready = copy.deepcopy(turned).to(device=self.device, dtype=self.dtype)
            ready = ready.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
            use_fast = self.device.type == "cpu" and not cpu_has_matrix_tiles()
            self._encoders[plane] = FastEncoder(ready, turned) if use_fast else ready
        return self._encoders[plane]

    def _flat_encoder(self) -> Callable[[torch.Tensor], torch.Tensor]:
        ready: Encoder = copy.deepcopy(self.source).to(device=self.device, dtype=self.dtype)
        ready.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._encoders |= dict.fromkeys(PLANE_AXIS, ready)
        return ready


def turn_kernels(encoder: Encoder, plane_axis: int) -> Encoder:
    """The encoder that does to a patch with z and the plane axis exchanged what the given one does to the patch."""
    if plane_axis == 0:
        return encoder
    turned = copy.deepcopy(encoder)
    for module in turned.modules():
        if isinstance(module, nn.Conv3d):
            module.weight.data = module.weight.data.transpose(2, 2 + plane_axis).contiguous()
    return turned
