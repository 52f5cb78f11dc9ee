"""In-plane resampling and re-orientation: from acquisition axes to a (z, y, x) array in LPS.

Linear interpolation at index·N/size with unchanged origin, the edge value kept for half a pixel beyond the last
sample, a fill value after that, integers truncated; then the axes permuted and flipped to the nearest patient axes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prima.files.optional import require
from prima.study import Affine, Volume
from prima.tokens.contract import PLANE_AXIS, PLANE_OF_PLANE_AXIS, Contract
from prima.tokens.reduce import reduce_to_mm

# Identifiers of pixel types in the image library of the published pipeline; they became its fill value.
PIXEL_TYPE_IDS = {
    "int8": 0,
    "uint8": 1,
    "int16": 2,
    "uint16": 3,
    "int32": 4,
    "uint32": 5,
    "int64": 6,
    "uint64": 7,
    "float32": 8,
    "float64": 9,
}


@dataclass(frozen=True, kw_only=True, eq=False)
class OrientedVolume:
    """A volume ready for patching.

    Args:
        voxels: [z, y, x] in LPS, in the dtype that resampling left.
        affine: from the index (z, y, x) to LPS mm.
        plane_axis: array axis that the slices are stacked along.
    """

    voxels: NDArray[Any]
    affine: Affine
    plane_axis: int

    @property
    def plane(self) -> str:
        """Name of the plane: axial, coronal or sagittal."""
        return PLANE_OF_PLANE_AXIS[self.plane_axis]


def orient(volume: Volume, contract: Contract) -> OrientedVolume:
    """Resample a volume in its plane and turn it to LPS, as the contract says.

    The plane axis is the first axis, in array order, whose size is not the in-plane size. When all three sizes are
    equal the published pipeline fails; here it is taken from the acquisition plane. A contract with its sizes in mm
    takes it from there always.
    """
    if contract.pixel_mm is not None:
        reduced = reduce_to_mm(volume, contract.pixel_mm, contract.slab_mm)
        voxels, affine = turn_to_lps(reduced.voxels, reduced.affine)
        return OrientedVolume(voxels=voxels, affine=affine, plane_axis=PLANE_AXIS[reduced.plane])
    resampled = resample_in_plane(volume, contract)
    voxels, affine = turn_to_lps(resampled.voxels, resampled.affine)
    sizes = [axis for axis, size in enumerate(voxels.shape) if size != contract.in_plane_size]
    plane_axis = sizes[0] if sizes else PLANE_AXIS[volume.plane]
    return OrientedVolume(voxels=voxels, affine=affine, plane_axis=plane_axis)


def resample_in_plane(volume: Volume, contract: Contract) -> Volume:
    """Rows and columns of every slice to the contract's size by linear interpolation, field of view unchanged.

    With "itk" the interpolated positions carry the rounding of ITK's physical-point arithmetic, and truncation makes
    it visible: about one voxel in ten of an integer volume is one lower than exact arithmetic would give. Published
    weights were fed that, so their contract asks for it.
    """
    fill = PIXEL_TYPE_IDS.get(volume.voxels.dtype.name, 0) if contract.fill == "pixel_type_id" else 0
    size = contract.in_plane_size
    _, rows, columns = volume.voxels.shape
    affine = volume.affine.scaled((1, rows / size, columns / size))
    if contract.resampling == "itk":
        return Volume(voxels=_resample_with_itk(volume, size, fill), affine=affine)
    if (rows, columns) == (size, size):
        return volume
    return Volume(voxels=_resample_separably(volume.voxels, size, fill, contract.truncate_integers), affine=affine)


def _resample_with_itk(volume: Volume, size: int, fill: float) -> NDArray[Any]:
    sitk = _simpleitk()
    slices, rows, columns = volume.voxels.shape
    parts = volume.affine.parts
    spacing = parts.spacing_mm[::-1].tolist()
    image = sitk.GetImageFromArray(volume.voxels)
    image.SetSpacing(spacing)
    # The library's inverse of a matrix with subnormal numbers is wrong, without an error; zero is what they mean.
    direction = np.where(np.abs(parts.direction) < np.finfo(np.float64).tiny, 0.0, parts.direction)
    image.SetDirection(direction[:, ::-1].ravel().tolist())
    image.SetOrigin(parts.origin_mm.tolist())
    new_spacing = (spacing[0] * columns / size, spacing[1] * rows / size, spacing[2])
    resampled = sitk.Resample(
        image,
        (size, size, slices),
        sitk.Transform(),
        sitk.sitkLinear,
        image.GetOrigin(),
        new_spacing,
        image.GetDirection(),
        float(fill),
    )
    voxels: NDArray[Any] = sitk.GetArrayFromImage(resampled)
    return voxels


def _simpleitk() -> Any:
    return require("SimpleITK", "this release's preprocessing")


def _resample_separably(voxels: NDArray[Any], size: int, fill: float, truncate: bool) -> NDArray[Any]:
    row = _taps(voxels.shape[1], size)
    column = _taps(voxels.shape[2], size)
    resampled = _interpolate(voxels, row, column)
    if truncate and np.issubdtype(voxels.dtype, np.integer):
        np.trunc(resampled, out=resampled)
    result = resampled.astype(voxels.dtype, copy=False)
    result[:, row.outside, :] = fill
    result[:, :, column.outside] = fill
    return result


@dataclass(frozen=True, eq=False)
class _Taps:
    lower: NDArray[np.intp]
    upper: NDArray[np.intp]
    weight: NDArray[np.float64]
    outside: NDArray[np.bool_]


def _taps(num_in: int, num_out: int) -> _Taps:
    """For each output index the two input samples, the weight of the upper one, and whether it lies outside."""
    index = np.arange(num_out) * (num_in / num_out)
    lower = np.minimum(np.floor(index).astype(np.intp), num_in - 1)
    upper = np.minimum(lower + 1, num_in - 1)
    return _Taps(lower, upper, index - lower, index >= num_in - 0.5)


def _interpolate(voxels: NDArray[Any], row: _Taps, column: _Taps) -> NDArray[np.float64]:
    """Separable linear interpolation in float64, columns first; axes whose taps fall on samples are only picked."""
    picked: NDArray[Any] = voxels
    picked = _along(picked, column, axis=2)
    return _along(picked, row, axis=1).astype(np.float64, copy=False)


def _along(voxels: NDArray[Any], taps: _Taps, axis: int) -> NDArray[Any]:
    lower = np.take(voxels, taps.lower, axis=axis)
    if not taps.weight.any():
        return lower
    low = lower.astype(np.float64, copy=False)
    step = np.take(voxels, taps.upper, axis=axis).astype(np.float64, copy=False) - low
    weight = taps.weight if axis == 2 else taps.weight[:, None]
    step *= weight
    step += low
    return step


def turn_to_lps(voxels: NDArray[Any], affine: Affine) -> tuple[NDArray[Any], Affine]:
    """Permute and flip array axes so that index (z, y, x) grows along (head, back, left).

    Args:
        voxels: [a, b, c] in any axis order.
        affine: from (a, b, c) to LPS mm.

    Returns:
        The array [z, y, x] (contiguous) and its affine from (z, y, x).
    """
    patient_axis = affine.patient_axes()
    order = [int(np.flatnonzero(patient_axis == axis)[0]) for axis in (2, 1, 0)]
    turned, result = np.transpose(voxels, order), affine.reordered(order)
    for array_axis, axis in enumerate((2, 1, 0)):
        if result[axis, array_axis] < 0:
            turned, result = np.flip(turned, array_axis), result.flipped(array_axis, turned.shape[array_axis])
    return np.ascontiguousarray(turned), result
