"""Splitting one series into the stacks it holds: matrices, components, orientations, b-values, echoes, time points."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence

from prima.dicom.header.instance import Frame
from prima.dicom.series.part import SeriesPart, by_value, groups_of, num_repeats, places, reading_order
from prima.dicom.series.split_diffusion import by_b_value, by_direction
from prima.dicom.series.split_orientation import by_orientation

# ImageType values that name another kind of image of the same series.
_KINDS = ("ADC", "TRACEW", "TRACE", "FA", "EADC", "EXP", "MIP", "MINIP", "MNIP", "SUBTRACTION", "FAT", "WATER", "W",
          "F", "IP", "OP", "IN", "OPP", "IN_PHASE", "OPP_PHASE", "OUT_PHASE", "UNI", "INV1", "INV2")  # fmt: skip


def split(frames: Sequence[Frame]) -> tuple[SeriesPart, ...]:
    """Split the images of one series into stacks.

    What differs by nature (matrix, orientation, component, kind of image, b-value) always sets apart. Echo time,
    inversion time and time point only do where images lie at the same place, since they may vary from slice to
    slice of one stack.
    """
    parts: list[SeriesPart] = [SeriesPart(frames=tuple(sorted(frames, key=reading_order)))]
    for key, name in (
        (_matrix, lambda value: f"{value[0]}x{value[1]}"),
        (_component, lambda value: str(value).lower()),
        (_kind, lambda value: str(value).lower()),
    ):
        parts = [new for part in parts for new in by_value(part, key, name)]
    parts = [new for part in parts for new in by_orientation(part)]
    parts = [new for part in parts for new in by_b_value(part)]
    parts = [new for part in parts for new in by_direction(part)]
    for key, word in ((_echo, "echo"), (_inversion, "inversion")):
        parts = [new for part in parts for new in _where_repeated(part, key, word)]
    return tuple(new for part in parts for new in _by_time(part))


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


def _where_repeated(part: SeriesPart, key: Callable[[Frame], float | None], word: str) -> list[SeriesPart]:
    """Split by a value that rises from one image to the next at the same place."""
    repeats = num_repeats(part.frames)
    if repeats < 2:
        return [part]
    groups = groups_of(part.frames, key)
    if len(groups) < 2 or None in groups or max(num_repeats(frames) for frames in groups.values()) == repeats:
        return [part]
    ordered = sorted(groups, key=lambda value: float(str(value)))
    return [
        SeriesPart(frames=tuple(groups[value]), words=(*part.words, f"{word} {index}"))
        for index, value in enumerate(ordered, start=1)
    ]


def _by_time(part: SeriesPart) -> list[SeriesPart]:
    """Split images that still lie at one place, by the first value that tells them all apart, else in file order."""
    if num_repeats(part.frames) < 2:
        return [part]
    for key in (_temporal, _acquisition, _trigger):
        groups = groups_of(part.frames, key)
        if len(groups) > 1 and None not in groups and max(num_repeats(frames) for frames in groups.values()) == 1:
            ordered = [groups[value] for value in sorted(groups, key=lambda value: float(str(value)))]
            return _times(part, ordered)
    turns: dict[Hashable, int] = defaultdict(int)
    rounds: dict[int, list[Frame]] = defaultdict(list)
    for frame, place in places(part.frames).items():
        rounds[turns[place]].append(frame)
        turns[place] += 1
    return _times(part, [rounds[turn] for turn in sorted(rounds)])


def _times(part: SeriesPart, groups: Sequence[Sequence[Frame]]) -> list[SeriesPart]:
    return [
        SeriesPart(frames=tuple(frames), words=(*part.words, f"time {index}"), time_index=index)
        for index, frames in enumerate(groups, start=1)
    ]


def _temporal(frame: Frame) -> int | None:
    return frame.temporal_index


def _acquisition(frame: Frame) -> int | None:
    return frame.acquisition_number


def _trigger(frame: Frame) -> float | None:
    return frame.trigger_time_ms
