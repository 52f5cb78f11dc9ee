"""One acquisition whose slices were each given a SeriesInstanceUID of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence

from prima.dicom.header.instance import Frame
from prima.dicom.header.read import Header
from prima.dicom.series.part import places
from prima.dicom.series.stack import has_geometry

# Fewer slices than this are left as they came.
_LEAST_SLICES = 4


def with_scattered_slices_joined(groups: Sequence[list[Header]]) -> list[list[Header]]:
    """Groups of headers, where those of a single place each that agree in all else are one group.

    They must name the same frame of reference, series description and protocol, and agree in ImageType, matrix, pixel
    spacing, orientation and sequence; what they differ in is the place. The joined group stands where its first did.

    Args:
        groups: the headers of each series.
    """
    alike: dict[Hashable, list[int]] = defaultdict(list)
    for index, group in enumerate(groups):
        key = _key(group)
        if key is not None:
            alike[key].append(index)
    joined = {
        members[0]: members
        for members in alike.values()
        if len(members) >= _LEAST_SLICES and _num_places(groups, members) == len(members)
    }
    absorbed = {index for members in joined.values() for index in members[1:]}
    return [
        [header for member in joined.get(index, [index]) for header in groups[member]]
        for index in range(len(groups))
        if index not in absorbed
    ]


def _frames(group: Sequence[Header]) -> list[Frame]:
    return [frame for _, frames in group for frame in frames]


def _num_places(groups: Sequence[list[Header]], members: Sequence[int]) -> int:
    return len(set(places([_frames(groups[member])[0] for member in members]).values()))


def _key(group: Sequence[Header]) -> Hashable | None:
    """What the slices of one acquisition have in common; None for a series that is no single place."""
    frames = _frames(group)
    first = frames[0]
    instance = first.instance
    if (
        instance.pixels is None
        or instance.frame_of_reference is None
        or not all(map(has_geometry, frames))
        or first.orientation is None
        or first.spacing_mm is None
        or len(set(places(frames).values())) > 1
    ):
        return None
    return (
        instance.frame_of_reference,
        instance.modality,
        instance.description,
        instance.protocol,
        instance.sequence_name,
        first.image_type,
        (first.rows, first.columns),
        tuple(round(value, 3) for value in first.spacing_mm),
        tuple(round(value, 2) + 0.0 for value in first.orientation),
        len(frames),
    )
