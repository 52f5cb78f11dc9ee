"""Where one image lies in the patient (Image Plane Module, PS3.3 C.7.6.2)."""

from __future__ import annotations

from pydicom.dataset import Dataset

from prima.dicom.header.element import number, numbers
from prima.dicom.header.instance import Orientation, Vector

_FARTHEST_MM = 1e5
_FINEST_MM, _COARSEST_MM = 1e-3, 1e3


def position_of(dataset: Dataset) -> Vector | None:
    """ImagePositionPatient, or None when it is absent, not finite, or nowhere near a scanner."""
    found = numbers(dataset, "ImagePositionPatient", 3)
    if found is None or max(abs(value) for value in found) > _FARTHEST_MM:
        return None
    return (found[0], found[1], found[2])


def orientation_of(dataset: Dataset) -> Orientation | None:
    """ImageOrientationPatient, or None when it is absent, not finite, or not two perpendicular directions."""
    found = numbers(dataset, "ImageOrientationPatient", 6)
    if found is None:
        return None
    row, column = found[:3], found[3:]
    lengths = sum(value * value for value in row), sum(value * value for value in column)
    dot = sum(a * b for a, b in zip(row, column, strict=True))
    if min(lengths) < 0.9 or max(lengths) > 1.1 or abs(dot) > 0.05:
        return None
    return (found[0], found[1], found[2], found[3], found[4], found[5])


def spacing_of(dataset: Dataset) -> tuple[float, float] | None:
    """PixelSpacing (between rows, between columns) in mm, or None when it is absent or no size of a voxel."""
    found = numbers(dataset, "PixelSpacing", 2)
    if found is None or min(found) < _FINEST_MM or max(found) > _COARSEST_MM:
        return None
    return (found[0], found[1])


def thickness_of(dataset: Dataset) -> float | None:
    """SpacingBetweenSlices, else SliceThickness, in mm, or None when neither is positive."""
    for keyword in ("SpacingBetweenSlices", "SliceThickness"):
        found = number(dataset, keyword)
        if found is not None and abs(found) > 0:
            return abs(found)
    return None
