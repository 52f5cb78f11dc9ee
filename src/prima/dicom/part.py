"""A part of a series: the images that belong in one stack."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from prima.dicom.instance import Frame
from prima.dicom.stack import SAME_PLACE_MM, name_order

Key = Callable[[Frame], Hashable]


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """Images of one series that belong in one stack, with the words that set them apart from the others."""

    frames: tuple[Frame, ...]
    words: tuple[str, ...] = ()
    time_index: int | None = None

    @property
    def label(self) -> str | None:
        """What part this is, None when the series was whole."""
        return ", ".join(self.words) or None


def place(frame: Frame) -> Hashable:
    """Where an image lies, to a hundredth of a millimetre; images without a position share one place each."""
    if frame.position is None:
        return frame
    return tuple(round(value / SAME_PLACE_MM) for value in frame.position)


def num_repeats(frames: Sequence[Frame]) -> int:
    """The largest number of images at one place."""
    counts: dict[Hashable, int] = defaultdict(int)
    for frame in frames:
        counts[place(frame)] += 1
    return max(counts.values(), default=0)


def reading_order(frame: Frame) -> tuple[object, ...]:
    """Sort key: InstanceNumber, then file name, then place in the file."""
    number = frame.instance.instance_number
    return (number is None, number or 0, name_order(frame))


def groups_of(frames: Sequence[Frame], key: Key) -> dict[Hashable, list[Frame]]:
    """The images by a value, in order of first appearance."""
    groups: dict[Hashable, list[Frame]] = defaultdict(list)
    for frame in frames:
        groups[key(frame)].append(frame)
    return groups


def by_value(part: Part, key: Key, name: Callable[[Any], str]) -> list[Part]:
    """One part for each value, named by it; the part itself when there is only one value."""
    groups = groups_of(part.frames, key)
    if len(groups) < 2:
        return [part]
    return [Part(frames=tuple(frames), words=(*part.words, name(value))) for value, frames in groups.items()]
