"""From the images of a part to a series: decode, drop copies, order, rescale, stack."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from prima.dicom.header.instance import Frame, Instance
from prima.dicom.header.scan import safe_uid
from prima.dicom.pixels.rescale import rescale, rescale_dtype
from prima.dicom.series.part import SeriesPart
from prima.dicom.series.stack import Stack, affine_of, has_geometry, stack
from prima.errors import UnreadableError
from prima.study.padding import without_padding
from prima.study.study import Series
from prima.study.volume import Volume, why_no_extent

Decoded = Mapping[Instance, "NDArray[np.generic] | UnreadableError"]


class GeometryError(UnreadableError):
    """The images are there, but where they lie is not known well enough to make a volume."""


def assemble(part: SeriesPart, decoded: Decoded, *, label: str | None, notes: Sequence[str] = ()) -> Series:
    """Make a series of a part whose files were decoded.

    Images without pixels or geometry are left out with a note while others remain.

    Raises:
        UnreadableError: no image of the part can be decoded.
        GeometryError: no volume can be made of those that can.
    """
    placed, remarks = _placed(part, decoded, notes)
    _check_extent(placed[0], num_slices=1, step_mm=1.0)
    stacked = stack(placed)
    _check_extent(placed[0], num_slices=len(placed), step_mm=stacked.affine.spacing_mm[0])
    series = _series(stacked, decoded, label=label, notes=(*remarks, *stacked.notes))
    voxels, remark = without_padding(series.volume.voxels)
    if remark is None:
        return series
    volume = dataclasses.replace(series.volume, voxels=voxels)
    return dataclasses.replace(series, volume=volume, notes=(*series.notes, remark))


def _check_extent(frame: Frame, *, num_slices: int, step_mm: float) -> None:
    rows, columns = frame.spacing_mm or (1.0, 1.0)
    reason = why_no_extent((num_slices, frame.rows, frame.columns), (step_mm, rows, columns))
    if reason is not None:
        raise GeometryError(reason)


def stack_by_name(part: SeriesPart, decoded: Decoded, *, label: str | None, notes: Sequence[str] = ()) -> Series:
    """Like `assemble`, with the images in the order they are given and geometry from the first and last.

    Raises:
        UnreadableError: no image of the part can be decoded.
        GeometryError: no volume can be made of those that can.
    """
    placed, remarks = _placed(part, decoded, notes)
    stacked = Stack(frames=tuple(placed), affine=affine_of(placed), notes=())
    return _series(stacked, decoded, label=label, notes=tuple(remarks))


def _placed(part: SeriesPart, decoded: Decoded, notes: Sequence[str]) -> tuple[list[Frame], list[str]]:
    remarks = list(notes)
    good, reason = _decoded_frames(part.frames, decoded)
    if not good:
        raise UnreadableError(reason or "no image can be read")
    if len(good) < len(part.frames):
        remarks.append(f"{_count(len(part.frames) - len(good))} left out, unreadable: {reason}")
    placed = [frame for frame in good if has_geometry(frame)]
    if not placed:
        raise GeometryError("position, orientation or pixel spacing is missing or not finite")
    if len(placed) < len(good):
        remarks.append(f"{_count(len(good) - len(placed))} left out, without geometry")
    return placed, remarks


def _count(count: int) -> str:
    return f"{count} {'slice' if count == 1 else 'slices'}"


def _decoded_frames(frames: Sequence[Frame], decoded: Decoded) -> tuple[list[Frame], str | None]:
    good, reason = [], None
    for frame in frames:
        pixels = decoded[frame.instance]
        if isinstance(pixels, UnreadableError):
            reason = reason or str(pixels)
        elif frame.index >= len(pixels) or pixels.ndim != 3:
            reason = reason or "the image is not there"
        else:
            good.append(frame)
    return good, reason


def image_of(frame: Frame, decoded: Decoded) -> NDArray[np.generic]:
    """Stored values [rows, columns] of one image.

    Raises:
        UnreadableError: the file could not be decoded.
    """
    pixels = decoded[frame.instance]
    if isinstance(pixels, UnreadableError):
        raise pixels
    return np.asarray(pixels[frame.index])


def _series(stacked: Stack, decoded: Decoded, *, label: str | None, notes: tuple[str, ...]) -> Series:
    images = [image_of(frame, decoded) for frame in stacked.frames]
    scales = [(frame.slope, frame.intercept) if frame.slope else (1.0, 0.0) for frame in stacked.frames]
    types = [
        rescale_dtype(image.dtype, *scale, _bits(frame))
        for frame, image, scale in zip(stacked.frames, images, scales, strict=True)
    ]
    dtype = np.result_type(*set(types))
    voxels = np.empty((len(images), *images[0].shape), dtype)
    for index, (image, scale) in enumerate(zip(images, scales, strict=True)):
        voxels[index] = rescale(image, *scale, dtype)
    first = stacked.frames[0]
    notes = (*notes, *dict.fromkeys(frame.instance.note for frame in stacked.frames if frame.instance.note))
    if not all(frame.slope for frame in stacked.frames):
        notes = (*notes, "RescaleSlope is 0: not applied")
    if first.instance.pixels is not None and first.instance.pixels.photometric == "MONOCHROME1":
        voxels = voxels.max() - voxels + voxels.min()  # what leaves the type's range on the way comes back into it
        notes = (*notes, "MONOCHROME1, stored with black and white exchanged: turned back")
    try:
        volume = Volume(voxels=voxels, affine=stacked.affine)
    except ValueError as error:
        raise GeometryError(str(error)) from None
    instance = first.instance
    acquisition = dataclasses.replace(
        instance.acquisition,
        echo_time_ms=first.echo_time_ms,
        inversion_time_ms=first.inversion_time_ms,
        b_value=first.b_value,
    )
    return Series(
        series_uid=safe_uid(instance.series_uid),
        number=instance.number,
        description=instance.description,
        protocol=instance.protocol,
        part=label,
        volume=volume,
        acquisition=acquisition,
        instance_uids=tuple(dict.fromkeys(frame.instance.sop_uid for frame in stacked.frames)),
        notes=notes,
    )


def _bits(frame: Frame) -> int:
    layout = frame.instance.pixels
    return 16 if layout is None else layout.bits_stored
