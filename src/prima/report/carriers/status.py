"""What the status codes of the carriers amount to: the tables of HL7 v2 and FHIR, and the words of CSV exports.

A code that stands in no table is `unknown`, and unknown is never final. Only where a carrier has no place for a status,
or leaves an optional one empty, a report counts as final.

Sources: HL7 v2.5.1 and v2.9, tables 0085 (OBX-11), 0123 (OBR-25), 0271 (TXA-17), 0273 (TXA-19); FHIR R4 and R5 value
sets diagnostic-report-status, document-reference-status and composition-status.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from prima.report.report import ReportStatus

OBR_25: dict[str, ReportStatus] = {
    "F": "final",
    "C": "corrected",
    "O": "preliminary",
    "I": "preliminary",
    "S": "preliminary",
    "A": "preliminary",
    "P": "preliminary",
    "R": "preliminary",
    "M": "preliminary",
    "N": "preliminary",
    "X": "cancelled",
    "Y": "cancelled",
    "Z": "cancelled",
}
"""Result status of an order. `A` is "some results", `M` is "corrected, not final", `Y` and `Z` are "no order" and "no
patient on record"."""

OBX_11: dict[str, ReportStatus] = {
    "F": "final",
    "V": "final",
    "U": "final",
    "C": "corrected",
    "A": "corrected",
    "B": "addendum",
    "O": "preliminary",
    "P": "preliminary",
    "R": "preliminary",
    "S": "preliminary",
    "I": "preliminary",
    "N": "cancelled",
    "X": "cancelled",
    "D": "withdrawn",
    "W": "entered_in_error",
}
"""Status of one observation: lines that are cancelled, withdrawn or wrong are not read."""

TXA_17: dict[str, ReportStatus] = {
    "AU": "final",
    "LA": "final",
    "DO": "preliminary",
    "DI": "preliminary",
    "IN": "preliminary",
    "IP": "preliminary",
    "PA": "preliminary",
}
"""Completion status of a document. Only what is authenticated is final."""

TXA_19: dict[str, ReportStatus] = {"CA": "withdrawn", "OB": "superseded", "UN": "preliminary"}
"""Availability status of a document, where it says more than the completion status: deleted, obsolete, unavailable."""

MDM_EVENTS: dict[str, ReportStatus] = {
    "T05": "addendum",
    "T06": "addendum",
    "T07": "corrected",
    "T08": "corrected",
    "T09": "corrected",
    "T10": "corrected",
    "T11": "withdrawn",
}
"""What the event of a document message says, where it says more than "here is a document"."""

FHIR_REPORT: dict[str, ReportStatus] = {
    "final": "final",
    "amended": "corrected",
    "corrected": "corrected",
    "modified": "corrected",
    "appended": "corrected",
    "registered": "preliminary",
    "partial": "preliminary",
    "preliminary": "preliminary",
    "cancelled": "cancelled",
    "entered-in-error": "entered_in_error",
}
"""DiagnosticReport.status and Composition.status."""

FHIR_DOCUMENT: dict[str, ReportStatus] = {
    "current": "final",
    "superseded": "superseded",
    "deprecated": "superseded",
    "entered-in-error": "entered_in_error",
}
"""DocumentReference.status; a `docStatus` says whether what is current is final."""

_WORDS_OF: dict[ReportStatus, str] = {
    "final": """f final finalised finalized finalreport signed signedoff esigned complete completed verified approved
        authenticated validated released reported resulted""",
    "corrected": """c corrected amended revised correction correctedreport finalcorrected modified edited replaced""",
    "addendum": """addendum addended appended addenda addendumtofinal finalwithaddendum""",
    "preliminary": """p preliminary prelim draft partial pending wetread inprogress dictated transcribed unsigned
        unverified incomplete scheduled registered ordered resident overnight""",
    "cancelled": """x cancelled canceled cancel aborted discontinued nullified notdone noresult""",
    "withdrawn": """d withdrawn retracted deleted revoked rescinded removed void voided""",
    "superseded": """superseded obsolete outdated replacedbynewer""",
    "entered_in_error": """w wrong error enteredinerror wrongpatient inerror erroneous mistaken""",
}
WORDS: dict[str, ReportStatus] = {word: status for status, words in _WORDS_OF.items() for word in words.split()}
"""Words and letters of CSV exports, without regard to case, blanks and signs."""

VOID: frozenset[ReportStatus] = frozenset(("cancelled", "withdrawn", "entered_in_error", "superseded"))
"""The report does not stand. All but the last also take back what was filed of the same study before."""

STANDING: frozenset[ReportStatus] = frozenset(("final", "corrected", "addendum"))
"""The only ones that are labelled."""

_LEAST_FINAL: tuple[ReportStatus, ...] = (
    *("entered_in_error", "withdrawn", "cancelled", "superseded"),
    *("unknown", "preliminary", "addendum", "corrected", "final"),
)


def status_in(table: dict[str, ReportStatus], code: str | None) -> ReportStatus:
    """What a code of one of the tables means; `final` where there is none, `unknown` where the table lacks it.

    Example:
        >>> status_in(OBR_25, "R"), status_in(OBR_25, "f"), status_in(OBR_25, "Q"), status_in(OBR_25, None)
        ('preliminary', 'final', 'unknown', 'final')
    """
    if not (code or "").strip():
        return "final"
    plain = (code or "").strip()
    return table.get(plain, table.get(plain.upper(), table.get(plain.lower(), "unknown")))


def status_of_words(stated: str | None) -> ReportStatus:
    """What a status in words amounts to; an empty cell of a column of status is unknown.

    Example:
        >>> status_of_words("F"), status_of_words("Prelim."), status_of_words("Entered in error"), status_of_words("")
        ('final', 'preliminary', 'entered_in_error', 'unknown')
    """
    return WORDS.get(re.sub(r"[\W\d_]", "", (stated or "").lower()), "unknown")


def least_final(statuses: Iterable[ReportStatus]) -> ReportStatus:
    """What a whole amounts to whose parts have these: it is no more final than the least final of them.

    Example:
        >>> least_final(["final", "preliminary"]), least_final(["final", "corrected"]), least_final([])
        ('preliminary', 'corrected', 'final')
    """
    return min(statuses, key=_LEAST_FINAL.index, default="final")
