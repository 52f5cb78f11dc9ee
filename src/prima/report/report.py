"""A radiology report as a carrier brought it, and what is said of input that is none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

ReportStatus = Literal["preliminary", "final", "corrected"]


@dataclass(frozen=True, kw_only=True)
class Report:
    """One report. Everything but the text may be unknown.

    Args:
        text: the whole report, lines ended by a line feed; empty when the carrier had none.
        study_uid: StudyInstanceUID as stated, unchecked.
        accession, patient_id: identifiers as stated.
        filed_at: when it was filed, as the carrier's clock has it.
        report_status: a report without a stated status counts as final.
        source: file and place in it, without identifiers.
        names: names of persons that the carrier states in fields of their own (patient, relatives), as written.
    """

    text: str
    study_uid: str | None = None
    accession: str | None = None
    patient_id: str | None = None
    filed_at: datetime | None = None
    report_status: ReportStatus = "final"
    source: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Input that is no report: where, what was found, what was expected, and what to do. Holds no identifier.

    Args:
        key: file, and place in it.
    """

    key: str
    found: str
    expected: str
    remedy: str

    @property
    def detail(self) -> str:
        """All but the place, in one line."""
        return f"found {self.found}; expected {self.expected}; {self.remedy}"


def clean(text: str) -> str:
    """Text with plain line feeds, without NULs or broken characters.

    Example:
        >>> clean("a\\r\\nb\\x00\\rc\\n\\n")
        'a\\nb\\nc'
    """
    plain = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").replace("\ufeff", "")
    return plain.encode("utf-8", "replace").decode("utf-8").strip("\n")
