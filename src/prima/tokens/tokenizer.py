"""Series in, tokens out: the encoder run over foreground patches in micro-batches of fixed size.

The size of a micro-batch never depends on memory or on what else waits, so the same series gives the same numbers.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import torch

from prima.study import Series
from prima.tokens.batch import SeriesTokens
from prima.tokens.contract import PLANE_AXIS, Contract
from prima.tokens.fast_encoder import FastEncoder, cpu_has_matrix_tiles
from prima.tokens.patches import Patches, cut_patches
from prima.tokens.resample import orient
from prima.tokens.text import name_of
from prima.tokens.vqvae import Encoder

# About ten patches keep one layer's activations inside the caches of a CPU core; a GPU wants many more.
MICRO_BATCH_CPU = 10
MICRO_BATCH_CUDA = 256


def patches_of(series: Series, contract: Contract) -> Patches:
    """All that happens to a series before the encoder: resample, turn, cut, choose the foreground."""
    return cut_patches(orient(series.volume, contract), contract)


class Tokenizer:
    """An encoder made ready for one device and one precision.

    Args:
        encoder: the trained encoder, in float32 on the CPU.
        contract: how voxels become patches.
        device: where to run.
        dtype: torch.bfloat16 or torch.float32.
    """

    def __init__(self, encoder: Encoder, contract: Contract, *, device: torch.device, dtype: torch.dtype) -> None:
        self.contract = contract
        self.device = device
        self.dtype = dtype
        self.micro_batch = MICRO_BATCH_CPU if device.type == "cpu" else MICRO_BATCH_CUDA
        self.encode = _ready(encoder, device, dtype)

    def tokenize(self, series: Series, patches: Patches | None = None, *, with_name: bool = True) -> SeriesTokens:
        """Tokens of one series.

        Args:
            series: the series; only its text is used when `patches` is given.
            patches: what `patches_of` made of it, when that was done ahead.
            with_name: whether the name of the series may be seen.
        """
        if patches is None:
            patches = patches_of(series, self.contract)
        return SeriesTokens(
            latents=self.latents(patches),
            coordinates=patches.coordinates,
            plane=patches.plane,
            name=name_of(series) if with_name else "",
            num_patches=patches.num_patches,
        )

    @torch.inference_mode()
    def latents(self, patches: Patches) -> torch.Tensor:
        """Latents [K, width] of the kept patches, plane axis first, flattened, in the encoder's dtype on the CPU."""
        pieces = [
            self._encode(patches, slice(start, start + self.micro_batch))
            for start in range(0, patches.num_kept, self.micro_batch)
        ]
        return flatten_latents(torch.cat(pieces), patches.plane)

    def _encode(self, patches: Patches, rows: slice) -> torch.Tensor:
        voxels = patches.for_encoder(self.contract, rows).to(self.device, self.dtype)
        return self.encode(voxels.contiguous(memory_format=torch.channels_last_3d)).cpu()

    def tokenize_study(self, series: Sequence[Series], *, with_names: bool = True) -> tuple[SeriesTokens, ...]:
        """Tokens of several series, in order."""
        return tuple(self.tokenize(one, with_name=with_names) for one in series)


def _ready(encoder: Encoder, device: torch.device, dtype: torch.dtype) -> Callable[[torch.Tensor], torch.Tensor]:
    ready = copy.deepcopy(encoder).to(device=device, dtype=dtype).to(memory_format=torch.channels_last_3d).eval()  # type: ignore[call-overload]
    if device.type == "cpu" and not cpu_has_matrix_tiles():
        return FastEncoder(ready, encoder)
    return ready


def flatten_latents(latents: torch.Tensor, plane: str) -> torch.Tensor:
    """[n, C, z, y, x] → [n, C·z·y·x] with the plane axis exchanged with z first, as the published rows have it."""
    return latents.transpose(2, 2 + PLANE_AXIS[plane]).flatten(start_dim=1)
