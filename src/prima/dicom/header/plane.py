"""Where one image lies in the patient (Image Plane Module, PS3.3 C.7.6.2)."""

from __future__ import annotations

from pydicom.dataset import Dataset

from prima.dicom.header.element import number, numbers
from prima.dicom.header.instance import Orientation, Vector

_FARTHEST_MM = 1e5
_FINEST_MM, _COARSEST_MM = 1e-9, 1e6


def position_of(dataset: Dataset) -> Vector | None:
    """ImagePositionPatient, or None when it is absent, not finite, or nowhere near a scanner."""
    position = numbers(dataset, "ImagePositionPatient", 3)
    if position is None or max(abs(value) for value in position) > _FARTHEST_MM:
        return None
    return (position[0], position[1], position[2])


def orientation_of(dataset: Dataset) -> Orientation | None:
    """ImageOrientationPatient, or None when it is absent, not finite, or not two perpendicular directions."""
    cosines = numbers(dataset, "ImageOrientationPatient", 6)
    if cosines is None:
        return None
    row, column = cosines[:3], cosines[3:]
    lengths = sum(value * value for value in row), sum(value * value for value in column)
    dot = sum(a * b for a, b in zip(row, column, strict=True))
    if min(lengths) < 0.9 or max(lengths) > 1.1 or abs(dot) > 0.05:
        return None
    return (cosines[0], cosines[1], cosines[2], cosines[3], cosines[4], cosines[5])


def spacing_of(dataset: Dataset) -> tuple[float, float] | None:
    """PixelSpacing (between rows, between columns) in mm, or None when it is absent or no size of a voxel."""
    spacing = numbers(dataset, "PixelSpacing", 2)
    if spacing is None or min(spacing) < _FINEST_MM or max(spacing) > _COARSEST_MM:
        return None
    return (spacing[0], spacing[1])


def thickness_of(dataset: Dataset) -> float | None:
    """SpacingBetweenSlices, else SliceThickness, in mm, or None when neither is positive."""
    for keyword in ("SpacingBetweenSlices", "SliceThickness"):
        thickness = number(dataset, keyword)
        if thickness is not None and abs(thickness) > 0:
            return abs(thickness)
    return None
