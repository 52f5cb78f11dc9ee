"""Codes of diagnoses for messages between systems: a reviewed standard code, or the project's own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Code:
    """A code of a coding scheme (DICOM PS3.16 8): `system` as in the coding scheme designator."""

    system: str
    code: str
    meaning: str


@dataclass(frozen=True, kw_only=True)
class CodeCandidate:
    """A code that someone proposes for a diagnosis.

    Args:
        source: where it comes from, and what does not fit.
        reviewed: whether it means the same and may leave the house.
    """

    system: str
    code: str
    meaning: str
    source: str
    reviewed: bool


def choose_code(candidates: tuple[CodeCandidate, ...], *, otherwise: Code) -> Code:
    """The first reviewed candidate, or the private code.

    Example:
        >>> own = Code(system="99PRIMA", code="DX01", meaning="Arachnoid cyst")
        >>> unsure = CodeCandidate(system="SCT", code="1", meaning="x", source="the net", reviewed=False)
        >>> choose_code((unsure,), otherwise=own) == own
        True
    """
    for candidate in candidates:
        if candidate.reviewed:
            return Code(system=candidate.system, code=candidate.code, meaning=candidate.meaning)
    return otherwise
