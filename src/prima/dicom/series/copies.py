"""Slices that were sent twice: the same object again, or the same pixels at the same place under a new UID."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence

import numpy as np

from prima.dicom.header.instance import Frame, Instance
from prima.dicom.series.assemble import Decoded, image_of
from prima.dicom.series.part import SeriesPart, places, reading_order
from prima.errors import UnreadableError

# More rounds of the same places than this are time points, and are not compared.
_MAX_ROUNDS = 3

Decode = Callable[[set[Instance]], Decoded]


def without_copies(frames: Sequence[Frame]) -> tuple[Frame, ...]:
    """The images less those whose SOPInstanceUID, place in the file and position have been seen before."""
    seen: dict[Hashable, Frame] = {}
    for frame in sorted(frames, key=reading_order):
        uid = frame.instance.sop_uid
        seen.setdefault((uid, frame.index, frame.position) if uid else frame, frame)
    return tuple(seen.values())


def without_resent_slices(parts: Sequence[SeriesPart], decode: Decode) -> tuple[list[SeriesPart], int]:
    """Drop later rounds of a stack that are incomplete and repeat the pixels of the first.

    Args:
        parts: the parts of one series.
        decode: decodes files, each once.

    Returns:
        The parts that remain, and how many slices were dropped.
    """
    rounds: dict[tuple[str, ...], list[SeriesPart]] = defaultdict(list)
    for part in parts:
        rounds[part.words[:-1] if part.time_index is not None else part.words].append(part)
    kept: list[SeriesPart] = []
    dropped = 0
    for words, turns in rounds.items():
        again = [part for part in turns[1:] if len(part.frames) < len(turns[0].frames)]
        if not 2 <= len(turns) <= _MAX_ROUNDS or len(again) < len(turns) - 1:
            kept.extend(turns)
        elif _repeat(turns[0].frames, again, decode):
            kept.append(dataclasses.replace(turns[0], words=words, time_index=None))
            dropped += sum(len(part.frames) for part in again)
        else:
            kept.extend(turns)
    return kept, dropped


def _repeat(first: Sequence[Frame], again: Sequence[SeriesPart], decode: Decode) -> bool:
    """Whether every image of the later rounds equals the one of the first round at its place."""
    later = [frame for part in again for frame in part.frames]
    place = places([*first, *later])
    twins = {place[frame]: frame for frame in first}
    pairs = [(frame, twins.get(place[frame])) for frame in later]
    decoded = decode({frame.instance for pair in pairs for frame in pair if frame is not None})
    try:
        return all(
            twin is not None and np.array_equal(image_of(frame, decoded), image_of(twin, decoded))
            for frame, twin in pairs
        )
    except UnreadableError:
        return False
