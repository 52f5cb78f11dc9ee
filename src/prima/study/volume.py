"""A volume: voxels and where they lie in the patient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from prima.study.affine import Affine

Plane = Literal["axial", "coronal", "sagittal"]

# The patient axis (x to the left, y to the back, z to the head) that a plane's slices are stacked along.
PLANE_OF_AXIS: tuple[Plane, Plane, Plane] = ("sagittal", "coronal", "axial")


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
