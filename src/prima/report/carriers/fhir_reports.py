"""Reports from FHIR R4: DiagnosticReport, DocumentReference and Composition, alone, in a bundle, a list, or one a line.

The text is that of every form that is text (`presentedForm`, attachments; plain, HTML, RTF), the narrative, results
that are text, and the conclusion, in this order; what a part only repeats is left out. A generated narrative beside
other text is its summary. Patient and study are taken from the references themselves, else from the resources of the
same file, or contained, that they point to.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any

from prima.report.carriers import fhir_numbers
from prima.report.carriers.fhir_resources import (
    FhirFile,
    PlacedResource,
    Resource,
    identifiers,
    objects,
    other,
    problem,
    string,
)
from prima.report.carriers.moment import read_moment
from prima.report.carriers.parts import ReportPart, joined, without_copies
from prima.report.carriers.people import plain_name
from prima.report.carriers.plain_text import decoded, plain_text, text_of_html
from prima.report.carriers.status import FHIR_DOCUMENT, FHIR_REPORT, VOID, least_final, status_in
from prima.report.report import Problem, Report, ReportStatus
from prima.report.sections import section_named

_KINDS = ("DiagnosticReport", "DocumentReference", "Composition")
_TEXT_TYPES = ("text/", "application/rtf", "application/xhtml", "application/x-rtf")
_UNREAD_TEXT_TYPES = ("text/xml", "text/json", "text/calendar", "text/vcard", "text/csv")
_DEEPEST_SECTION = 8
_CLINICIANS = ("performer", "resultsInterpreter", "author", "authenticator", "recorder")


class _NoText(Exception):  # noqa: N818 - no error: an answer, in its words
    """What a resource holds in place of text."""


def reports_from_fhir(data: bytes, name: str) -> Iterator[Report | Problem]:
    """The reports of a file of resources, in its order.

    Example:
        >>> data = b'{"resourceType": "DiagnosticReport", "status": "final", "conclusion": "No mass."}'
        >>> [report.text for report in reports_from_fhir(data, "a.json")]
        ['IMPRESSION: No mass.']
    """
    file = FhirFile(data, name)
    yield from file.problems
    found = [placed for placed in file.resources if placed.resource["resourceType"] in _KINDS]
    reports = [placed for placed in found if placed.resource["resourceType"] == "DiagnosticReport"]
    in_reports = {id(part) for placed in reports for part in _documents_of(placed, file)}
    for placed in found:
        if id(placed.resource) not in in_reports:
            yield _report(placed, file)
    if not found and file.resources:
        yield other(name, "no DiagnosticReport, DocumentReference or Composition", "at least one", "leave the file out")


def _documents_of(report: PlacedResource, file: FhirFile) -> list[Resource]:
    """Documents that a report refers to: they are parts of it."""
    found = [file.target(part, report) for part in objects(report.resource.get("composition"))]
    found += [file.target(part.get("link"), report) for part in objects(report.resource.get("media"))]
    return [part for part in found if part is not None and part.get("resourceType") in _KINDS[1:]]


def _report(placed: PlacedResource, file: FhirFile) -> Report | Problem:
    resource = placed.resource
    status = _status(resource)
    text = ""
    if status not in VOID:
        try:
            text = _text_of(placed, file)
        except _NoText as found:
            return problem(placed.place, str(found), "text/plain, HTML or RTF, or a conclusion", "ask for the text")
    written = (
        string(resource.get("issued")) or string(resource.get("date")) or string(resource.get("effectiveDateTime"))
    )
    filed_at = read_moment(written)
    if written and filed_at is None and status not in VOID:
        return problem(placed.place, "a time of report that cannot be read", "an instant", "correct issued or date")
    subject = resource.get("subject")
    return Report(
        text=text,
        study_uid=_study_uid(placed, file),
        accession=_accession(placed, file),
        patient_id=_patient_id(subject, placed, file),
        filed_at=filed_at,
        report_status=status,
        source=placed.place,
        names=_names(subject, placed, file),
        numbers=fhir_numbers.numbers_of(placed, file),
        adds_to=fhir_numbers.parents_of(placed, file),
    )


def _status(resource: Resource) -> ReportStatus:
    """A status is required in FHIR: without one, how far a report is remains unknown."""
    stated = string(resource.get("status"))
    if resource["resourceType"] != "DocumentReference":
        return status_in(FHIR_REPORT, stated) if stated else "unknown"
    if not stated:
        return "unknown"
    return least_final((status_in(FHIR_DOCUMENT, stated), status_in(FHIR_REPORT, string(resource.get("docStatus")))))


def _text_of(placed: PlacedResource, file: FhirFile) -> str:
    """The text of a resource.

    Raises:
        _NoText: there is none.
    """
    resource = placed.resource
    forms = [*objects(resource.get("presentedForm"))]
    forms += [form for part in objects(resource.get("content")) for form in objects(part.get("attachment"))]
    parts, trouble = _forms(forms, placed, file)
    for document in _documents_of(placed, file):
        inner = PlacedResource(document, placed.place, placed.contained)
        more = [form for part in objects(document.get("content")) for form in objects(part.get("attachment"))]
        found, troubles = _forms(more, inner, file)
        parts += [*found, *_sections(document, 0)]
        trouble += troubles
    parts += _sections(resource, 0)
    narrative = resource.get("text")
    div = string(narrative.get("div")) if isinstance(narrative, dict) else None
    is_summary = isinstance(narrative, dict) and narrative.get("status") in ("generated", "empty")
    conclusion = string(resource.get("conclusion"))
    if div and not (is_summary and (parts or resource["resourceType"] == "Composition")):
        parts.append(ReportPart(_html(div)))
    parts += _results(placed, file)
    if conclusion:
        parts.append(ReportPart(plain_text(conclusion), "impression"))
    if trouble:
        # Nothing says that what cannot be read repeats what can.
        raise _NoText(trouble[0])
    text = joined(without_copies(parts))
    if not text.strip():
        kinds = sorted({_shown(form) for form in forms})
        raise _NoText(f"no text{' (only ' + ', '.join(kinds) + ')' if kinds else ''}")
    return text


def _forms(forms: list[Resource], placed: PlacedResource, file: FhirFile) -> tuple[list[ReportPart], list[str]]:
    """The forms that are text, and what is wrong with those that should be."""
    parts, trouble = list[ReportPart](), list[str]()
    for form in forms:
        data, kind = form.get("data"), string(form.get("contentType"))
        if not data and string(form.get("url")):
            binary = file.target({"reference": form["url"]}, placed)
            if binary is not None and binary.get("resourceType") == "Binary":
                data, kind = binary.get("data"), kind or string(binary.get("contentType"))
        kind = (kind or "text/plain").lower()
        if not kind.startswith(_TEXT_TYPES) or kind.startswith(_UNREAD_TEXT_TYPES):
            continue
        if not string(data):
            continue  # it lies elsewhere
        try:
            text = _form_text(str(data), kind)
        except binascii.Error:
            trouble.append("presentedForm that is not base64")
        except ValueError as error:
            trouble.append(str(error))
        else:
            parts.append(ReportPart(text, section_named(string(form.get("title")) or "")))
    return parts, trouble


def _shown(form: Resource) -> str:
    kind = re.sub(r"[^\w/.+; =-]", "", str(form.get("contentType")))[:40]
    return f"{kind} elsewhere" if form.get("url") and not form.get("data") else kind


def _form_text(data: str, kind: str) -> str:
    charset = re.search(r"charset=[\"']?([\w.:-]{1,40})", kind)
    text = decoded(base64.b64decode("".join(data.split()), validate=True), charset[1] if charset else None)
    return text_of_html(text) if "html" in kind else plain_text(text)


def _html(markup: str) -> str:
    try:
        return text_of_html(markup)
    except ValueError:
        return ""


def _sections(resource: Resource, depth: int) -> list[ReportPart]:
    """The sections of a Composition, in their order, those inside them after them."""
    parts: list[ReportPart] = []
    for section in objects(resource.get("section")) if depth < _DEEPEST_SECTION else []:
        narrative = section.get("text")
        div = string(narrative.get("div")) if isinstance(narrative, dict) else None
        title = string(section.get("title")) or _code_text(section.get("code"))
        if div:
            parts.append(ReportPart(_html(div), section_named(title)))
        parts += _sections(section, depth + 1)
    return parts


def _results(placed: PlacedResource, file: FhirFile) -> list[ReportPart]:
    """Observations whose value is text, of a report."""
    parts: list[ReportPart] = []
    for reference in objects(placed.resource.get("result")):
        observation = file.target(reference, placed)
        if observation is None or observation.get("resourceType") != "Observation":
            continue
        if _status(observation) in VOID:
            continue
        value = string(observation.get("valueString")) or _code_text(observation.get("valueCodeableConcept"))
        if value:
            name = _code_text(observation.get("code"))
            section = section_named(name)
            text = plain_text(value)
            parts.append(ReportPart(f"{name}: {text}" if name and section is None else text, section))
    return parts


def _code_text(value: Any) -> str:
    """The words of a coded value."""
    if not isinstance(value, dict):
        return ""
    shown = (string(code.get("display")) for code in objects(value.get("coding")))
    return string(value.get("text")) or next((text for text in shown if text), "")


def _patient_id(subject: Any, placed: PlacedResource, file: FhirFile) -> str | None:
    target = file.target(subject, placed)
    found = identifiers(subject.get("identifier")) if isinstance(subject, dict) else []
    found += identifiers(target.get("identifier")) if target else []
    return next((value for kind, value in found if "MR" in kind.split()), found[0][1] if found else None)


def _names(subject: Any, placed: PlacedResource, file: FhirFile) -> tuple[str, ...]:
    """Names of the patient, of contacts, and of who ordered, performed, read and signed."""
    target = file.target(subject, placed) or {}
    found = [string(subject.get("display"))] if isinstance(subject, dict) else []
    found += _stated_names(target)
    for contact in objects(target.get("contact")):
        found += _stated_names(contact)
    resource = placed.resource
    clinicians = [part for field in _CLINICIANS for part in objects(resource.get(field))]
    clinicians += [party for part in objects(resource.get("attester")) for party in objects(part.get("party"))]
    for order in objects(resource.get("basedOn")):
        clinicians += objects((file.target(order, placed) or {}).get("requester"))
    for clinician in clinicians:
        found += _names_of_clinician(clinician, placed, file)
    return tuple(dict.fromkeys(name for name in found if name))


def _names_of_clinician(reference: Resource, placed: PlacedResource, file: FhirFile) -> list[str | None]:
    """What a reference shows, and the name of whom it leads to, through a role too; organisations have none."""
    found: list[str | None] = [plain_name(string(reference.get("display")) or "")]
    target = file.target(reference, placed) or {}
    if target.get("resourceType") == "Organization":
        return []
    found += _stated_names(target)
    for practitioner in objects(target.get("practitioner")):
        found += [plain_name(string(practitioner.get("display")) or "")]
        found += _stated_names(file.target(practitioner, placed) or {})
    return found


def _stated_names(resource: Resource) -> list[str | None]:
    found: list[str | None] = []
    for name in objects(resource.get("name")):
        given = name.get("given")
        parts = [string(name.get("family")), *(map(string, given) if isinstance(given, list) else [])]
        found += ["^".join(part for part in parts if part), plain_name(string(name.get("text")) or "")]
    return found


def _accession(placed: PlacedResource, file: FhirFile) -> str | None:
    resource, context = placed.resource, placed.resource.get("context")
    found = identifiers(resource.get("identifier"))
    related = objects(context.get("related")) if isinstance(context, dict) else []
    for order in [*objects(resource.get("basedOn")), *related]:
        target = file.target(order, placed)
        found += identifiers(order.get("identifier")) + (identifiers(target.get("identifier")) if target else [])
    marked = [value for kind, value in found if "ACSN" in kind.split() or "accession" in kind.lower()]
    return next(iter(marked), found[0][1] if found else None)


def _study_uid(placed: PlacedResource, file: FhirFile) -> str | None:
    resource, context = placed.resource, placed.resource.get("context")
    studies = [*objects(resource.get("imagingStudy")), *objects(resource.get("study"))]
    studies += objects(context.get("related")) if isinstance(context, dict) else []
    for study in studies:
        target = file.target(study, placed)
        found = identifiers(study.get("identifier")) + (identifiers(target.get("identifier")) if target else [])
        for kind, value in found:
            if "dicom:uid" in kind:
                return value.removeprefix("urn:oid:")
    return None
