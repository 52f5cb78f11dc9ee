"""The resources of a FHIR file: of a bundle, of a list, one a line, contained in others, and what refers to what."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prima.report.report import Problem

Resource = Mapping[str, Any]
_DEEPEST = 12


@dataclass(frozen=True)
class PlacedResource:
    """A resource, where it stands, what it contains, by "#id", and its fullUrl in a bundle."""

    resource: Resource
    place: str
    contained: Mapping[str, Resource]
    address: str = ""


class FhirFile:
    """The resources of a file, and what references in them lead to.

    Attributes:
        resources: in the order of the file.
        problems: what could not be read, and where.
    """

    def __init__(self, data: bytes, name: str) -> None:
        self.resources: list[PlacedResource] = []
        self.problems: list[Problem] = []
        self._known: dict[str, Resource] = {}
        for place, value in self._values(data, name):
            self._take(value, place, "", 0)

    def target(self, reference: Any, source: PlacedResource) -> Resource | None:
        """What a reference leads to in the same file, or in what contains it."""
        address = string(reference.get("reference")) if isinstance(reference, dict) else None
        if not address:
            return None
        if address.startswith("#"):
            return source.contained.get(address[1:])
        return self._known.get(address) or self._known.get("/".join(address.split("/")[-2:]))

    def _values(self, data: bytes, name: str) -> Iterator[tuple[str, Any]]:
        """The JSON values of a file with their places: one, or one a line."""
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", "replace").strip()
        name_it = problem if "resourceType" in text else other
        if not text:
            self.problems.append(other(name, "an empty file", "FHIR R4 as JSON", "export it again"))
            return
        try:
            yield name, json.loads(text)
            return
        except (ValueError, RecursionError) as error:
            lines = text.split("\n")
            if len(lines) < 2 or not all(line.strip().startswith("{") for line in lines if line.strip()):
                self.problems.append(
                    name_it(name, f"broken JSON ({_why(error)})", "FHIR R4 as JSON", "export it again")
                )
                return
        for index, line in enumerate(lines, 1):
            if line.strip():
                place = f"{name}: line {index}"
                try:
                    yield place, json.loads(line)
                except (ValueError, RecursionError) as error:
                    found = f"broken JSON ({_why(error)})"
                    self.problems.append(name_it(place, found, "one resource a line", "export it again"))

    def _take(self, value: Any, place: str, address: str, depth: int) -> None:
        """Take a resource, or those of a bundle or list, each with its place."""
        if depth > _DEEPEST:
            self.problems.append(other(place, "bundles inside bundles", "resources", "send them in one bundle"))
        elif value == []:
            self.problems.append(other(place, "an empty list", "resources", "leave it out"))
        elif isinstance(value, list):
            for index, part in enumerate(value, 1):
                self._take(part, f"{place}: resource {index}", "", depth + 1)
        elif isinstance(value, dict) and value.get("resourceType") == "Bundle":
            self._take_bundle(value, place, depth)
        elif isinstance(value, dict) and isinstance(value.get("resourceType"), str):
            contained = {
                part["id"]: part for part in objects(value.get("contained")) if isinstance(part.get("id"), str)
            }
            self.resources.append(PlacedResource(value, place, contained, address))
            if address:
                self._known.setdefault(address, value)
            if isinstance(value.get("id"), str):
                self._known.setdefault(f"{value['resourceType']}/{value['id']}", value)
        else:
            found = "a value that is no resource"
            self.problems.append(other(place, found, "an object with resourceType", "leave it out"))

    def _take_bundle(self, bundle: Resource, place: str, depth: int) -> None:
        entries = bundle.get("entry")
        if not isinstance(entries, list):
            found = "a bundle without entries"
            self.problems.append(other(place, found, "objects with resourceType", "leave it out"))
            return
        for index, entry in enumerate(entries, 1):
            resource = entry.get("resource") if isinstance(entry, dict) else entry
            address = string(entry.get("fullUrl")) if isinstance(entry, dict) else None
            self._take(resource, f"{place}: entry {index}", address or "", depth + 1)


def problem(key: str, found: str, expected: str, remedy: str) -> Problem:
    """Input that is no report, though it should be."""
    return Problem(key=key, found=found, expected=expected, remedy=remedy)


def other(key: str, found: str, expected: str, remedy: str) -> Problem:
    """Input that is no report, and may be something else."""
    return Problem(key=key, found=found, expected=expected, remedy=remedy, may_be_other=True)


def objects(value: Any) -> list[Resource]:
    """The objects of a value that is one or a list of them; what is no object is left out."""
    return [part for part in (value if isinstance(value, list) else [value]) if isinstance(part, dict)]


def string(value: Any) -> str | None:
    """A text with something in it, else None."""
    return value.strip() or None if isinstance(value, str) else None


def identifiers(value: Any) -> list[tuple[str, str]]:
    """(type codes and system, value) of identifiers that have a value."""
    found = []
    for part in objects(value):
        number = string(part.get("value"))
        codes = [string(code.get("code")) for kind in objects(part.get("type")) for code in objects(kind.get("coding"))]
        if number:
            found.append((" ".join([*(code for code in codes if code), string(part.get("system")) or ""]), number))
    return found


def _why(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos}"
    return type(error).__name__
