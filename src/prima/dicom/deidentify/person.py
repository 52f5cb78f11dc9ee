"""Whose file it is, and which words give that person away."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from prima.dicom.deidentify.values import date_of
from prima.dicom.header.element import text, value_of

_PERSON_NAMES = (
    "PatientName", "OtherPatientNames", "PatientBirthName", "PatientMotherBirthName", "ReferringPhysicianName",
    "PerformingPhysicianName", "NameOfPhysiciansReadingStudy", "PhysiciansOfRecord", "OperatorsName",
    "RequestingPhysician", "ResponsiblePerson", "ScheduledPerformingPhysicianName", "ConsultingPhysicianName",
)  # fmt: skip
_IDENTIFIERS = ("PatientID", "AccessionNumber", "OtherPatientIDs", "StudyID", "MedicalRecordLocator", "AdmissionID")
_PLACES = ("InstitutionName", "InstitutionAddress", "InstitutionalDepartmentName")
_PARTS = re.compile(r"[^\W_]+")


@dataclass(frozen=True, kw_only=True)
class Person:
    """What a file says of its patient.

    Args:
        key: tells patients apart: PatientID, else name and birth date, else the study.
        names: whole names as the header has them, of the patient and of staff.
        identifiers: patient, accession and other numbers.
        places: institution, its address and department.
    """

    key: str
    names: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    places: tuple[str, ...] = ()

    @property
    def words(self) -> frozenset[str]:
        """Parts of names and identifiers, lower-case; single letters do not count."""
        found = (part.lower() for value in (*self.names, *self.identifiers) for part in _PARTS.findall(value))
        whole = (value.lower() for value in self.identifiers)
        return frozenset(part for part in (*found, *whole) if len(part) > 1)


def person_of(dataset: Dataset) -> Person:
    """The patient of a file."""
    names = _values(dataset, _PERSON_NAMES)
    identifiers = _values(dataset, _IDENTIFIERS)
    patient = text(dataset, "PatientID")
    if patient is None:
        name, born = text(dataset, "PatientName"), date_of(text(dataset, "PatientBirthDate") or "")
        patient = f"{name or ''}|{born or ''}" if name or born else text(dataset, "StudyInstanceUID") or ""
    return Person(key=patient, names=names, identifiers=identifiers, places=_values(dataset, _PLACES))


def _values(dataset: Dataset, keywords: tuple[str, ...]) -> tuple[str, ...]:
    found: list[str] = []
    for keyword in keywords:
        value = value_of(dataset, keyword)
        several = value if isinstance(value, MultiValue) else [value]
        found += [str(one).strip() for one in several if one is not None and str(one).strip()]
    return tuple(dict.fromkeys(found))
