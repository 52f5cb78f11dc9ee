"""Where array indices lie in the patient: a value with its arithmetic, in LPS millimetres."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

LPS_OF_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""From RAS (NIfTI) to LPS (DICOM) coordinates, and back."""


SHEAR = 1e-3
"""A stack whose step leaves the normal by more than this (about 0.06 degrees) is sheared, not merely rounded."""


class AffineParts(NamedTuple):
    """An affine as DICOM headers give it, free of the rounding of the product.

    Args:
        origin_mm: [3] LPS position of index (0, 0, 0).
        direction: [3, 3] unit vectors in LPS, one column for each array axis.
        spacing_mm: [3] distance between neighbours along each array axis.
    """

    origin_mm: Floats
    direction: Floats
    spacing_mm: Floats


@dataclass(frozen=True, eq=False)
class Affine:
    """A map from array indices to LPS patient coordinates in mm (x to the left, y to the back, z to the head).

    Index (0, 0, 0) is the centre of the first voxel; the order of indices is that of the array's axes. The patient
    coordinate system is the one of DICOM PS3.3 C.7.6.2.1.1. Numpy takes an affine for its matrix.

    Args:
        matrix: [4, 4], acts on columns (i, j, k, 1); it is copied and cannot be written to.
        source: the parts that the matrix was made of, where a header gave them.

    Raises:
        ValueError: the shape is wrong, or the matrix is not finite or cannot be inverted.

    Example:
        >>> slices_rows_columns = Affine([[0, 0, 0.5, -60], [0, 0.5, 0, -80], [4, 0, 0, -20], [0, 0, 0, 1]])
        >>> slices_rows_columns.apply([2, 10, 20]).tolist()
        [-50.0, -75.0, -12.0]
        >>> slices_rows_columns.inverse().apply([-50, -75, -12]).tolist()
        [2.0, 10.0, 20.0]
        >>> slices_rows_columns.orientation, slices_rows_columns.spacing_mm
        ('SPL', (4.0, 0.5, 0.5))
    """

    matrix: Floats
    source: AffineParts | None = None

    def __init__(self, matrix: ArrayLike, source: AffineParts | None = None) -> None:
        values = np.array(matrix, np.float64)
        if values.shape != (4, 4):
            raise ValueError(f"affine: found shape {values.shape}, expected (4, 4)")
        if not np.isfinite(values).all():
            raise ValueError("affine: found values that are not finite")
        if abs(np.linalg.det(values[:3, :3])) < 1e-9:
            raise ValueError("affine: found a matrix that cannot be inverted")
        values.flags.writeable = False
        object.__setattr__(self, "matrix", values)
        object.__setattr__(self, "source", source)

    @classmethod
    def of_parts(cls, origin_mm: ArrayLike, direction: ArrayLike, spacing_mm: ArrayLike) -> Self:
        """The affine of an origin [3], directions [3, 3] (a column for each array axis) and spacing [3]."""
        parts = AffineParts(*(np.array(part, np.float64) for part in (origin_mm, direction, spacing_mm)))
        matrix = np.eye(4)
        matrix[:3, :3] = parts.direction * parts.spacing_mm
        matrix[:3, 3] = parts.origin_mm
        return cls(matrix, parts)

    @classmethod
    def of_slices(
        cls,
        first_mm: ArrayLike,
        last_mm: ArrayLike,
        num_slices: int,
        *,
        row: ArrayLike,
        column: ArrayLike,
        spacing_mm: tuple[float, float],
        thickness_mm: float | None = None,
    ) -> Self:
        """Where a stack of slices [slice, row, column] lies, from what their headers say (PS3.3 C.7.6.2.1.1).

        Directions in the plane are made perpendicular, in the arithmetic of the image library that the published
        weights were trained behind: positions are interpolated to the last bit there. The stack runs along the normal,
        unless the positions say that it is sheared.

        Args:
            first_mm: [3] ImagePositionPatient of the first slice.
            last_mm: [3] that of the last.
            num_slices: slices from the first to the last.
            row: [3] direction of increasing column index, as ImageOrientationPatient begins.
            column: [3] direction of increasing row index.
            spacing_mm: PixelSpacing: between rows, then between columns.
            thickness_mm: distance of slices where the positions do not tell it; 1 when None.

        Example:
            >>> row, column = (1, 0, 0), (0, 1, 0)
            >>> Affine.of_slices((0, 0, 0), (0, 0, 8), 3, row=row, column=column, spacing_mm=(0.5, 0.7)).spacing_mm
            (4.0, 0.5, 0.7)
        """
        first, last = np.asarray(first_mm, np.float64), np.asarray(last_mm, np.float64)
        down = np.asarray(column, np.float64)
        normal = _unit(_cross(np.asarray(row, np.float64), down))
        along_row = _unit(_cross(down, normal))
        down = _cross(normal, along_row)
        step = (last - first) / max(num_slices - 1, 1)
        length = float(np.linalg.norm(last - first)) / max(num_slices - 1, 1)
        if not length > 0:
            step, length = normal, thickness_mm or 1.0
        along = np.copysign(normal, normal * (step @ normal))
        sheared = np.linalg.norm(step / length - along) > SHEAR
        return cls.of_parts(
            origin_mm=first,
            direction=np.stack([step / length if sheared else along, down, along_row], axis=1),
            spacing_mm=np.array([length, *spacing_mm]),
        )

    @classmethod
    def from_ras(cls, matrix: ArrayLike) -> Self:
        """The affine of a matrix to RAS coordinates, as NIfTI has it."""
        return cls(LPS_OF_RAS @ np.asarray(matrix, np.float64))

    def to_ras(self) -> Floats:
        """[4, 4] to RAS coordinates, as NIfTI wants it."""
        return LPS_OF_RAS @ self.matrix

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """The matrix; a copy where one may be written to."""
        del copy
        return np.array(self.matrix, dtype)

    def __getitem__(self, key: Any) -> Any:
        """An element or part of the matrix."""
        return self.matrix[key]

    @property
    def shape(self) -> tuple[int, ...]:
        """(4, 4)."""
        return self.matrix.shape

    @property
    def origin_mm(self) -> Floats:
        """[3] LPS position of index (0, 0, 0)."""
        return self.matrix[:3, 3]

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighbours along each array axis."""
        lengths = np.linalg.norm(self.matrix[:3, :3], axis=0)
        return (float(lengths[0]), float(lengths[1]), float(lengths[2]))

    @property
    def direction(self) -> Floats:
        """[3, 3] unit vectors in LPS, one column for each array axis."""
        vectors: Floats = self.matrix[:3, :3] / np.linalg.norm(self.matrix[:3, :3], axis=0)
        return vectors

    @property
    def parts(self) -> AffineParts:
        """Origin, directions and spacing: the source's, or those of the matrix."""
        if self.source is not None:
            return self.source
        spacing = np.linalg.norm(self.matrix[:3, :3], axis=0)
        return AffineParts(self.matrix[:3, 3].copy(), self.matrix[:3, :3] / spacing, spacing)

    @property
    def voxel_mm3(self) -> float:
        """Volume of a voxel."""
        return float(abs(np.linalg.det(self.matrix[:3, :3])))

    @property
    def orientation(self) -> str:
        """Where each array axis leads, nearest patient axis first come: L or R, P or A, S or I."""
        letters = (("L", "R"), ("P", "A"), ("S", "I"))
        axes = self.patient_axes()
        return "".join(
            letters[axis][int(self.matrix[axis, array_axis] < 0)] for array_axis, axis in enumerate(axes.tolist())
        )

    def patient_axes(self) -> NDArray[np.intp]:
        """[3] for each array axis the patient axis (0 x, 1 y, 2 z) it runs along, each once, largest cosine first."""
        cosines = np.abs(self.direction)
        result = np.zeros(3, np.intp)
        for _ in range(3):
            axis, array_axis = np.unravel_index(int(np.argmax(cosines)), (3, 3))
            result[array_axis] = axis
            cosines[axis, :] = -1
            cosines[:, array_axis] = -1
        return result

    def apply(self, index: ArrayLike) -> Floats:
        """Indices [..., 3] → LPS mm [..., 3]; indices may lie between voxels and outside the array."""
        points: Floats = np.asarray(index, np.float64) @ self.matrix[:3, :3].T + self.matrix[:3, 3]
        return points

    def inverse(self) -> Self:
        """From LPS mm to indices; `apply` is then the other way round."""
        return type(self)(np.linalg.inv(self.matrix))

    def compose(self, inner: Affine | ArrayLike) -> Self:
        """The affine that applies `inner` first: from the indices that it takes to LPS mm."""
        return type(self)(self.matrix @ np.asarray(inner))

    @overload
    def __matmul__(self, other: Affine) -> Self: ...
    @overload
    def __matmul__(self, other: ArrayLike) -> Floats: ...
    def __matmul__(self, other: Affine | ArrayLike) -> Self | Floats:
        """With an affine `compose`; with an array the product of the matrix, for homogeneous columns (i, j, k, 1)."""
        if isinstance(other, Affine):
            return self.compose(other)
        product: Floats = self.matrix @ np.asarray(other)
        return product

    def scaled(self, factors: Sequence[float]) -> Self:
        """Steps so many times as long along each array axis; the origin stays."""
        matrix = self.matrix.copy()
        matrix[:3, :3] *= np.asarray(factors, np.float64)
        return type(self)(matrix)

    def moved(self, axis: int, steps: float) -> Self:
        """The origin so many steps further along an array axis."""
        matrix = self.matrix.copy()
        matrix[:3, 3] += matrix[:3, axis] * steps
        return type(self)(matrix)

    def starting_at(self, index: ArrayLike) -> Self:
        """The affine of the part of an array that starts at an index [3]."""
        matrix = self.matrix.copy()
        matrix[:3, 3] += matrix[:3, :3] @ np.asarray(index, np.float64)
        return type(self)(matrix)

    def reordered(self, axes: Sequence[int]) -> Self:
        """The affine of the transposed array: its axis n is axis `axes[n]` of this one."""
        return type(self)(self.matrix[:, [*axes, 3]])

    def flipped(self, axis: int, size: int) -> Self:
        """The affine of the array with an axis of so many voxels reversed."""
        matrix = self.matrix.copy()
        matrix[:3, 3] += matrix[:3, axis] * (size - 1)
        matrix[:3, axis] *= -1
        return type(self)(matrix)

    def is_close(self, other: Affine, *, atol_mm: float = 1e-3) -> bool:
        """Whether both lead to the same places."""
        return bool(np.allclose(self.matrix, other.matrix, rtol=0, atol=atol_mm))


def _unit(vector: Floats) -> Floats:
    x, y, z = vector.tolist()
    return vector * (1.0 / math.sqrt(x * x + y * y + z * z))


def _cross(a: Floats, b: Floats) -> Floats:
    return np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])
