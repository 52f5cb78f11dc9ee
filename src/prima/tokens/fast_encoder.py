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
from prima.tokens.winograd import SHORT_AXES, WinogradConv, pair_layout, scratch

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
        entering = pair_layout(x_NCzyx)
        x = scratch.take("x", tuple(entering.shape), self.dtype).copy_(entering)
        for index, unit in enumerate(self.source.levels[level]["units"]):  # type: ignore[index]
            hidden = scratch.take("hidden", (*x.shape[:-1], unit.conv1.out_channels), self.dtype)
            self._conv(level, index, "conv1", unit, x.shape[2])(x, hidden)
            self._conv(level, index, "conv2", unit, x.shape[2])(hidden.relu_(), x, add=True)
            x.relu_()
        back = torch.empty_like(x_NCzyx, memory_format=torch.channels_last_3d)
        pair_layout(back).copy_(x)
        return back

    def _conv(self, level: int, index: int, name: str, unit: ResidualUnit, size_a: int) -> WinogradConv:
        key = (level, index, name)
        with self._making:
            if key not in self._convs:
                self._convs[key] = WinogradConv(getattr(unit, name), size_a=size_a, dtype=self.dtype)
        return self._convs[key]


def _fits(x_NCzyx: torch.Tensor) -> bool:
    """Whether the Winograd form serves these activations, and serves them better."""
    _, channels, size_z, size_y, size_x = x_NCzyx.shape
    enough = channels >= MIN_CHANNELS and size_y >= MIN_LONG_AXIS
    return enough and size_z in SHORT_AXES and size_y % 4 == 0 and size_x % 2 == 0
