"""A linear layer that pads odd widths inside: kernels of matrix products are much faster on multiples of 16.

The published width is 289. Zeros change no sum, and the weights keep their shape and name.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional


class AlignedLinear(nn.Linear):
    """`nn.Linear`, computed on widths rounded up to a multiple of 16."""

    multiple: ClassVar[int] = 16

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N, in] → [N, out].

        Example:
            >>> layer = AlignedLinear(289, 17)
            >>> x = torch.ones(4, 289)
            >>> torch.allclose(layer(x), nn.functional.linear(x, layer.weight, layer.bias), atol=1e-5)
            True
        """
        more_in, more_out = -self.in_features % self.multiple, -self.out_features % self.multiple
        if not (more_in or more_out):
            return functional.linear(x, self.weight, self.bias)
        if more_in:
            x = functional.pad(x, (0, more_in))
        weight = functional.pad(self.weight, (0, more_in, 0, more_out))
        bias = None if self.bias is None else functional.pad(self.bias, (0, more_out))
        return functional.linear(x, weight, bias)[..., : self.out_features]


@contextmanager
def without_padding() -> Iterator[None]:
    """Compute on the widths as they are, for instance to count the arithmetic of a model."""
    before, AlignedLinear.multiple = AlignedLinear.multiple, 1
    try:
        yield
    finally:
        AlignedLinear.multiple = before
