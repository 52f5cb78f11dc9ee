"""What the model says of a study, in the shape of findings.json."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

SCHEMA = "openprima/findings/1"

Mode = Literal["image", "image+names", "image+names+indication"]
PriorityLevel = Literal["none", "low", "medium", "high"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One diagnosis or referral.

    Args:
        name: the name the release gives the head; for diagnoses the released name.
        display: the words for people.
        logit: head output (for published heads: the column minus its threshold).
        probability: calibrated probability, None when the release is not calibrated.
        interval: (low, high) of the probability, None when unknown.
        threshold: on the probability when calibrated, else on the logit.
        present: the decision; None means abstained.
    """

    name: str
    display: str
    logit: float
    probability: float | None = None
    interval: tuple[float, float] | None = None
    threshold: float = 0.0
    present: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Priority:
    """Worklist priority: the level and what it was decided from."""

    level: PriorityLevel
    logits: dict[str, float]
    probabilities: dict[str, float] | None = None


@dataclass(frozen=True, kw_only=True)
class SeriesEntry:
    """One line of the completeness statement: a series used, or excluded with its reason."""

    series_uid: str
    number: int | None
    description: str | None
    part: str | None
    status: Literal["used", "excluded"]
    reason: str | None
    detail: str | None
    num_slices: int | None
    num_tokens: int
    num_foreground: int


@dataclass(frozen=True, kw_only=True)
class ReleaseStamp:
    """Which release spoke, and whether its numbers may be read as probabilities."""

    name: str
    sha256: str
    trained: bool
    calibrated: bool
    mode: Mode


DEMONSTRATION = "trained on a synthetic health system: the release demonstrates, it does not diagnose people"
"""The note that findings of a release carry whose weights saw made-up studies."""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Everything openprima says of one study; `to_json` gives the contents of findings.json."""

    study_uid: str
    description: str | None
    status: Literal["done", "refused"]
    reason: str | None
    release: ReleaseStamp
    series: tuple[SeriesEntry, ...]
    diagnoses: tuple[Finding, ...] = ()
    priority: Priority | None = None
    referrals: tuple[Finding, ...] = ()
    timings_s: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The findings as JSON-ready values, following findings.schema.json (kept as package data)."""
        used = sum(entry.status == "used" for entry in self.series)
        return {
            "schema": SCHEMA,
            "status": self.status,
            "reason": self.reason,
            "study": {
                "study_uid": self.study_uid,
                "description": self.description,
                "num_series_used": used,
                "num_series_excluded": len(self.series) - used,
                "notes": list(self.notes),
            },
            "release": vars(self.release).copy(),
            "series": [vars(entry).copy() for entry in self.series],
            "diagnoses": [_finding_json(finding) for finding in self.diagnoses],
            "priority": None if self.priority is None else vars(self.priority).copy(),
            "referrals": [_finding_json(finding) for finding in self.referrals],
            "timings_s": dict(self.timings_s),
        }


def _finding_json(finding: Finding) -> dict[str, Any]:
    values = vars(finding).copy()
    values["interval"] = None if finding.interval is None else list(finding.interval)
    return values
