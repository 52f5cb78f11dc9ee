"""Tokens in context: what a token's series looks like as a whole, and what all series show at the same place.

A token of 28 mm says little by itself: bright on what kind of image, beside which tissue, dark on which other image?
Attention within a series can find out the first, at its price, and never the last. Two pooled vectors tell a token
both: the mean and the maximum over its series, and over all tokens of the study in the same cell of the head
(`tokens/place`). The rest is an MLP, so that a study costs a tenth of a second.

Shape suffixes: T tokens, C columns of a row, W width, G grids.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import gelu

from prima.tokens.place import CELLS_MM, NUM_CELLS


class TokenContext(nn.Module):
    """Token rows → states that know their series and their place."""

    def __init__(self, row_width: int, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(row_width, elementwise_affine=False)
        self.first = nn.Linear(row_width, width)
        self.second = nn.Linear(width, width)
        self.of_series = nn.Linear(2 * width, width)
        self.of_places = nn.ModuleList(nn.Linear(2 * width, width) for _ in CELLS_MM)
        self.last_norm = nn.LayerNorm(width)
        self.last = nn.Linear(width, width)

    def forward(
        self, rows_TC: torch.Tensor, series_T: torch.Tensor, study_T: torch.Tensor, cells_TG: torch.Tensor
    ) -> torch.Tensor:
        """States [T, W].

        Args:
            rows_TC: latent, position and plane of each token.
            series_T: number of each token's series.
            study_T: number of its study.
            cells_TG: its cell of the head in each grid.
        """
        hidden = self.second(gelu(self.first(self.norm(rows_TC))))
        hidden = hidden + self.of_series(_pooled(gelu(hidden), series_T))[series_T]
        activated = gelu(hidden)
        for of_place, cell_T in zip(self.of_places, cells_TG.unbind(1), strict=True):
            _, place_T = torch.unique(study_T * NUM_CELLS + cell_T, return_inverse=True)
            hidden = hidden + of_place(_pooled(activated, place_T))[place_T]
        states: torch.Tensor = gelu(self.last(self.last_norm(gelu(hidden))))
        return states


def _pooled(x_TW: torch.Tensor, group_T: torch.Tensor) -> torch.Tensor:
    """Mean and maximum over the rows of each group: [groups, 2·W]."""
    mean, highest = mean_of(x_TW, group_T), highest_of(x_TW, group_T)
    return torch.cat([mean, highest], dim=1)


def mean_of(x_TW: torch.Tensor, group_T: torch.Tensor, num_groups: int | None = None) -> torch.Tensor:
    """Mean over the rows of each group."""
    num = int(group_T.max()) + 1 if num_groups is None else num_groups
    count = torch.bincount(group_T, minlength=num).clamp_min(1).unsqueeze(1).to(x_TW.dtype)
    return x_TW.new_zeros(num, x_TW.shape[1]).index_add(0, group_T, x_TW) / count


def highest_of(x_TW: torch.Tensor, group_T: torch.Tensor, num_groups: int | None = None) -> torch.Tensor:
    """Maximum over the rows of each group."""
    num = int(group_T.max()) + 1 if num_groups is None else num_groups
    index = group_T.unsqueeze(1).expand_as(x_TW)
    return x_TW.new_full((num, x_TW.shape[1]), -torch.inf).scatter_reduce(0, index, x_TW, "amax")
