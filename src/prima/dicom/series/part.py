"""A part of a series: the images that belong in one stack."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from prima.dicom.header.instance import Frame
from prima.dicom.series.stack import name_order

# Coordinates nearer than this are one: writers round the same position differently.
SAME_PLACE_MM = 0.02

Key = Callable[[Frame], Hashable]


@dataclass(frozen=True, kw_only=True, eq=False)
class SeriesPart:
    """Images of one series that belong in one stack, with the words that set them apart from the others."""

    frames: tuple[Frame, ...]
    words: tuple[str, ...] = ()
    time_index: int | None = None

    @property
    def label(self) -> str | None:
        """What part this is, None when the series was whole."""
        return ", ".join(self.words) or None


def places(frames: Sequence[Frame]) -> dict[Frame, Hashable]:
    """Where each image lies: equal for images at one place, whatever the last digits of their positions say.

    Values of a coordinate that follow each other closer than `SAME_PLACE_MM` are one. An image without a position has
    a place of its own.
    """
    place_of: dict[Frame, Hashable] = {frame: frame for frame in frames}
    positioned = [frame for frame in frames if frame.position is not None]
    if positioned:
        positions = np.array([frame.position for frame in positioned], dtype=np.float64)
        order = np.argsort(positions, axis=0, kind="stable")
        steps = np.diff(np.take_along_axis(positions, order, axis=0), axis=0) > SAME_PLACE_MM
        ranks = np.zeros(positions.shape, dtype=np.int64)
        np.put_along_axis(ranks, order[1:], np.cumsum(steps, axis=0), axis=0)
        place_of.update(zip(positioned, (rank.tobytes() for rank in ranks), strict=True))
    return place_of


def num_repeats(frames: Sequence[Frame]) -> int:
    """The largest number of images at one place."""
    return max(Counter(places(frames).values()).values(), default=0)


def reading_order(frame: Frame) -> tuple[object, ...]:
    """Sort key: InstanceNumber, then file name, then place in the file."""
    instance_number = frame.instance.instance_number
    return (instance_number is None, instance_number or 0, name_order(frame))


def groups_of(frames: Sequence[Frame], key: Key) -> dict[Hashable, list[Frame]]:
    """The images by a value, in order of first appearance."""
    groups: dict[Hashable, list[Frame]] = defaultdict(list)
    for frame in frames:
        groups[key(frame)].append(frame)
    return groups


def by_value(part: SeriesPart, key: Key, name: Callable[[Any], str]) -> list[SeriesPart]:
    """One part for each value, named by it; the part itself when there is only one value."""
    groups = groups_of(part.frames, key)
    if len(groups) < 2:
        return [part]
    return [SeriesPart(frames=tuple(frames), words=(*part.words, name(value))) for value, frames in groups.items()]
