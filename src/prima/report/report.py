"""A radiology report as a carrier brought it, and what is said of input that is none."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

ReportStatus = Literal[
    "preliminary",
    "final",
    "corrected",
    "addendum",
    "unknown",
    "cancelled",
    "withdrawn",
    "entered_in_error",
    "superseded",
]
"""How far a report is, and whether it stands; `prima.report.carriers.status` has the codes of each carrier."""

NumberKind = Literal["document", "order"]
"""What a number stands for: a document or report, or the order that led to it."""

_INVISIBLE = re.compile("[\x00\u00ad\u200b-\u200d\u2060\ufeff]")


class ReportNumber(NamedTuple):
    """A number by which a carrier names a report or an order."""

    kind: NumberKind
    value: str


def lines_of_numbers(numbers: Iterable[ReportNumber]) -> str | None:
    """Numbers as text, a line each; None where there is none.

    Example:
        >>> lines_of_numbers([ReportNumber("document", "D 1"), ReportNumber("order", "7")])
        'document D 1\\norder 7'
    """
    return "\n".join(f"{number.kind} {' '.join(number.value.split())}" for number in numbers) or None


@dataclass(frozen=True, kw_only=True)
class Report:
    """One report. Everything but the text may be unknown.

    Args:
        text: the whole report, lines ended by a line feed; empty when the carrier had none, or when it was taken back.
        study_uid: StudyInstanceUID as stated, unchecked.
        accession, patient_id: identifiers as stated.
        filed_at: when it was filed, as the carrier's clock has it.
        report_status: a report whose carrier has no place for a status, or none in it, counts as final.
        source: file and place in it, without identifiers.
        names: names of persons that the carrier states in fields of their own (patient, relatives, clinicians).
        numbers: by which carriers name this report.
        adds_to: of an addendum: numbers of the report that it adds to; empty where its carrier states none.
    """

    text: str
    study_uid: str | None = None
    accession: str | None = None
    patient_id: str | None = None
    filed_at: datetime | None = None
    report_status: ReportStatus = "final"
    source: str = ""
    names: tuple[str, ...] = ()
    numbers: tuple[ReportNumber, ...] = ()
    adds_to: tuple[ReportNumber, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Input that is no report: where, what was found, what was expected, and what to do. Holds no identifier.

    Args:
        key: file, and place in it.
        may_be_other: nothing says that it should have been a report: a table or a JSON file of something else.
    """

    key: str
    found: str
    expected: str
    remedy: str
    may_be_other: bool = False

    @property
    def detail(self) -> str:
        """All but the place, in one line."""
        return f"found {self.found}; expected {self.expected}; {self.remedy}"


def clean(text: str) -> str:
    """Text with plain line feeds, without characters that nobody sees and without broken ones.

    Example:
        >>> clean("a\\r\\nb\\x00\\rc\\n\\n"), clean("hemor\\u00adrhage")
        ('a\\nb\\nc', 'hemorrhage')
    """
    plain = _INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return plain.encode("utf-8", "replace").decode("utf-8").strip("\n")
