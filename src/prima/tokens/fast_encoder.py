"""The VQ-VAE encoder for predicting on a CPU without matrix tiles: the same network, its large convolutions in the
Winograd domain.

Used where the processor has no AMX: with it the direct convolutions run at several times the rate, and the additions
around the products would cost more than they save.
"""

from __future__ import annotations

import torch
from torch import nn

from prima.tokens.vqvae import Encoder, ResidualUnit
from prima.tokens.winograd import POINTS, WinogradConv

# Below this many channels the transforms cost more than the products they save.
MIN_CHANNELS = 128
# Below this many positions of the two longer axes the library is as fast with the direct form.
MIN_LONG_AXIS = 16

Axes = tuple[int, int, int]


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
        self._convs: dict[tuple[int, int, str, Axes, int], WinogradConv] = {}

    def __call__(self, patches_N1zyx: torch.Tensor) -> torch.Tensor:
        """[N, 1, z, y, x] scaled voxels → [N, code_dim, z/r, y/r, x/r], as `Encoder` does."""
        x = patches_N1zyx
        for index, level in enumerate(self.encoder.levels):
            assert isinstance(level, nn.ModuleDict)
            x = torch.relu_(level["down"](x))
            axes = self._axes(x)
            x = level["units"](x) if axes is None else self._units(index, x, axes)
        latent: torch.Tensor = self.encoder.to_latent(x)
        return latent

    def _axes(self, x_NCzyx: torch.Tensor) -> Axes | None:
        """Which spatial axes become A, B and R; None when the direct form serves better."""
        sizes = x_NCzyx.shape[2:]
        a, b, r = sorted(range(3), key=lambda axis: (sizes[axis], axis))
        fits = sizes[a] in POINTS and sizes[b] % 2 == 0 and sizes[b] >= MIN_LONG_AXIS
        return (a, b, r) if fits and x_NCzyx.shape[1] >= MIN_CHANNELS else None

    def _units(self, level: int, x_NCzyx: torch.Tensor, axes: Axes) -> torch.Tensor:
        a, b, r = (2 + axis for axis in axes)
        x = x_NCzyx.permute(a, b, 0, r, 1).contiguous()
        units = self.source.levels[level]["units"]  # type: ignore[index]
        for number, unit in enumerate(units):
            hidden = self._conv((level, number, "conv1", axes, x.shape[0]), unit)(x).relu_()
            x = self._conv((level, number, "conv2", axes, x.shape[0]), unit)(hidden).add_(x).relu_()
        back = torch.empty_like(x_NCzyx, memory_format=torch.channels_last_3d)
        back.permute(a, b, 0, r, 1).copy_(x)
        return back

    def _conv(self, key: tuple[int, int, str, Axes, int], unit: ResidualUnit) -> WinogradConv:
        if key not in self._convs:
            _, _, name, axes, size_a = key
            self._convs[key] = WinogradConv(getattr(unit, name), axes=axes, size_a=size_a, dtype=self.dtype)
        return self._convs[key]
