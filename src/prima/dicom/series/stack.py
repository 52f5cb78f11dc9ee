"""Putting the images of one part in order, and where the stack lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prima.dicom.header.instance import Frame
from prima.files.walk import path_key
from prima.study.affine import Affine

# A step between neighbours this many times the usual one counts as missing slices.
GAP_FACTOR = 1.5


@dataclass(frozen=True, kw_only=True, eq=False)
class Stack:
    """Images in the order of the volume's first axis, where the volume lies, and what was noticed."""

    frames: tuple[Frame, ...]
    affine: Affine
    notes: tuple[str, ...]


def has_geometry(frame: Frame) -> bool:
    """Whether position, orientation and pixel spacing are all known."""
    return frame.position is not None and frame.orientation is not None and frame.spacing_mm is not None


def normal_of(frame: Frame) -> NDArray[np.float64]:
    """Unit normal of an image: row direction x column direction.

    Raises:
        ValueError: the image has no orientation.
    """
    if frame.orientation is None:
        raise ValueError("orientation is missing")
    normal = np.cross(frame.orientation[:3], frame.orientation[3:])
    return np.asarray(normal / np.linalg.norm(normal), dtype=np.float64)


def projections(frames: Sequence[Frame]) -> NDArray[np.float64]:
    """Position of each image along the normal of the first, in mm.

    Raises:
        ValueError: an image has no position, or the first no orientation.
    """
    positions = [frame.position for frame in frames]
    if None in positions:
        raise ValueError("position is missing")
    return np.asarray(np.array(positions, dtype=np.float64) @ normal_of(frames[0]), dtype=np.float64)


def name_order(frame: Frame) -> tuple[object, ...]:
    """The order of images that geometry cannot tell apart: path in natural order, then place in the file."""
    return (path_key(frame.instance.path), frame.index)


def stack(frames: Sequence[Frame]) -> Stack:
    """Order images by position along their normal, and say where the stack lies.

    The first axis runs from the first to the last position, so a sheared stack stays where it was acquired, and a
    jitter of the positions is averaged out.

    Args:
        frames: images with geometry, of one orientation and matrix, no two at one place.

    Raises:
        ValueError: there are no images, or geometry is missing.
    """
    along = projections(frames)
    order = sorted(range(len(frames)), key=lambda index: (along[index], name_order(frames[index])))
    ordered = tuple(frames[index] for index in order)
    return Stack(frames=ordered, affine=affine_of(ordered), notes=_gaps(along[order]))


def affine_of(ordered: Sequence[Frame]) -> Affine:
    """Where a stack of images already in order lies.

    Raises:
        ValueError: geometry is missing.
    """
    first, last = ordered[0], ordered[-1]
    if first.position is None or last.position is None or first.orientation is None or first.spacing_mm is None:
        raise ValueError("geometry is missing")
    return Affine.of_slices(
        first.position,
        last.position,
        len(ordered),
        row=first.orientation[:3],
        column=first.orientation[3:],
        spacing_mm=first.spacing_mm,
        thickness_mm=first.thickness_mm,
    )


def _gaps(along: NDArray[np.float64]) -> tuple[str, ...]:
    steps = np.diff(along)
    if len(steps) < 2:
        return ()
    usual = float(np.median(steps))
    missing = int(sum(round(float(step) / usual) - 1 for step in steps if usual > 0 and step > GAP_FACTOR * usual))
    if missing == 0:
        return ()
    return (f"{missing} {'slice' if missing == 1 else 'slices'} missing, by the positions of the others",)
