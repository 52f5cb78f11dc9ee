"""Splitting by the orientation of the images."""

from __future__ import annotations

import numpy as np

from prima.dicom.header.instance import Frame
from prima.dicom.series.part import SeriesPart
from prima.dicom.series.stack import has_geometry, normal_of
from prima.study.volume import PLANE_OF_AXIS

# In-plane directions closer than this cosine (2.5 degrees) make one stack.
SAME_DIRECTION = 0.999
# Pixel spacings nearer than this share are one.
_SAME_SPACING = 0.01


def by_orientation(part: SeriesPart) -> list[SeriesPart]:
    """One part for each orientation and pixel spacing, named by its plane; images without geometry by themselves."""
    oriented = [frame for frame in part.frames if has_geometry(frame)]
    unknown = tuple(frame for frame in part.frames if not has_geometry(frame))
    stacks: list[list[Frame]] = []
    for frame in oriented:
        home = next((frames for frames in stacks if _same_orientation(frames[0], frame)), None)
        if home is None:
            stacks.append([frame])
        else:
            home.append(frame)
    if not stacks:
        return [part]
    if len(stacks) == 1:
        whole = SeriesPart(frames=tuple(stacks[0]), words=part.words)
        return [whole, SeriesPart(frames=unknown, words=(*part.words, "without geometry"))] if unknown else [whole]
    names = [_plane(frames[0]) for frames in stacks]
    parts = []
    for index, frames in enumerate(stacks):
        rank = names[: index + 1].count(names[index])
        word = names[index] if names.count(names[index]) == 1 else f"{names[index]} {rank}"
        parts.append(SeriesPart(frames=tuple(frames), words=(*part.words, word)))
    if unknown:
        parts.append(SeriesPart(frames=unknown, words=(*part.words, "without geometry")))
    return parts


def _plane(frame: Frame) -> str:
    return PLANE_OF_AXIS[int(np.argmax(np.abs(normal_of(frame))))]


def _same_orientation(first: Frame, second: Frame) -> bool:
    if first.orientation is None or second.orientation is None:
        return False
    if not _same_spacing(first, second):
        return False
    if first.orientation == second.orientation:
        return True
    a, b = np.array(first.orientation).reshape(2, 3), np.array(second.orientation).reshape(2, 3)
    return bool((np.sum(a * b, axis=1) > SAME_DIRECTION).all())


def _same_spacing(first: Frame, second: Frame) -> bool:
    if first.spacing_mm is None or second.spacing_mm is None:
        return False
    pairs = zip(first.spacing_mm, second.spacing_mm, strict=True)
    return all(abs(a - b) <= _SAME_SPACING * a for a, b in pairs)
