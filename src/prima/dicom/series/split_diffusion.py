"""Splitting diffusion-weighted images by b-value, and directions from trace images."""

from __future__ import annotations

from prima.dicom.header.instance import Frame
from prima.dicom.series.part import SeriesPart, by_value, groups_of, num_repeats

# b-values nearer than this share, or than this many s/mm², are one: scanners jitter them between directions.
_SAME_B_SHARE = 0.05
_SAME_B = 20.0


def by_b_value(part: SeriesPart) -> list[SeriesPart]:
    """One part for each b-value; images without one count as b0 beside others that have one."""
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
    return by_value(part, lambda frame: level_of[frame.b_value], b_word)


def is_directional(frame: Frame) -> bool:
    """Whether an image is weighted along one gradient direction, rather than a trace image or not weighted."""
    if frame.directionality is not None:
        return frame.directionality in {"DIRECTIONAL", "BMATRIX"}
    return frame.direction is not None and (frame.b_value is None or frame.b_value >= _SAME_B)


def by_direction(part: SeriesPart) -> list[SeriesPart]:
    """Set images along one direction apart from trace images, and directions from each other, where repeated."""
    if num_repeats(part.frames) < 2 or not any(is_directional(frame) for frame in part.frames):
        return [part]
    groups = groups_of(part.frames, lambda frame: (frame.direction or "one") if is_directional(frame) else "trace")
    trace = groups.pop("trace", [])
    whole = [SeriesPart(frames=tuple(trace), words=(*part.words, "trace") if groups else part.words)] if trace else []
    return whole + [
        SeriesPart(frames=tuple(frames), words=(*part.words, f"direction {index}"))
        for index, frames in enumerate(groups.values(), start=1)
    ]


def b_word(b_value: float) -> str:
    """The word for a b-value; below the jitter of scanners it is b0."""
    return "b0" if b_value < _SAME_B else f"b{round(b_value)}"
