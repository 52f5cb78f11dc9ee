"""Reports from FHIR R4: a DiagnosticReport, a Bundle of them, a list, or one resource a line (NDJSON).

The text is that of `presentedForm` (plain before HTML), else the narrative, else the conclusion. Patient and study are
taken from the references themselves, else from the resources of the same file that they point to.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from prima.report.carrier_csv import status_of
from prima.report.moment import read_moment
from prima.report.report import Problem, Report, clean

_VOID = ("cancelled", "entered-in-error")
Resources = Mapping[str, Mapping[str, Any]]


def reports_from_fhir(data: bytes, name: str) -> Iterator[Report | Problem]:
    """The reports of a file of resources, in its order.

    Example:
        >>> data = b'{"resourceType": "DiagnosticReport", "status": "final", "conclusion": "No mass."}'
        >>> [report.text for report in reports_from_fhir(data, "a.json")]
        ['IMPRESSION: No mass.']
    """
    resources: list[tuple[str, Any]] = []
    for place, value in _values(data, name):
        if isinstance(value, Problem):
            yield value
        else:
            resources += _unpacked(value, place)
    known: dict[str, Mapping[str, Any]] = {}
    for place, value in resources:
        if isinstance(value, dict):
            known[place] = value
            known.setdefault(f"{value.get('resourceType')}/{value.get('id')}", value)
            if isinstance(value.get("_fullUrl"), str):
                known.setdefault(value["_fullUrl"], value)
    num_reports = 0
    for place, value in resources:
        if not isinstance(value, dict) or not isinstance(value.get("resourceType"), str):
            yield _problem(place, "a value that is no resource", "an object with resourceType", "leave it out")
            num_reports += 1
        elif value["resourceType"] == "DiagnosticReport":
            yield _report(value, known, place)
            num_reports += 1
    if not num_reports and resources:
        yield _problem(name, "no DiagnosticReport", "at least one", "leave the file out")


def _values(data: bytes, name: str) -> Iterator[tuple[str, Any]]:
    """The JSON values of a file with their places: one, or one a line."""
    text = data.decode("utf-8-sig", "replace").strip()
    if not text:
        yield name, _problem(name, "an empty file", "FHIR R4 as JSON", "export it again")
        return
    try:
        yield name, json.loads(text)
        return
    except (ValueError, RecursionError) as error:
        lines = text.splitlines()
        if len(lines) < 2 or not all(line.strip().startswith("{") for line in lines if line.strip()):
            yield name, _problem(name, f"broken JSON ({_why(error)})", "FHIR R4 as JSON", "export it again")
            return
    for number, line in enumerate(lines, 1):
        if line.strip():
            place = f"{name}: line {number}"
            try:
                yield place, json.loads(line)
            except (ValueError, RecursionError) as error:
                yield place, _problem(place, f"broken JSON ({_why(error)})", "one resource a line", "export it again")


def _why(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos}"
    return type(error).__name__


def _unpacked(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Resources of a bundle or list, each with its place."""
    if isinstance(value, list):
        for number, part in enumerate(value, 1):
            yield from _unpacked(part, f"{place}: resource {number}")
    elif isinstance(value, dict) and value.get("resourceType") == "Bundle":
        entries = value.get("entry")
        for number, entry in enumerate(entries if isinstance(entries, list) else [], 1):
            resource = entry.get("resource") if isinstance(entry, dict) else entry
            if isinstance(resource, dict) and isinstance(entry.get("fullUrl"), str):
                resource = {**resource, "_fullUrl": entry["fullUrl"]}
            yield from _unpacked(resource, f"{place}: entry {number}")
        if not isinstance(entries, list):
            yield place, None
    else:
        yield place, value


def _report(resource: Mapping[str, Any], known: Resources, place: str) -> Report | Problem:
    status = _string(resource.get("status"))
    if status in _VOID:
        return _problem(place, f"status {status}", "a report that stands", "leave it out: it was withdrawn")
    text = _text_of(resource)
    if isinstance(text, str) and text.startswith("\x00"):
        return _problem(place, text[1:], "presentedForm as text/plain in base64, or a conclusion", "ask for the text")
    study = next(iter([*_objects(resource.get("imagingStudy")), *_objects(resource.get("study"))]), None)
    return Report(
        text=clean(text),
        study_uid=_study_uid(study, known),
        accession=_accession(resource, known),
        patient_id=_patient_id(resource.get("subject"), known),
        filed_at=read_moment(_string(resource.get("issued")) or _string(resource.get("effectiveDateTime"))),
        report_status="preliminary" if status in ("registered", "partial") else status_of(status),
        source=place,
    )


def _text_of(resource: Mapping[str, Any]) -> str:
    """The text; or, after a NUL, what was found instead."""
    forms = _objects(resource.get("presentedForm"))
    trouble = ""
    for wanted in ("text/plain", "text/html", ""):
        for form in forms:
            kind = (_string(form.get("contentType")) or "text/plain").lower()
            if not kind.startswith(wanted or "text/") or not _string(form.get("data")):
                continue
            try:
                data = base64.b64decode(_string(form["data"]) or "", validate=False)
            except (binascii.Error, ValueError):
                trouble = "presentedForm that is not base64"
                continue
            charset = re.search(r"charset=\"?([\w-]+)", kind)
            text = _decoded(data, charset[1] if charset else "utf-8")
            return _plain(text) if "html" in kind else text
    narrative = resource.get("text")
    div = _string(narrative.get("div")) if isinstance(narrative, dict) else None
    if div and _plain(div).strip():
        return _plain(div)
    conclusion = _string(resource.get("conclusion"))
    if conclusion:
        return f"IMPRESSION: {conclusion}"
    if trouble:
        return f"\x00{trouble}"
    kinds = sorted({str(form.get("contentType"))[:40] for form in forms})
    return f"\x00no text{' (only ' + ', '.join(kinds) + ')' if kinds else ''}"


def _decoded(data: bytes, charset: str) -> str:
    try:
        return data.decode(charset)
    except (LookupError, UnicodeDecodeError):
        return data.decode("utf-8", "replace")


def _plain(markup: str) -> str:
    broken = re.sub(r"(?i)<(?:br|/p|/div|/li|/h\d|/tr)\b[^>]*>", "\n", markup)
    return html.unescape(re.sub(r"<[^>]*>", "", re.sub(r"(?is)<(script|style)\b.*?</\1>", "", broken)))


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [part for part in (value if isinstance(value, list) else [value]) if isinstance(part, dict)]


def _string(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _identifiers(value: Any) -> list[tuple[str, str]]:
    """(type code or system, value) of identifiers that have a value."""
    found = []
    for part in _objects(value):
        number = _string(part.get("value"))
        codes = [
            _string(code.get("code")) for kind in _objects(part.get("type")) for code in _objects(kind.get("coding"))
        ]
        if number:
            found.append((" ".join([*(code for code in codes if code), _string(part.get("system")) or ""]), number))
    return found


def _target(reference: Any, known: Resources) -> Mapping[str, Any] | None:
    """What a reference points to, in the same file."""
    address = _string(reference.get("reference")) if isinstance(reference, dict) else None
    if not address:
        return None
    short = "/".join(address.split("/")[-2:])
    return known.get(address) or known.get(short)


def _patient_id(subject: Any, known: Resources) -> str | None:
    target = _target(subject, known)
    numbers = _identifiers(subject.get("identifier")) if isinstance(subject, dict) else []
    numbers += _identifiers(target.get("identifier")) if target else []
    return next((value for kind, value in numbers if "MR" in kind.split()), numbers[0][1] if numbers else None)


def _accession(resource: Mapping[str, Any], known: Resources) -> str | None:
    numbers = _identifiers(resource.get("identifier"))
    for order in _objects(resource.get("basedOn")):
        target = _target(order, known)
        numbers += _identifiers(order.get("identifier")) + (_identifiers(target.get("identifier")) if target else [])
    marked = [value for kind, value in numbers if "ACSN" in kind.split() or "accession" in kind.lower()]
    return next(iter(marked), numbers[0][1] if numbers else None)


def _study_uid(study: Mapping[str, Any] | None, known: Resources) -> str | None:
    if study is None:
        return None
    target = _target(study, known)
    numbers = _identifiers(study.get("identifier")) + (_identifiers(target.get("identifier")) if target else [])
    return next((value.removeprefix("urn:oid:") for kind, value in numbers if "dicom:uid" in kind), None)


def _problem(key: str, found: str, expected: str, remedy: str) -> Problem:
    return Problem(key=key, found=found, expected=expected, remedy=remedy)
