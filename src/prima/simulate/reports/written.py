"""What a written report is: its text and the spans of it that say something about a diagnosis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Stance = Literal["present", "absent", "uncertain", "historical", "other_experiencer"]
"""What is said of a diagnosis; `other_experiencer`: of a relative, not of the patient."""

RANK: tuple[Stance, ...] = ("present", "uncertain", "historical", "absent", "other_experiencer")
"""Where mentions of one diagnosis differ, the first of these is what the report says."""


@dataclass(frozen=True, kw_only=True)
class Assertion:
    """One mention of a diagnosis: `report.text[start:end]` is the evidence. A report says one thing of a diagnosis
    of the patient's, perhaps in several places; what relatives had stands beside it."""

    diagnosis: str
    assertion: Stance
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class WrittenReport:
    """A report as its carrier holds it.

    Args:
        text: the whole report, lines ended by a line feed.
        writer: name of the writer (`styles`).
        assertions: in the order of the text.
        missed: released names of what is visible and was not told, or only in an addendum.
    """

    text: str
    writer: str
    assertions: tuple[Assertion, ...]
    missed: tuple[str, ...] = ()

    def stances(self) -> dict[str, Stance]:
        """Diagnosis → what the report says of it; of a relative only where it says nothing of the patient.

        Example:
            >>> span = Assertion(diagnosis="structural_edema", assertion="absent", start=3, end=8)
            >>> WrittenReport(text="No edema.", writer="prose", assertions=(span,)).stances()
            {'structural_edema': 'absent'}
        """
        spans = sorted(self.assertions, key=lambda span: RANK.index(span.assertion), reverse=True)
        return {span.diagnosis: span.assertion for span in spans}
