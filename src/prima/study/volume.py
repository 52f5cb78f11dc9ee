"""A volume: voxels and where they lie in the patient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

Plane = Literal["axial", "coronal", "sagittal"]

# The patient axis (x to the left, y to the back, z to the head) that a plane's slices are stacked along.
PLANE_OF_AXIS: tuple[Plane, Plane, Plane] = ("sagittal", "coronal", "axial")


@dataclass(frozen=True, kw_only=True, eq=False)
class Geometry:
    """Where a volume lies, as its source says it: an affine in three parts, free of the rounding of their product.

    Args:
        origin_mm: [3] LPS position of voxel (0, 0, 0).
        direction: [3, 3] unit vectors in LPS, one column per array axis (d, h, w).
        spacing_mm: [3] distance between voxel centres along (d, h, w).
    """

    origin_mm: NDArray[np.float64]
    direction: NDArray[np.float64]
    spacing_mm: NDArray[np.float64]

    @property
    def affine(self) -> NDArray[np.float64]:
        """[4, 4] from the index (d, h, w, 1) to LPS mm."""
        affine = np.eye(4)
        affine[:3, :3] = self.direction * self.spacing_mm
        affine[:3, 3] = self.origin_mm
        return affine

    @classmethod
    def of_affine(cls, affine: NDArray[np.float64]) -> Self:
        """The three parts of an affine, up to rounding."""
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
        return cls(origin_mm=affine[:3, 3].copy(), direction=affine[:3, :3] / spacing, spacing_mm=spacing)


@dataclass(frozen=True, kw_only=True, eq=False)
class Volume:
    """Voxels [D, H, W] with their affine.

    Args:
        voxels: [D, H, W] in acquisition axes (slice, row, column) and stored dtype, after rescale.
        affine: [4, 4] float64, from the index (d, h, w, 1) in array order to LPS patient coordinates in mm
            (x to the left, y to the back, z to the head), at voxel centres. The patient coordinate system is the one
            of DICOM PS3.3 C.7.6.2.1.1.
        source: the geometry the affine was made of, when the source gave one.

    Raises:
        ValueError: shapes are wrong, or the affine is not finite or not invertible.

    Example:
        >>> import numpy as np
        >>> volume = Volume(voxels=np.zeros((3, 4, 5), np.int16), affine=np.diag([5.0, 1.0, 1.0, 1.0])[[2, 1, 0, 3]])
        >>> volume.spacing_mm
        (5.0, 1.0, 1.0)
        >>> volume.plane
        'axial'
    """

    voxels: NDArray[Any]
    affine: NDArray[np.float64]
    source: Geometry | None = None

    @classmethod
    def at(cls, voxels: NDArray[Any], geometry: Geometry) -> Self:
        """Voxels [D, H, W] with a geometry; raises ValueError as the constructor does."""
        return cls(voxels=voxels, affine=geometry.affine, source=geometry)

    @property
    def geometry(self) -> Geometry:
        """Origin, directions and spacing: the source's, or those of the affine."""
        return self.source or Geometry.of_affine(self.affine)

    def __post_init__(self) -> None:
        if self.voxels.ndim != 3 or 0 in self.voxels.shape:
            raise ValueError(f"voxels: found shape {self.voxels.shape}, expected three axes, none empty")
        if self.affine.shape != (4, 4):
            raise ValueError(f"affine: found shape {self.affine.shape}, expected (4, 4)")
        if not np.isfinite(self.affine).all():
            raise ValueError("affine: found values that are not finite")
        if abs(np.linalg.det(self.affine[:3, :3])) < 1e-9:
            raise ValueError("affine: found a matrix that cannot be inverted")

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between voxel centres along (slice, row, column), in mm."""
        lengths = np.linalg.norm(self.affine[:3, :3], axis=0)
        return (float(lengths[0]), float(lengths[1]), float(lengths[2]))

    @property
    def plane(self) -> Plane:
        """The plane of the slices (first array axis), by the patient axis nearest to their stacking direction."""
        direction = self.affine[:3, 0]
        return PLANE_OF_AXIS[int(np.argmax(np.abs(direction)))]
