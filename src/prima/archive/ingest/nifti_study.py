"""A NIfTI study as it lies in an archive: read whole for tokens, or series by series for its rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from prima.archive.ingest.nifti import CATALOGUE_FACTS, is_nifti_name
from prima.dicom.header.record import StudyRecord
from prima.dicom.outline import SeriesOutline
from prima.study.bids import Sidecar, read_sidecar
from prima.study.exclusion import Excluded, Reason
from prima.study.nifti import read_nifti_study
from prima.study.study import Series, Study


def is_nifti_study(files: Sequence[Path]) -> bool:
    """Whether stored files are those of a NIfTI study; none holds both kinds."""
    return bool(files) and is_nifti_name(files[0].name)


def read_archived_nifti(study_uid: str, files: Sequence[Path]) -> Study:
    """The study, under the UIDs that the archive gave it.

    Args:
        study_uid: of the archive.
        files: its images as `Archive.instances` lists them.
    """
    series: list[Series] = []
    excluded: list[Excluded] = []
    whole: Study | None = None
    for found in _by_file(files):
        whole = whole or found.study
        series.extend(found.series)
        excluded.extend(found.excluded)
    return Study(
        study_uid=study_uid,
        description=whole.description if whole else None,
        patient=whole.patient if whole else Study(study_uid=study_uid).patient,
        series=tuple(series),
        excluded=tuple(excluded),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _FileFound:
    """What one file gave; its series and exclusions carry the UID of the archive."""

    path: Path
    study: Study
    series: tuple[Series, ...]
    excluded: tuple[Excluded, ...]


def _by_file(files: Sequence[Path]) -> Iterator[_FileFound]:
    """Each file read by itself, in the order of series numbers; the second of two with the same voxels is left out."""
    seen: set[str] = set()
    for path in sorted(files, key=_order):
        study = read_nifti_study([path])
        uid = path.parent.name
        content = {entry.series_uid for entry in study.series} | {entry.series_uid for entry in study.excluded}
        excluded = tuple(replace(entry, series_uid=uid) for entry in study.excluded)
        series = tuple(replace(entry, series_uid=uid) for entry in study.series)
        if content & seen:
            sidecar = read_sidecar(path)
            copy = Excluded(
                series_uid=uid,
                number=sidecar.series_number,
                description=sidecar.text("SeriesDescription"),
                reason=Reason.DUPLICATE,
                detail="same voxels as another file of the study",
            )
            excluded = (copy,)
            series = ()
        seen |= content
        yield _FileFound(path=path, study=study, series=series, excluded=excluded)


def _order(path: Path) -> tuple[bool, int, str, str]:
    sidecar = read_sidecar(path)
    number = sidecar.series_number
    return number is None, number or 0, sidecar.text("SeriesDescription") or "", path.name


def nifti_outline(files: Sequence[Path]) -> tuple[SeriesOutline, ...]:
    """Every series of a study, used or excluded, one file in memory at a time."""
    return tuple(_outline(found) for found in _by_file(files))


def _outline(found: _FileFound) -> SeriesOutline:
    sidecar = read_sidecar(found.path)
    number, description = sidecar.series_number, sidecar.text("SeriesDescription")
    first = found.series[0] if found.series else None
    left_out = found.excluded[0] if found.excluded and first is None else None
    return SeriesOutline(
        series_uid=found.path.parent.name,
        number=number,
        description=description,
        protocol=sidecar.text("ProtocolName"),
        modality="MR",
        plane=first.plane if first else None,
        num_instances=1,
        num_stacks=len(found.series),
        num_slices=(left_out.num_slices or 0) if left_out else sum(series.num_slices for series in found.series),
        reason=left_out.reason if left_out else None,
        detail=left_out.detail if left_out else None,
    )


def nifti_record(path: Path) -> StudyRecord:
    """What the json of an image says of its study."""
    sidecar = read_sidecar(path)
    facts = _catalogue_facts(path)
    acquisition, patient = sidecar.acquisition, sidecar.patient
    return StudyRecord(
        patient_id=facts.get("patient_id"),
        accession=facts.get("accession"),
        study_date=_day(facts.get("study_date")),
        study_time=None,
        description=sidecar.text("StudyDescription"),
        body_part=sidecar.text("BodyPartExamined"),
        institution=sidecar.text("InstitutionName") or facts.get("dataset"),
        station=acquisition.station,
        manufacturer=acquisition.manufacturer,
        model=acquisition.model,
        field_strength_t=acquisition.field_strength_t,
        age_years=patient.age_years,
        sex=patient.sex,
    )


def _catalogue_facts(path: Path) -> dict[str, Any]:
    values: Sidecar = read_sidecar(path)
    facts = values.values.get(CATALOGUE_FACTS)
    return {key: value for key, value in facts.items() if isinstance(value, str)} if isinstance(facts, dict) else {}


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None
