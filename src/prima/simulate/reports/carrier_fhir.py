"""Reports as FHIR R4: a DiagnosticReport a file, and a collection Bundle with patients and studies.

The text stands whole in `presentedForm` (text/plain, base64) and the impression in `conclusion`.
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from prima.simulate.people.case import Case
from prima.simulate.reports.filed import LOINC, LOINC_WORDS, Filed, impression_of, made_up_name
from prima.simulate.reports.written import WrittenReport

_SPACE = uuid.UUID("5f0d8f0e-6f0b-5a53-9a8f-0d5d2c6a9b10")


def diagnostic_report(case: Case, report: WrittenReport) -> dict[str, Any]:
    """A DiagnosticReport that refers to the patient and the study of `bundle`."""
    accession = {
        "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "ACSN"}]},
        "system": "urn:openprima:accession",
        "value": case.accession,
    }
    resource = {
        "resourceType": "DiagnosticReport",
        "id": _identifier("report", case.accession),
        "identifier": [accession],
        "status": "final",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "RAD"}]}],
        "code": {
            "coding": [{"system": "http://loinc.org", "code": LOINC, "display": LOINC_WORDS}],
            "text": case.visit.description,
        },
        "subject": {
            "reference": f"urn:uuid:{_identifier('patient', case.person.patient_id)}",
            "identifier": {"system": "urn:openprima:patient", "value": case.person.patient_id},
        },
        "effectiveDateTime": _instant(case.visit.scanned),
        "issued": _instant(case.visit.reported),
        "imagingStudy": [
            {
                "reference": f"urn:uuid:{_identifier('study', case.study_uid)}",
                "identifier": {"system": "urn:dicom:uid", "value": f"urn:oid:{case.study_uid}"},
            }
        ],
        "presentedForm": [
            {
                "contentType": "text/plain; charset=utf-8",
                "data": base64.b64encode(report.text.encode()).decode("ascii"),
            }
        ],
    }
    conclusion = re.sub(r"\s+", " ", impression_of(report.text))
    return resource | ({"conclusion": conclusion} if conclusion else {})


def bundle(filed: Iterable[Filed]) -> dict[str, Any]:
    """A collection of reports with their patients and imaging studies, each once."""
    entries: dict[str, dict[str, Any]] = {}
    for case, report in filed:
        for resource in (_patient(case), _study(case), diagnostic_report(case, report)):
            entries[f"urn:uuid:{resource['id']}"] = resource
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": address, "resource": resource} for address, resource in entries.items()],
    }


def write_fhir(filed: Iterable[Filed], folder: Path) -> list[Path]:
    """Writes `<accession>.json` for each report and `bundle.json` for all, and returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    filed = list(filed)
    paths = []
    for case, report in filed:
        path = folder / f"{case.accession}.json"
        path.write_text(json.dumps(diagnostic_report(case, report), indent=1), encoding="utf-8")
        paths.append(path)
    path = folder / "bundle.json"
    path.write_text(json.dumps(bundle(filed), indent=1), encoding="utf-8")
    return [*paths, path]


def _patient(case: Case) -> dict[str, Any]:
    family, given_name = made_up_name(case.person)
    return {
        "resourceType": "Patient",
        "id": _identifier("patient", case.person.patient_id),
        "identifier": [{"system": "urn:openprima:patient", "value": case.person.patient_id}],
        "name": [{"family": family, "given": [given_name]}],
        "gender": {"F": "female", "M": "male"}[case.person.sex],
        "birthDate": f"{case.person.birth_year:04d}-01-01",
    }


def _study(case: Case) -> dict[str, Any]:
    return {
        "resourceType": "ImagingStudy",
        "id": _identifier("study", case.study_uid),
        "identifier": [{"system": "urn:dicom:uid", "value": f"urn:oid:{case.study_uid}"}],
        "status": "available",
        "modality": [{"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "MR"}],
        "subject": {"reference": f"urn:uuid:{_identifier('patient', case.person.patient_id)}"},
        "started": _instant(case.visit.scanned),
        "description": case.visit.description,
    }


def _identifier(kind: str, value: str) -> str:
    return str(uuid.uuid5(_SPACE, f"{kind}/{value}"))


def _instant(time: datetime) -> str:
    return time.isoformat(timespec="seconds") + ("" if time.tzinfo else "+00:00")
