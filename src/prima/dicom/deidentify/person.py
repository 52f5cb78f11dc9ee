"""Whose file it is, and which words and numbers give that person away."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import Tag

from prima.dicom.deidentify.folding import spellings
from prima.dicom.deidentify.values import date_of
from prima.dicom.header.element import BROKEN, text, value_of

_PERSON_NAMES = (
    "PatientName", "OtherPatientNames", "PatientBirthName", "PatientMotherBirthName", "ReferringPhysicianName",
    "PerformingPhysicianName", "NameOfPhysiciansReadingStudy", "PhysiciansOfRecord", "OperatorsName",
    "RequestingPhysician", "ResponsiblePerson", "ScheduledPerformingPhysicianName", "ConsultingPhysicianName",
    "NamesOfIntendedRecipientsOfResults", "PersonName", "ReviewerName", "VerifyingObserverName",
    "OrderEnteredBy", "InterpretationAuthor", "InterpretationRecorder", "InterpretationTranscriber",
)  # fmt: skip
_IDENTIFIERS = (
    "PatientID", "AccessionNumber", "OtherPatientIDs", "StudyID", "MedicalRecordLocator", "AdmissionID",
    "PatientTelephoneNumbers", "RequestedProcedureID", "ScheduledProcedureStepID", "PerformedProcedureStepID",
    "ServiceEpisodeID", "PlacerOrderNumberImagingServiceRequest", "FillerOrderNumberImagingServiceRequest",
    "InsurancePlanIdentification", "MilitaryRank", "PatientAddress",
)  # fmt: skip
_PLACES = ("InstitutionName", "InstitutionAddress", "InstitutionalDepartmentName")
_DATES = ("PatientBirthDate", "StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate")
# Character sets that scanners use without declaring them (PS3.3 C.12.1.1.2), tried when the bytes are no UTF-8.
_UNDECLARED = ("cp1252", "iso8859_2", "iso8859_5", "cp1251", "iso8859_7", "iso8859_9")
_UNDECLARED_EAST_ASIAN = ("shift_jis", "euc_jp", "gb18030", "big5", "euc_kr")
_PARTS = re.compile(r"[^\W_]+")
# A number of fewer digits could be any.
_MIN_DIGITS = 5


@dataclass(frozen=True, kw_only=True)
class Person:
    """What a file says of its patient.

    Args:
        key: tells patients apart: PatientID, else that of the study's other files, else name and birth date, else the
            study.
        names: whole names as the header has them, of the patient and of staff; in other readings of the same bytes
            too where the character set is not declared.
        identifiers: patient, accession and other numbers.
        places: institution, its address and department.
        dates: of birth and of the study, eight digits.
    """

    key: str
    names: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()

    @cached_property
    def words(self) -> frozenset[str]:
        """Parts of names and identifiers, lower-case and in every spelling; single letters do not count."""
        parts = [part for value in (*self.names, *self.identifiers) for part in _PARTS.findall(value)]
        whole = (value.lower() for value in self.identifiers)
        found = (*(part.lower() for part in parts), *(form for part in parts for form in spellings(part)), *whole)
        return frozenset(part for part in found if len(part) > 1)

    @cached_property
    def numbers(self) -> frozenset[str]:
        """The digits of identifiers and dates, as `digits_of` gives them, that no number of the file may repeat."""
        found = {digits_of("".join(re.findall(r"[0-9]", value))) for value in self.identifiers}
        found |= {digits_of(run) for value in self.identifiers for run in re.findall(r"[0-9]+", value)}
        for day in self.dates:
            year, month, of_month = day[:4], day[4:6], day[6:]
            found |= {digits_of(form) for form in (day, of_month + month + year, month + of_month + year)}
        return frozenset(digits for digits in found if len(digits) >= _MIN_DIGITS)


def digits_of(number: str) -> str:
    """The digits of a number that tell it apart, without sign, point and zeros at either end.

    Example:
        >>> digits_of("0044.7712E+1"), digits_of("-4477120")
        ('447712', '447712')
    """
    mantissa = re.split(r"[eE]", number.strip())[0]
    return re.sub(r"[^0-9]", "", mantissa).strip("0")


def person_of(dataset: Dataset, patients: Mapping[str, str] | None = None) -> Person:
    """The patient of a file.

    Args:
        patients: StudyInstanceUID → PatientID, for a file that has none of its own.
    """
    names = tuple(dict.fromkeys((*_other_readings(dataset), *_values(dataset, _PERSON_NAMES))))
    identifiers = _values(dataset, _IDENTIFIERS)
    patient = text(dataset, "PatientID") or (patients or {}).get(text(dataset, "StudyInstanceUID") or "")
    identifiers = tuple(dict.fromkeys((*identifiers, patient))) if patient else identifiers
    if patient is None:
        name, born = text(dataset, "PatientName"), date_of(text(dataset, "PatientBirthDate") or "")
        patient = f"{name or ''}|{born or ''}" if name or born else text(dataset, "StudyInstanceUID") or ""
    days = (date_of(text(dataset, keyword) or "") for keyword in _DATES)
    dates = tuple(dict.fromkeys(f"{day:%Y%m%d}" for day in days if day is not None))
    return Person(key=patient, names=names, identifiers=identifiers, places=_values(dataset, _PLACES), dates=dates)


def _values(dataset: Dataset, keywords: tuple[str, ...]) -> tuple[str, ...]:
    found: list[str] = []
    for keyword in keywords:
        value = value_of(dataset, keyword)
        several = value if isinstance(value, MultiValue) else [value]
        found += [str(part).strip() for part in several if part is not None and str(part).strip()]
    return tuple(dict.fromkeys(found))


def _other_readings(dataset: Dataset) -> Iterator[str]:
    """Names whose bytes are not ASCII, in the character sets that may be meant; UTF-8 alone where it fits."""
    for keyword in _PERSON_NAMES:
        for raw in _bytes_of(dataset, keyword):
            if raw.isascii():
                continue
            try:
                yield raw.decode("utf-8").strip(" \0")
                continue
            except UnicodeDecodeError:
                pass
            letters = raw.strip(b" \0").translate(None, b"^= ")
            mostly_high = 2 * sum(byte > 127 for byte in letters) >= len(letters)
            for charset in (*_UNDECLARED, *(_UNDECLARED_EAST_ASIAN if mostly_high else ())):
                try:
                    yield raw.decode(charset).strip(" \0")
                except UnicodeDecodeError:
                    continue


def _bytes_of(dataset: Dataset, keyword: str) -> list[bytes]:
    """The bytes of a name as the file has them."""
    try:
        element = dataset.get_item(Tag(keyword)) if keyword in dataset else None
    except BROKEN:
        return []
    if isinstance(element, RawDataElement):
        return (element.value or b"").split(b"\\")
    values = [] if element is None else element.value if isinstance(element.value, MultiValue) else [element.value]
    originals = (getattr(value, "original_string", b"") for value in values)
    return [original for original in originals if isinstance(original, bytes)]
