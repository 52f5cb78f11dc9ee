"""The series of a study judged from headers alone, by the rules that reading uses: no pixel is decoded."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prima.dicom.header.instance import Frame
from prima.dicom.header.quiet import quiet
from prima.dicom.header.read import Header
from prima.dicom.header.scan import ScannedStudy, safe_uid
from prima.dicom.read import by_series
from prima.dicom.select.evidence import evidence_of
from prima.dicom.select.select import MIN_SLICES, Verdict, select
from prima.dicom.series.copies import without_copies
from prima.dicom.series.split import split
from prima.study.exclusion import Reason
from prima.study.volume import PLANE_OF_AXIS, Plane


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesOutline:
    """One series as its headers show it.

    Args:
        num_instances: files.
        num_stacks: stacks that reading would use: 0 when the series is excluded, 2 for b0 and b1000 in one series.
        num_slices: slices of those stacks, or of the whole series when it is excluded.
        reason: why it is excluded, None when a stack of it can be used.
    """

    series_uid: str
    number: int | None
    description: str | None
    protocol: str | None
    modality: str
    plane: Plane | None
    num_instances: int
    num_stacks: int
    num_slices: int
    reason: Reason | None
    detail: str | None


def outline(study: ScannedStudy, *, min_slices: int = MIN_SLICES) -> tuple[SeriesOutline, ...]:
    """Every series of a study, used or excluded with the reason that reading would give.

    What only pixels can tell (a series of one grey value, the same voxels twice, broken compression) is not seen here.
    """
    groups: dict[str, list[list[Header]]] = defaultdict(list)
    with quiet():
        for headers in by_series(study.headers):
            groups[safe_uid(headers[0][0].series_uid)].append(headers)
        return tuple(_outline(uid, numbered, min_slices) for uid, numbered in groups.items())


def _outline(series_uid: str, numbered: Sequence[Sequence[Header]], min_slices: int) -> SeriesOutline:
    used: list[Frame] = []
    every: list[Frame] = []
    verdicts: list[Verdict] = []
    num_stacks = 0
    for headers in numbered:
        images = [header for header in headers if header[0].pixels is not None or header[0].unreadable is not None]
        frames = without_copies([frame for _, found in (images or headers) for frame in found])
        every.extend(frames)
        for evidence in evidence_of(frames, split(frames)):
            verdict = select(evidence, min_slices=min_slices)
            if verdict is None:
                num_stacks += 1
                used.extend(evidence.part.frames)
            else:
                verdicts.append(verdict)
    reason, detail = (None, None) if num_stacks else Counter(verdicts).most_common(1)[0][0]
    shown_frames = used or every
    first = shown_frames[0].instance
    return SeriesOutline(
        series_uid=series_uid,
        number=first.number,
        description=first.description,
        protocol=first.protocol,
        modality=first.modality,
        plane=_plane(shown_frames),
        num_instances=sum(len(headers) for headers in numbered),
        num_stacks=num_stacks,
        num_slices=sum(frame.instance.pixels is not None for frame in shown_frames),
        reason=reason,
        detail=detail,
    )


def _plane(frames: Sequence[Frame]) -> Plane | None:
    orientation = next((frame.orientation for frame in frames if frame.orientation is not None), None)
    if orientation is None:
        return None
    normal = np.cross(orientation[:3], orientation[3:])
    return PLANE_OF_AXIS[int(np.abs(normal).argmax())]
