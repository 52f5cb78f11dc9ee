"""What a written report is: its text and the spans of it that say something about a diagnosis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Stance = Literal["present", "absent", "uncertain", "historical"]

RANK: tuple[Stance, ...] = ("present", "uncertain", "historical", "absent")
"""Where mentions of one diagnosis differ, the first of these is what the report says."""


@dataclass(frozen=True, kw_only=True)
class Assertion:
    """One mention of a diagnosis: `report.text[start:end]` is the evidence. A report says one thing of a diagnosis,
    perhaps in several places."""

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
    """

    text: str
    writer: str
    assertions: tuple[Assertion, ...]

    def said(self) -> dict[str, Stance]:
        """Diagnosis → what the report says of it.

        Example:
            >>> span = Assertion(diagnosis="structural_edema", assertion="absent", start=3, end=8)
            >>> WrittenReport(text="No edema.", writer="prose", assertions=(span,)).said()
            {'structural_edema': 'absent'}
        """
        return {span.diagnosis: span.assertion for span in self.assertions}
