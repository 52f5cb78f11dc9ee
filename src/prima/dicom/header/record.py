"""What an archive asks of a file: which instance it is, and what it says of its study and patient."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from pydicom import dcmread
from pydicom.dataset import Dataset

from prima.dicom.header import directory
from prima.dicom.header.deflated import check_inflated_size
from prima.dicom.header.element import text
from prima.dicom.header.facts import acquisition_of, anatomy_of, study_facts
from prima.dicom.header.quiet import quiet
from prima.dicom.header.read import looks_like_dicom, named_errors
from prima.dicom.header.scan import safe_uid
from prima.errors import UnreadableError

_IDENTITY = ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The three UIDs of an instance, each fit for a file name.

    Args:
        suffix: of its file: `.dcm`, or that of a NIfTI file.
    """

    study_uid: str
    series_uid: str
    sop_uid: str
    suffix: str = ".dcm"


class MissingUidError(UnreadableError):
    """A DICOM object that lacks one of the three UIDs that say which instance it is."""


@quiet()
def identity_of(content: Path | bytes, name: str = "") -> Identity | None:
    """Which instance a file, or the bytes of one, is.

    Args:
        content: the file or its bytes.
        name: of bytes; what calls itself DICOM and is none is no other kind of file.

    Returns:
        None when it is no DICOM instance: another kind of file, or a DICOMDIR.

    Raises:
        MissingUidError: it does not say which instance it is.
        UnreadableError: it is DICOM and broken, or may not be read.
    """
    dataset = _read(content, _IDENTITY, name)
    if dataset is None or text(dataset, "SOPClassUID") == directory.SOP_CLASS:
        return None
    meta = dataset.file_meta
    if text(meta, "MediaStorageSOPClassUID") == directory.SOP_CLASS:
        return None
    sop = text(dataset, "SOPInstanceUID") or text(meta, "MediaStorageSOPInstanceUID")
    study, series = text(dataset, "StudyInstanceUID"), text(dataset, "SeriesInstanceUID")
    if sop is None or study is None or series is None:
        raise MissingUidError("a DICOM object without study, series or instance UID")
    return Identity(study_uid=safe_uid(study), series_uid=safe_uid(series), sop_uid=safe_uid(sop))


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRecord:
    """What one file says of its study, identifiers included: for the catalogue of an archive and nothing else."""

    patient_id: str | None
    accession: str | None
    study_date: date | None
    study_time: time | None
    description: str | None
    body_part: str | None
    institution: str | None
    station: str | None
    manufacturer: str | None
    model: str | None
    field_strength_t: float | None
    age_years: float | None
    sex: str | None


@quiet()
def study_record(path: Path) -> StudyRecord:
    """Read the study's facts from one of its files.

    Raises:
        UnreadableError: the file cannot be read.
    """
    dataset = _read(path, None, path.name)
    if dataset is None:
        raise UnreadableError("not a DICOM file")
    facts, scanner = study_facts(dataset), acquisition_of(dataset)
    body = " ".join(dict.fromkeys((text(dataset, "BodyPartExamined") or "", *anatomy_of(dataset)))).strip()
    return StudyRecord(
        patient_id=text(dataset, "PatientID"),
        accession=text(dataset, "AccessionNumber"),
        study_date=_date(text(dataset, "StudyDate")),
        study_time=_time(text(dataset, "StudyTime")),
        description=facts.description,
        body_part=body or None,
        institution=text(dataset, "InstitutionName"),
        station=scanner.station,
        manufacturer=scanner.manufacturer,
        model=scanner.model,
        field_strength_t=scanner.field_strength_t,
        age_years=facts.age_years,
        sex=facts.sex,
    )


def _read(content: Path | bytes, tags: list[str] | None, name: str) -> Dataset | None:
    name = content.name if isinstance(content, Path) else name
    with named_errors(), content.open("rb") if isinstance(content, Path) else BytesIO(content) as file:
        return _parse(file, tags, named=name.lower().endswith(".dcm"))


def _parse(file: BinaryIO, tags: list[str] | None, *, named: bool) -> Dataset | None:
    start = file.read(1024)
    file.seek(0)
    if not looks_like_dicom(start):
        if named:
            raise UnreadableError("named like a DICOM file and is none" if start else "empty file")
        return None
    check_inflated_size(start, file)
    dataset = dcmread(file, stop_before_pixels=True, force=True, specific_tags=tags)
    if not len(dataset):
        raise UnreadableError("not a valid DICOM data set: truncated or damaged")
    return dataset


def _date(value: str | None) -> date | None:
    digits = (value or "").replace(".", "").strip()
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None


def _time(value: str | None) -> time | None:
    digits = (value or "").replace(":", "").strip().ljust(6, "0")
    try:
        return time(int(digits[:2]), int(digits[2:4]), int(digits[4:6]))
    except ValueError:
        return None
