"""Several images in one classic object, which says where the first lies and of the others only how they follow."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from pydicom.dataset import Dataset

from prima.dicom.header.element import integer, number, numbers, values_of
from prima.dicom.header.instance import Frame, Vector
from prima.dicom.header.plane import orientation_of

_TIME_POINTERS = {0x00181063, 0x00181065, 0x00181060, 0x00200100}
STACKED = "several images in one classic object: stacked along their normal, since it does not say which way they run"


def is_time_series(dataset: Dataset, num_frames: int) -> bool:
    """Whether the frames follow each other in time: by FrameIncrementPointer, or as many temporal positions."""
    pointers = {int(tag) for tag in values_of(dataset, "FrameIncrementPointer") if isinstance(tag, int)}
    return bool(pointers & _TIME_POINTERS) or (integer(dataset, "NumberOfTemporalPositions") or 1) == num_frames


def stacking_note(dataset: Dataset, num_frames: int) -> str | None:
    """One line when the order of the images along their normal is assumed; None when the header gives it."""
    if num_frames < 2 or is_time_series(dataset, num_frames) or _own_positions(dataset, num_frames) is not None:
        return None
    return STACKED if numbers(dataset, "GridFrameOffsetVector", num_frames) is None else None


def classic_frames(dataset: Dataset, first: Frame, num_frames: int) -> tuple[Frame, ...]:
    """One frame for each image of a classic object (PS3.3 C.7.6.6), with its place.

    Places come from an ImagePositionPatient of three values for each frame, else from GridFrameOffsetVector or
    SliceLocationVector along the normal, else from the distance of slices. Frames that follow in time share a place.
    """
    if is_time_series(dataset, num_frames):
        return tuple(dataclasses.replace(first, index=index, temporal_index=index + 1) for index in range(num_frames))
    places = _own_positions(dataset, num_frames) or _stacked(dataset, first, num_frames)
    return tuple(
        dataclasses.replace(
            first, index=index, position=places[index], orientation=first.orientation or _first_orientation(dataset)
        )
        for index in range(num_frames)
    )


def _own_positions(dataset: Dataset, num_frames: int) -> Sequence[Vector] | None:
    values = numbers(dataset, "ImagePositionPatient", 3 * num_frames)
    if values is None or num_frames < 2:
        return None
    return [(values[at], values[at + 1], values[at + 2]) for at in range(0, 3 * num_frames, 3)]


def _first_orientation(dataset: Dataset) -> tuple[float, float, float, float, float, float] | None:
    """The orientation where one is given for each frame."""
    values = values_of(dataset, "ImageOrientationPatient")
    if len(values) <= 6 or len(values) % 6:
        return None
    single = Dataset()
    single.ImageOrientationPatient = list(values[:6])
    return orientation_of(single)


def _stacked(dataset: Dataset, first: Frame, num_frames: int) -> Sequence[Vector | None]:
    offsets = numbers(dataset, "GridFrameOffsetVector", num_frames) or numbers(
        dataset, "SliceLocationVector", num_frames
    )
    step = number(dataset, "SpacingBetweenSlices") or number(dataset, "SliceThickness")
    if first.position is None or first.orientation is None or (offsets is None and not step):
        return (None,) * num_frames
    along = np.arange(num_frames) * (step or 0.0) if offsets is None else np.array(offsets) - offsets[0]
    normal = np.cross(first.orientation[:3], first.orientation[3:])
    places = np.array(first.position) + along[:, None] * normal
    return [(float(place[0]), float(place[1]), float(place[2])) for place in places]
