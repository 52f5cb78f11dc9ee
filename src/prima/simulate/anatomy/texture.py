"""Fine texture of tissue: one block of smooth noise, drawn once a process, that fills space by repeating itself.

Tissue is uneven in three dimensions and stays so from slice to slice and from contrast to contrast, other than noise.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from prima.simulate.geometry.grid import Grid

_SIZE = 112
"""Nodes of the block along each axis, 1 mm apart."""
_BANDS_MM = ((2.2, 6.0, 0.8), (7.0, 20.0, 0.6))
"""Details of two sizes: wider than the first number, mostly narrower than the second, and their deviation."""


@cache
def _block(device: str) -> Tensor:
    """[112, 112, 112] of mean 0 and deviation 1; periodic."""
    rng = np.random.default_rng(20241117)
    f = torch.fft.fftfreq(_SIZE).square()
    square = f[:, None, None] + f[:, None] + torch.fft.rfftfreq(_SIZE).square()
    block = torch.zeros(_SIZE, _SIZE, _SIZE)
    for narrow, wide, deviation in _BANDS_MM:
        white = torch.from_numpy(rng.standard_normal((_SIZE, _SIZE, _SIZE), dtype=np.float32))
        low, high = (torch.exp(-square * (0.5 * torch.pi * size) ** 2) for size in (wide, narrow))
        band: Tensor = torch.fft.irfftn(torch.fft.rfftn(white) * (high - low), s=(_SIZE, _SIZE, _SIZE))
        block += band * (deviation / band.std())
    return (block - block.mean()).to(device)


class Texture:
    """The block laid over a grid, from a place of its own for each person.

    Args:
        grid: where it is read.
        rng: chooses the place.
        device: where the values are.
    """

    def __init__(self, grid: Grid, rng: np.random.Generator, device: torch.device | str) -> None:
        places = rng.integers(0, _SIZE, 3).tolist()
        self._index = [
            (grid.axis(axis) + place).round().long().remainder(_SIZE).to(device) for axis, place in enumerate(places)
        ]
        block = _block(str(device))
        self._columns = block.index_select(1, self._index[1]).index_select(2, self._index[2])

    def whole(self) -> Tensor:
        """[z, y, x] of the whole grid."""
        return self._columns.index_select(0, self._index[0])

    def slices(self, span: slice) -> Tensor:
        """[n, y, x] of some slices of the grid."""
        return self._columns.index_select(0, self._index[0][span])
