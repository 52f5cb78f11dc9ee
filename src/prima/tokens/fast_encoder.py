"""The VQ-VAE encoder for predicting on a CPU without matrix tiles: the same network, its large convolutions in the
Winograd domain.

Used where the processor has no AMX: with it the direct convolutions run at several times the rate, and the additions
around the products would cost more than they save.
"""

from __future__ import annotations

from threading import Lock

import torch
from torch import nn

from prima.tokens.vqvae import Encoder, ResidualUnit
from prima.tokens.winograd import SHORT_AXES, WinogradConv

# Below this many channels the transforms cost more than the products they save.
MIN_CHANNELS = 128
# Below this many positions of the two longer axes the library is as fast with the direct form.
MIN_LONG_AXIS = 8


def cpu_has_matrix_tiles() -> bool:
    """Whether this processor has AMX."""
    return bool(torch.cpu._is_amx_tile_supported())


class FastEncoder:
    """An encoder's answer, computed with fewer multiplications.

    Args:
        encoder: on the CPU, already in the wanted dtype and in channels_last_3d.
        source: the same encoder in full precision, from which the transformed kernels are made.
    """

    def __init__(self, encoder: Encoder, source: Encoder) -> None:
        self.encoder = encoder
        self.source = source
        self.dtype = encoder.to_latent.weight.dtype
        self._convs: dict[tuple[int, int, str], WinogradConv] = {}
        self._making = Lock()

    def __call__(self, patches_N1zyx: torch.Tensor) -> torch.Tensor:
        """[N, 1, z, y, x] scaled voxels, slices along z → [N, code_dim, z/r, y/r, x/r], as `Encoder` does."""
        x = patches_N1zyx
        for index, level in enumerate(self.encoder.levels):
            assert isinstance(level, nn.ModuleDict)
            x = torch.relu_(level["down"](x))
            x = self._units(index, x) if _fits(x) else level["units"](x)
        latent: torch.Tensor = self.encoder.to_latent(x)
        return latent

    def _units(self, level: int, x_NCzyx: torch.Tensor) -> torch.Tensor:
        x = x_NCzyx.permute(2, 3, 0, 4, 1).contiguous()
        for number, unit in enumerate(self.source.levels[level]["units"]):  # type: ignore[index]
            hidden = self._conv(level, number, "conv1", unit, x.shape[0])(x).relu_()
            x = self._conv(level, number, "conv2", unit, x.shape[0])(hidden).add_(x).relu_()
        back = torch.empty_like(x_NCzyx, memory_format=torch.channels_last_3d)
        back.permute(2, 3, 0, 4, 1).copy_(x)
        return back

    def _conv(self, level: int, number: int, name: str, unit: ResidualUnit, size_a: int) -> WinogradConv:
        key = (level, number, name)
        with self._making:
            if key not in self._convs:
                self._convs[key] = WinogradConv(getattr(unit, name), size_a=size_a, dtype=self.dtype)
        return self._convs[key]


def _fits(x_NCzyx: torch.Tensor) -> bool:
    """Whether the Winograd form serves these activations, and serves them better."""
    _, channels, size_z, size_y, _ = x_NCzyx.shape
    return channels >= MIN_CHANNELS and size_z in SHORT_AXES and size_y % 4 == 0 and size_y >= MIN_LONG_AXIS
