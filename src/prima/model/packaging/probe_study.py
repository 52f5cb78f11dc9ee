"""A study made of formulas: three small stacks of a head-like shape, in whole numbers, the same on every machine.

It looks like nothing a patient has; it is there so that a release can be asked the same question anywhere.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prima.study import Affine, Series, Study, Volume
from prima.study.volume import Plane

SIZE, SLICES = 160, 4
PIXEL_MM, SLICE_MM = 1.3, 5.0  # no power of two, so that rounding while resampling shows

# In which directions of the patient (x left, y back, z up) slices, rows and columns follow each other.
_DIRECTIONS: dict[Plane, tuple[tuple[int, int, int], ...]] = {
    "axial": ((0, 0, 1), (0, 1, 0), (1, 0, 0)),
    "coronal": ((0, 1, 0), (0, 0, -1), (1, 0, 0)),
    "sagittal": ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
}


def probe_study() -> Study:
    """The study: one axial, one coronal and one sagittal series of 4 slices of 160 × 160 pixels, int16.

    Example:
        >>> [series.plane for series in probe_study().series]
        ['axial', 'coronal', 'sagittal']
    """
    series = tuple(
        Series(
            series_uid=f"2.25.{series_number}",
            number=series_number,
            description=f"{plane[:3].upper()} PROBE",
            volume=Volume(voxels=_voxels(series_number), affine=_affine(plane)),
        )
        for series_number, plane in enumerate(_DIRECTIONS, start=1)
    )
    return Study(study_uid="2.25.1", description="PROBE", series=series)


def _voxels(series_number: int) -> NDArray[np.int16]:
    """[slices, rows, columns]: an oval with a bright rim, two dark chambers, one bright spot, and grain."""
    slices, rows, columns = np.indices((SLICES, SIZE, SIZE), dtype=np.int64)
    y, x = rows - SIZE // 2, columns - SIZE // 2
    head = 36 * y * y + 49 * x * x  # of an oval with half axes 70 and 60 pixels, times 420²
    voxels = np.where(head < 420 * 420, 400 + 90 * series_number, 0)
    voxels = np.where((head >= 380 * 380) & (head < 420 * 420), 900, voxels)
    for side in (-1, 1):
        chamber = (y + 4) ** 2 + 4 * (x - side * 12) ** 2
        voxels = np.where(chamber < 20 * 20, 120 * series_number, voxels)
    spot = (y - 18) ** 2 + (x - 30) ** 2 + 16 * (slices - 2) ** 2
    voxels = np.where(spot < 9 * 9, 1000, voxels)
    mixed = (slices * 7919 + rows * 104729 + columns * 1299709 + series_number * 15485863) % 2**31
    for _ in range(2):  # a congruential generator, started anew at every voxel
        mixed = (mixed * 1103515245 + 12345) % 2**31
    grain = (mixed >> 16) % 61 - 30
    result: NDArray[np.int16] = np.where(voxels > 0, voxels + grain, (mixed >> 16) % 9).astype(np.int16)
    return result


def _affine(plane: Plane) -> Affine:
    """Of a stack whose middle is the origin."""
    counts, spacing = (SLICES, SIZE, SIZE), (SLICE_MM, PIXEL_MM, PIXEL_MM)
    directions = np.eye(4)
    for axis, (direction, step) in enumerate(zip(_DIRECTIONS[plane], spacing, strict=True)):
        directions[:3, axis] = np.array(direction) * step
    return Affine(directions).starting_at((1 - np.array(counts)) / 2)
