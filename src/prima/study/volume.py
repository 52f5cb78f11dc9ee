"""A volume: voxels and where they lie in the patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prima.study.affine import Affine

Plane = Literal["axial", "coronal", "sagittal"]

# The patient axis (x to the left, y to the back, z to the head) that a plane's slices are stacked along.
PLANE_OF_AXIS: tuple[Plane, Plane, Plane] = ("sagittal", "coronal", "axial")

# A head and neck fit into this, and so does every receive coil of a head.
_MOST_MM, _MOST_MM3 = 1000.0, 2e8
_FINEST_MM, _COARSEST_MM = 0.02, 50.0


def why_no_extent(shape: Sequence[int], spacing_mm: ArrayLike) -> str | None:
    """One line on why a volume of this size cannot be one of a head, asked before it is resampled; None when it can.

    Args:
        shape: [3] voxels along each axis.
        spacing_mm: [3] mm between them.

    Example:
        >>> why_no_extent((256, 256, 30), (0.9, 0.9, 5.0))
        >>> why_no_extent((256, 256, 30), (900.0, 900.0, 5.0))
        'voxels of 900 x 900 x 5 mm are no size of a head: the unit may be wrong'
    """
    spacing = np.asarray(spacing_mm, np.float64)
    extent = spacing * np.asarray(shape, np.float64)
    words = " x ".join(f"{value:.3g}" for value in spacing)
    if spacing.min() < _FINEST_MM or spacing.max() > _COARSEST_MM:
        return f"voxels of {words} mm are no size of a head: the unit may be wrong"
    if extent.max() > _MOST_MM or float(np.prod(extent)) > _MOST_MM3:
        words = " x ".join(f"{value:.0f}" for value in extent)
        return f"a field of view of {words} mm is no size of a head: the unit may be wrong"
    return None


@dataclass(frozen=True, kw_only=True, eq=False)
class Volume:
    """Voxels [D, H, W] with their affine.

    Args:
        voxels: [D, H, W] in acquisition axes (slice, row, column) and stored dtype, after rescale.
        affine: from the index (d, h, w) in array order to LPS mm, at voxel centres.

    Raises:
        ValueError: the voxels are not three axes, none empty.
        TypeError: the affine is a matrix.

    Example:
        >>> import numpy as np
        >>> affine = Affine([[0, 0, 1, 0], [0, 1, 0, 0], [5, 0, 0, 0], [0, 0, 0, 1]])
        >>> volume = Volume(voxels=np.zeros((3, 4, 5), np.int16), affine=affine)
        >>> volume.spacing_mm
        (5.0, 1.0, 1.0)
        >>> volume.plane, volume.affine.orientation
        ('axial', 'SPL')
    """

    voxels: NDArray[Any]
    affine: Affine

    def __post_init__(self) -> None:
        if self.voxels.ndim != 3 or 0 in self.voxels.shape:
            raise ValueError(f"voxels: found shape {self.voxels.shape}, expected three axes, none empty")
        if not isinstance(self.affine, Affine):
            raise TypeError(f"affine: found {type(self.affine).__name__}, expected Affine; Affine(matrix) makes one")

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between voxel centres along (slice, row, column), in mm."""
        return self.affine.spacing_mm

    @property
    def plane(self) -> Plane:
        """The plane of the slices (first array axis), by the patient axis nearest to their stacking direction."""
        return PLANE_OF_AXIS[int(np.argmax(np.abs(self.affine[:3, 0])))]
