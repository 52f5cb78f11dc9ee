"""From the headers of a study to the study: split, select, decode what is used, stack."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prima.dicom.header.instance import Instance
from prima.dicom.header.quiet import quiet
from prima.dicom.header.read import Header
from prima.dicom.header.scan import ScannedStudy, safe_uid
from prima.dicom.pixels.decode import decode
from prima.dicom.select.evidence import Evidence, evidence_of
from prima.dicom.select.select import MIN_SLICES, Verdict, select
from prima.dicom.series.assemble import Decoded, GeometryError, assemble
from prima.dicom.series.copies import without_copies, without_resent_slices
from prima.dicom.series.joined import with_scattered_slices_joined
from prima.dicom.series.part import SeriesPart
from prima.dicom.series.split import split
from prima.errors import UnreadableError
from prima.study.exclusion import Excluded, Reason
from prima.study.study import Patient, Series, Study


def read_dicom_study(
    study: ScannedStudy,
    *,
    min_slices: int = MIN_SLICES,
    workers: int = 2,
    on_series: Callable[[Series], None] = lambda _: None,
) -> Study:
    """Decode and stack the series of a study that can be used, and say why the others are not.

    Args:
        study: the scanned headers.
        min_slices: a part with fewer slices is not used.
        workers: threads that decode pixels.
        on_series: given each series that is used as soon as it is decoded, in the order of the study.
    """
    series: list[Series] = []
    excluded: list[Excluded] = []
    seen: dict[str, Series] = {}
    with quiet(), ThreadPoolExecutor(max_workers=max(workers, 1)) as pool:
        for headers in by_series(study.headers):
            for result in _read_series(headers, min_slices, pool):
                if isinstance(result, Excluded):
                    excluded.append(result)
                elif (twin := seen.setdefault(_digest(result), result)) is not result:
                    excluded.append(_duplicate(result, twin))
                else:
                    series.append(result)
                    on_series(result)
    return assemble_study(study, series, excluded)


def assemble_study(study: ScannedStudy, series: Sequence[Series], excluded: Sequence[Excluded]) -> Study:
    """A study with the facts of its first file that states each."""
    facts = [instance.study for instance, _ in study.headers]
    return Study(
        study_uid=study.study_uid,
        description=next((fact.description for fact in facts if fact.description), None),
        indication=next((fact.indication for fact in facts if fact.indication), None),
        date=next((fact.date for fact in facts if fact.date), None),
        patient=Patient(
            age_years=next((fact.age_years for fact in facts if fact.age_years is not None), None),
            sex=next((fact.sex for fact in facts if fact.sex), None),
        ),
        series=tuple(series),
        excluded=tuple(excluded),
        notes=study.notes,
    )


def by_series(headers: Sequence[Header]) -> list[list[Header]]:
    """Series in order of their number; one UID under several numbers is several series.

    Slices that were each given a UID or number of their own are one series.
    """
    groups: dict[tuple[str, int | None], list[Header]] = defaultdict(list)
    for header in headers:
        groups[header[0].series_uid, header[0].number].append(header)
    return sorted(
        with_scattered_slices_joined(list(groups.values())),
        key=lambda group: (group[0][0].number is None, group[0][0].number or 0),
    )


@dataclass(frozen=True)
class _Judged:
    evidence: Evidence
    verdict: Verdict | None


def _read_series(headers: Sequence[Header], min_slices: int, pool: Executor) -> list[Series | Excluded]:
    images = [header for header in headers if header[0].pixels is not None or header[0].unreadable is not None]
    beside = len(headers) - len(images)
    notes = [f"{beside} {'object' if beside == 1 else 'objects'} without pixels beside the images"] if beside else []
    if (count := len({(instance.series_uid, instance.number) for instance, _ in headers})) > 1:
        notes.append(f"{count} series of one slice each that agree in all else: joined")
    every = [frame for _, frames in (images or headers) for frame in frames]
    frames = without_copies(every)
    decoder = SeriesDecoder(pool)
    parts, resent = without_resent_slices(split(frames), decoder)
    copies = len(every) - len(frames) + resent
    if copies:
        notes.append(f"{copies} duplicate {'slice' if copies == 1 else 'slices'} left out")
    judged = [_Judged(candidate, select(candidate, min_slices=min_slices)) for candidate in evidence_of(frames, parts)]
    used_parts = [candidate.evidence.part for candidate in judged if candidate.verdict is None]
    decoded = decoder({frame.instance for part in used_parts for frame in part.frames})
    results: list[Series | Excluded] = []
    for candidate in judged:
        results.append(_result(candidate, decoded, notes))
    return _merge(results)


class SeriesDecoder:
    """Decodes files, each once, several at a time; what cannot be decoded stands there as its error."""

    def __init__(self, pool: Executor) -> None:
        self._pool = pool
        self._decoded: dict[Instance, NDArray[np.generic] | UnreadableError] = {}

    def __call__(self, instances: set[Instance]) -> Decoded:
        """The pixels of these files, and of all asked for before."""
        new = [instance for instance in instances if instance not in self._decoded]
        self._decoded.update(zip(new, self._pool.map(_decode_or_error, new), strict=True))
        return self._decoded


def _decode_or_error(instance: Instance) -> NDArray[np.generic] | UnreadableError:
    try:
        return decode(instance)
    except UnreadableError as error:
        return error


def _result(candidate: _Judged, decoded: Decoded, notes: Sequence[str]) -> Series | Excluded:
    part = candidate.evidence.part
    if candidate.verdict is not None:
        return exclude(part, *candidate.verdict)
    try:
        series = assemble(part, decoded, label=part.label, notes=notes)
    except GeometryError as error:
        return exclude(part, Reason.MISSING_GEOMETRY, str(error))
    except UnreadableError as error:
        return exclude(part, Reason.UNREADABLE, str(error))
    voxels = series.volume.voxels
    if voxels.min() == voxels.max():
        return exclude(part, Reason.UNREADABLE, "no image: every voxel has the same value")
    return series


def exclude(part: SeriesPart, reason: Reason, detail: str) -> Excluded:
    """The record of a part that is not used."""
    instance = part.frames[0].instance
    return Excluded(
        series_uid=safe_uid(instance.series_uid),
        number=instance.number,
        description=instance.description,
        part=part.label,
        reason=reason,
        detail=detail,
        num_slices=None if instance.pixels is None else len(part.frames),
    )


def _merge(results: list[Series | Excluded]) -> list[Series | Excluded]:
    """One record for a series whose parts were all excluded for one reason."""
    left_out = [result for result in results if isinstance(result, Excluded)]
    if len(left_out) < 2 or len(left_out) < len(results) or len({result.reason for result in left_out}) > 1:
        return results
    first = left_out[0]
    num_slices = sum(result.num_slices or 0 for result in left_out) or None
    return [
        Excluded(
            series_uid=first.series_uid,
            number=first.number,
            description=first.description,
            reason=first.reason,
            detail=first.detail,
            num_slices=num_slices,
        )
    ]


def _digest(series: Series) -> str:
    volume = series.volume
    digest = hashlib.sha256(f"{volume.voxels.shape} {volume.voxels.dtype}".encode())
    digest.update(np.round(volume.affine, 3).tobytes())
    digest.update(np.ascontiguousarray(volume.voxels).tobytes())
    return digest.hexdigest()


def _duplicate(series: Series, twin: Series) -> Excluded:
    of = "another series" if twin.number is None else f"series {twin.number}"
    return Excluded(
        series_uid=series.series_uid,
        number=series.number,
        description=series.description,
        part=series.part,
        reason=Reason.DUPLICATE,
        detail=f"the same voxels at the same place as {of}",
        num_slices=series.num_slices,
    )
