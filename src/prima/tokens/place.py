"""Where in the head a token lies, coarsely, and the same for all series: what lets them look at one place together.

Contracts whose grid is centred on the head only. The distance of slices is not part of a token; it is reckoned from how
many of them the head fills.
"""

from __future__ import annotations

import torch

from prima.tokens.contract import CENTRE_INDEX, PLANE_AXIS, Contract

# Two grids: cells that tokens of all planes share, and cells as deep as one token, which tell neighbouring slabs apart.
CELLS_MM = (28.0, 14.0)
CELLS_PER_AXIS = 18
NUM_CELLS = CELLS_PER_AXIS**3
# Centres of tokens lie at multiples of 14 mm in the plane; so that rounding never decides, borders of cells do not.
OFFSET = 0.25
# Extent of a head, chin and neck apart, along the slices of each plane; and slices of a series that covers less of it.
HEAD_MM = {"axial": 155.0, "coronal": 185.0, "sagittal": 150.0}
SLICES_OF_HEAD = 18
REGIONAL_SLICE_MM = 3.0


def places_of(coordinates: torch.Tensor, plane: str, contract: Contract) -> torch.Tensor:
    """The cells that each token's centre lies in, one of either grid: [n, 2] int64; all 0 without a centred grid.

    Args:
        coordinates: [n, 3] start voxel (z, y, x) of each token.
        plane: of the series.
        contract: how it was cut.

    Example:
        >>> from prima.tokens.contract import OPEN
        >>> places_of(torch.tensor([[64, 512, 512], [64, 512, 544]]), "axial", OPEN).tolist()
        [[3087, 3106], [3089, 3110]]
    """
    if not contract.centred or contract.pixel_mm is None or len(coordinates) == 0:
        return torch.zeros(len(coordinates), len(CELLS_MM), dtype=torch.int64)
    axis = PLANE_AXIS[plane]
    patch = torch.tensor(contract.patch_shape(plane))
    centres = coordinates.cpu().float() + patch / 2 - CENTRE_INDEX * patch
    starts = coordinates[:, axis]
    num_slices = int(starts.max() - starts.min()) + contract.patch_slices
    size = torch.full((3,), contract.pixel_mm)
    size[axis] = HEAD_MM[plane] / num_slices if num_slices >= SLICES_OF_HEAD else REGIONAL_SLICE_MM
    edge = torch.tensor(CELLS_MM)[:, None, None]
    cell = (centres * size / edge + CELLS_PER_AXIS // 2 + OFFSET).floor().clamp(0, CELLS_PER_AXIS - 1).long()
    return ((cell[..., 0] * CELLS_PER_AXIS + cell[..., 1]) * CELLS_PER_AXIS + cell[..., 2]).T.contiguous()


def mirrored(cells: torch.Tensor) -> torch.Tensor:
    """Cells of the finer grid on the other side of the head; their columns lie at even distances from its middle.

    Args:
        cells: numbers of cells, as `places_of` gives them in its second column.

    Example:
        >>> left, middle = 3106, 3105 - 3105 % CELLS_PER_AXIS + CELLS_PER_AXIS // 2
        >>> mirrored(torch.tensor([left, middle])).tolist() == [2 * middle - left, middle]
        True
    """
    column = cells % CELLS_PER_AXIS
    return cells - column + (2 * (CELLS_PER_AXIS // 2) - column).clamp(0, CELLS_PER_AXIS - 1)
