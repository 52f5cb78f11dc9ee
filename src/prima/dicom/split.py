"""Splitting one series into the stacks it holds: orientations, components, b-values, echoes, time points."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from prima.dicom.instance import Frame
from prima.dicom.stack import SAME_PLACE_MM, has_geometry, name_order, normal_of
from prima.study.volume import PLANE_OF_AXIS

# Normals closer than this cosine (2.5 degrees) and equal in-plane directions make one stack.
SAME_DIRECTION = 0.999
# b-values nearer than this share, or than this many s/mm², are one: scanners jitter them between directions.
_SAME_B_SHARE = 0.05
_SAME_B = 20.0
# ImageType values that name another kind of image of the same series.
_KINDS = ("ADC", "TRACEW", "TRACE", "FA", "EADC", "EXP", "MIP", "MINIP", "MNIP", "SUBTRACTION", "FAT", "WATER",
          "IN_PHASE", "OPP_PHASE", "OUT_PHASE", "UNI", "INV1", "INV2")  # fmt: skip

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


def split(frames: Sequence[Frame]) -> tuple[Part, ...]:
    """Split the images of one series into stacks.

    What differs by nature (matrix, orientation, component, kind of image, b-value) always sets apart. Echo time,
    inversion time and time point only do where images lie at the same place, since they may vary from slice to
    slice of one stack.
    """
    parts: list[Part] = [Part(frames=tuple(sorted(frames, key=reading_order)))]
    for key, name in (
        (_matrix, lambda value, _: f"{value[0]}x{value[1]}"),
        (_component, lambda value, _: str(value).lower()),
        (_kind, lambda value, _: str(value).lower()),
    ):
        parts = [new for part in parts for new in _by_value(part, key, name)]
    parts = [new for part in parts for new in _by_orientation(part)]
    parts = [new for part in parts for new in _by_b_value(part)]
    parts = [new for part in parts for new in _by_direction(part)]
    for key, word in ((_echo, "echo"), (_inversion, "inversion")):
        parts = [new for part in parts for new in _where_repeated(part, key, word)]
    return tuple(new for part in parts for new in _by_time(part))


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


def _matrix(frame: Frame) -> Hashable:
    return (frame.rows, frame.columns)


def _component(frame: Frame) -> Hashable:
    return frame.component or "MAGNITUDE"


def _kind(frame: Frame) -> Hashable:
    return next((token for token in frame.image_type[2:] if token in _KINDS), "other")


def _echo(frame: Frame) -> float | None:
    return None if frame.echo_time_ms is None else round(frame.echo_time_ms, 2)


def _inversion(frame: Frame) -> float | None:
    return None if frame.inversion_time_ms is None else round(frame.inversion_time_ms, 1)


def _groups(frames: Sequence[Frame], key: Key) -> dict[Hashable, list[Frame]]:
    groups: dict[Hashable, list[Frame]] = defaultdict(list)
    for frame in frames:
        groups[key(frame)].append(frame)
    return groups


def _by_value(part: Part, key: Key, name: Callable[..., str]) -> list[Part]:
    groups = _groups(part.frames, key)
    if len(groups) < 2:
        return [part]
    return [
        Part(frames=tuple(frames), words=(*part.words, name(value, index)))
        for index, (value, frames) in enumerate(groups.items())
    ]


def _by_orientation(part: Part) -> list[Part]:
    known = [frame for frame in part.frames if has_geometry(frame)]
    unknown = tuple(frame for frame in part.frames if not has_geometry(frame))
    stacks: list[list[Frame]] = []
    for frame in known:
        home = next((frames for frames in stacks if _same_orientation(frames[0], frame)), None)
        if home is None:
            stacks.append([frame])
        else:
            home.append(frame)
    if not stacks:
        return [part]
    if len(stacks) == 1:
        whole = Part(frames=tuple(stacks[0]), words=part.words)
        return [whole, Part(frames=unknown, words=(*part.words, "without geometry"))] if unknown else [whole]
    names = [_plane(frames[0]) for frames in stacks]
    parts = []
    for index, frames in enumerate(stacks):
        rank = names[: index + 1].count(names[index])
        word = names[index] if names.count(names[index]) == 1 else f"{names[index]} {rank}"
        parts.append(Part(frames=tuple(frames), words=(*part.words, word)))
    if unknown:
        parts.append(Part(frames=unknown, words=(*part.words, "without geometry")))
    return parts


def _plane(frame: Frame) -> str:
    return PLANE_OF_AXIS[int(np.argmax(np.abs(normal_of(frame))))]


def _same_orientation(first: Frame, second: Frame) -> bool:
    if first.orientation is None or second.orientation is None:
        return False
    if first.orientation == second.orientation:
        return True
    a, b = np.array(first.orientation).reshape(2, 3), np.array(second.orientation).reshape(2, 3)
    return bool((np.sum(a * b, axis=1) > SAME_DIRECTION).all())


def _by_b_value(part: Part) -> list[Part]:
    values = sorted({frame.b_value for frame in part.frames if frame.b_value is not None})
    if not values:
        return [part]
    level_of: dict[float | None, float] = {}
    level = values[0]
    for value in values:
        if value - level > max(_SAME_B, _SAME_B_SHARE * value):
            level = value
        level_of[value] = level
    if len(set(level_of.values())) < 2 and all(frame.b_value is not None for frame in part.frames):
        return [part]
    level_of[None] = 0.0 if values[0] > _SAME_B else values[0]
    return _by_value(part, lambda frame: level_of[frame.b_value], lambda value, _: b_word(value))


def is_directional(frame: Frame) -> bool:
    """Whether an image is weighted along one gradient direction, rather than a trace image or not weighted."""
    if frame.directionality is not None:
        return frame.directionality in {"DIRECTIONAL", "BMATRIX"}
    return frame.direction is not None and (frame.b_value is None or frame.b_value >= _SAME_B)


def _by_direction(part: Part) -> list[Part]:
    """Set images along one direction apart from trace images, and directions from each other, where repeated."""
    if num_repeats(part.frames) < 2 or not any(is_directional(frame) for frame in part.frames):
        return [part]
    groups = _groups(part.frames, lambda frame: (frame.direction or "one") if is_directional(frame) else "trace")
    trace = groups.pop("trace", [])
    whole = [Part(frames=tuple(trace), words=(*part.words, "trace") if groups else part.words)] if trace else []
    return whole + [
        Part(frames=tuple(frames), words=(*part.words, f"direction {index}"))
        for index, frames in enumerate(groups.values(), start=1)
    ]


def b_word(b_value: float) -> str:
    """The word for a b-value; below the jitter of scanners it is b0."""
    return "b0" if b_value < _SAME_B else f"b{round(b_value)}"


def _where_repeated(part: Part, key: Callable[[Frame], float | None], word: str) -> list[Part]:
    """Split by a value that rises from one image to the next at the same place."""
    repeats = num_repeats(part.frames)
    if repeats < 2:
        return [part]
    groups = _groups(part.frames, key)
    if len(groups) < 2 or None in groups or max(num_repeats(frames) for frames in groups.values()) == repeats:
        return [part]
    ordered = sorted(groups, key=lambda value: float(str(value)))
    return [
        Part(frames=tuple(groups[value]), words=(*part.words, f"{word} {index}"))
        for index, value in enumerate(ordered, start=1)
    ]


def _by_time(part: Part) -> list[Part]:
    """Split images that still lie at one place, by the first value that tells them all apart, else in file order."""
    if num_repeats(part.frames) < 2:
        return [part]
    for key in (_temporal, _acquisition, _trigger):
        groups = _groups(part.frames, key)
        if len(groups) > 1 and None not in groups and max(num_repeats(frames) for frames in groups.values()) == 1:
            ordered = [groups[value] for value in sorted(groups, key=lambda value: float(str(value)))]
            return _times(part, ordered)
    turns: dict[Hashable, int] = defaultdict(int)
    rounds: dict[int, list[Frame]] = defaultdict(list)
    for frame in part.frames:
        rounds[turns[place(frame)]].append(frame)
        turns[place(frame)] += 1
    return _times(part, [rounds[turn] for turn in sorted(rounds)])


def _times(part: Part, groups: Sequence[Sequence[Frame]]) -> list[Part]:
    return [
        Part(frames=tuple(frames), words=(*part.words, f"time {index}"), time_index=index)
        for index, frames in enumerate(groups, start=1)
    ]


def _temporal(frame: Frame) -> int | None:
    return frame.temporal_index


def _acquisition(frame: Frame) -> int | None:
    return frame.acquisition_number


def _trigger(frame: Frame) -> float | None:
    return frame.trigger_time_ms
