"""By which identifiers and references a FHIR resource is named, and the report that it adds to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prima.report.carriers.fhir_resources import FhirFile, PlacedResource, Resource, identifiers, objects, string
from prima.report.report import NumberKind, ReportNumber

_APPENDS = frozenset(("appends", "amends"))
_EXTENSIONS = ("diagnosticReport-addendumOf", "diagnosticReport-extends", "workflow-addendumOf")
_ORDER_TYPES = frozenset(("PLAC", "FILL", "ACSN"))


def numbers_of(placed: PlacedResource, file: FhirFile) -> tuple[ReportNumber, ...]:
    """Identifiers and addresses of a report or document, and the orders that it is based on."""
    context = placed.resource.get("context")
    orders = [*objects(placed.resource.get("basedOn"))]
    orders += objects(context.get("related")) if isinstance(context, dict) else []
    found = _own(placed.resource, placed.address)
    for order in orders:
        found += [ReportNumber("order", number.value) for number in _referred(order, placed, file)]
    return tuple(dict.fromkeys(found))


def parents_of(placed: PlacedResource, file: FhirFile) -> tuple[ReportNumber, ...]:
    """What a resource adds to: `relatesTo` with the code appends, and the extensions of a DiagnosticReport."""
    targets: list[Any] = []
    for relation in objects(placed.resource.get("relatesTo")):
        if _codes(relation.get("code")) & _APPENDS or _codes(relation.get("type")) & _APPENDS:
            targets += [relation.get(name) for name in ("target", "targetReference", "resourceReference")]
            targets += [{"identifier": part} for part in objects(relation.get("targetIdentifier"))]
    for extension in objects(placed.resource.get("extension")):
        if (string(extension.get("url")) or "").endswith(_EXTENSIONS):
            targets.append(extension.get("valueReference"))
    found = [number for target in objects(targets) for number in _referred(target, placed, file)]
    own = _own(placed.resource, placed.address)
    return tuple(number for number in dict.fromkeys(found) if number not in own)


def _own(resource: Resource, address: str) -> list[ReportNumber]:
    found = []
    for kinds, value in identifiers([*objects(resource.get("identifier")), *objects(resource.get("masterIdentifier"))]):
        kind: NumberKind = "order" if _ORDER_TYPES & set(kinds.split()) else "document"
        found.append(ReportNumber(kind, _plain(value)))
    if string(resource.get("id")):
        found.append(ReportNumber("document", f"{resource['resourceType']}/{resource['id']}"))
    if address:
        found.append(ReportNumber("document", _plain(address)))
    return found


def _referred(reference: Resource, placed: PlacedResource, file: FhirFile) -> list[ReportNumber]:
    """What a reference names: an identifier, an address, and those of the resource that it leads to in the file."""
    found = [ReportNumber("document", _plain(value)) for _, value in identifiers(reference.get("identifier"))]
    address = string(reference.get("reference"))
    if address and not address.startswith("#"):
        found.append(ReportNumber("document", _plain(address)))
    target = file.target(reference, placed)
    return found + (_own(target, "") if target is not None else [])


def _plain(value: str) -> str:
    """An address without its server and version, an identifier without the scheme that FHIR puts before it."""
    if value.startswith("urn:"):
        return value.removeprefix("urn:oid:").removeprefix("urn:uuid:")
    if "/" not in value:
        return value
    return "/".join(value.split("/_history/", 1)[0].split("/")[-2:])


def _codes(value: Any) -> set[str]:
    """The code of a value that is one, or of a CodeableConcept."""
    coded: Iterable[Any] = (code.get("code") for part in objects(value) for code in objects(part.get("coding")))
    return {code for code in (string(value), *map(string, coded)) if code}
