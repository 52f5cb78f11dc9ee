"""Columns of the predictions table, and the row of one study."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from prima.errors import ReleaseError
from prima.model.release.manifest import Manifest
from prima.study import Finding, Findings, Priority
from prima.study.mode import Mode
from prima.study.ontology import LEVELS
from prima.tables.columns import (
    HIGH,
    LOGIT,
    LOW,
    PRESENT,
    PRIORITY,
    PRIORITY_SCORE,
    level_column,
    logit_column,
    referral_column,
)

Kind = Literal["text", "number", "count", "flag"]

FIXED: dict[str, tuple[Kind, str]] = {
    "study_uid": ("text", "StudyInstanceUID; null for an input that gave no study"),
    "input": (
        "text",
        "what was typed to name the study, which may hold a person's name; null for a study of an archive",
    ),
    "release": ("text", "name of the release"),
    "release_sha256": ("text", "its hash, as findings name it"),
    "mode": ("text", "what of a study the model saw: image, image+names or image+names+indication"),
    "status": ("text", "done, unanswered, refused or failed"),
    "reason": ("text", "why it is not done; null when it is"),
    "num_series_used": ("count", "series that the model read"),
    "num_series_excluded": ("count", "series that were left out, each with its reason in findings.json"),
    "seconds": ("number", "of work on the study"),
    "familiarity": ("number", "distance from the studies that the release has seen; null without a check"),
    "familiarity_limit": ("number", "beyond it the release does not answer"),
    PRIORITY: ("text", "the level: none, low, medium or high; null when the release has none"),
    **{level_column(level): ("number", f"calibrated probability of the level {level}") for level in LEVELS},
    **{logit_column(level_column(level)): ("number", f"output of the head for the level {level}") for level in LEVELS},
    PRIORITY_SCORE: ("number", "urgency from 0 to 1, to rank by"),
}
FINDING: dict[str, tuple[Kind, str]] = {
    "": ("number", "calibrated probability; null when the release is not calibrated"),
    LOGIT: ("number", "output of the head"),
    LOW: ("number", "lower end of the 90 % interval of the probability"),
    HIGH: ("number", "upper end of it"),
    PRESENT: ("flag", "the decision; null when the release abstained or has no threshold"),
}


def columns_of(manifest: Manifest) -> dict[str, Kind]:
    """Name and kind of every column of a release's table, in order.

    Raises:
        ReleaseError: two heads of the release would share a column.
    """
    names = [*(head.name for head in manifest.diagnoses), *(referral_column(head.name) for head in manifest.referrals)]
    columns: dict[str, Kind] = {name: kind for name, (kind, _) in FIXED.items()}
    for name in names:
        for suffix, (kind, _) in FINDING.items():
            if name + suffix in columns:
                raise ReleaseError(
                    f"release {manifest.name}: found two heads for the column {name + suffix!r} of a table, "
                    "expected heads of different names; build the release again with other names"
                )
            columns[name + suffix] = kind
    return columns


def row_of(findings: Findings) -> dict[str, Any]:
    """The row of a study that was read; columns for which it has no value are absent."""
    familiarity = findings.familiarity
    row: dict[str, Any] = {
        "study_uid": findings.study_uid,
        "input": findings.input,
        "release": findings.release.name,
        "release_sha256": findings.release.sha256,
        "mode": findings.release.mode,
        "status": findings.status,
        "reason": findings.reason,
        "num_series_used": findings.num_series_used,
        "num_series_excluded": len(findings.series) - findings.num_series_used,
        "seconds": findings.timings_s.get("total"),
        "familiarity": familiarity and familiarity.distance,
        "familiarity_limit": familiarity and familiarity.limit,
    }
    row |= _priority(findings.priority)
    row |= _findings((finding.name, finding) for finding in findings.diagnoses)
    row |= _findings((referral_column(finding.name), finding) for finding in findings.referrals)
    return row


def row_without_findings(
    manifest: Manifest,
    sha256: str,
    mode: Mode,
    *,
    study_uid: str | None,
    status: str,
    reason: str | None,
    input_: str | None = None,
) -> dict[str, Any]:
    """The row of an input that gave no study, or of a study that failed."""
    return {
        "study_uid": study_uid,
        "input": input_,
        "release": manifest.name,
        "release_sha256": sha256,
        "mode": mode,
        "status": status,
        "reason": reason,
    }


def urgency(priority: Priority) -> float:
    """Expected level on a scale from 0 (none) to 1 (high); from the logits' softmax without calibration.

    Example:
        >>> urgency(Priority(level="high", logits={}, probabilities={"none": 0, "low": 0, "medium": 0.3, "high": 0.7}))
        0.9
    """
    shares = priority.probabilities or _softmax(priority.logits)
    expected = sum(share * LEVELS.index(level) for level, share in shares.items() if level in LEVELS)
    return round(expected / (len(LEVELS) - 1), 12)


def _priority(priority: Priority | None) -> dict[str, Any]:
    if priority is None:
        return {}
    shares = priority.probabilities or {}
    known = {level_column(level): shares.get(level) for level in LEVELS}
    known |= {logit_column(level_column(level)): priority.logits.get(level) for level in LEVELS}
    return {PRIORITY: priority.level, **known, PRIORITY_SCORE: urgency(priority)}


def _findings(named: Iterable[tuple[str, Finding]]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, finding in named:
        low, high = finding.interval or (None, None)
        row |= {
            name: finding.probability,
            logit_column(name): finding.logit,
            name + LOW: low,
            name + HIGH: high,
            name + PRESENT: finding.present,
        }
    return row


def _softmax(logits: Mapping[str, float]) -> dict[str, float]:
    highest = max(logits.values())
    powers = {level: math.exp(value - highest) for level, value in logits.items()}
    total = sum(powers.values())
    return {level: power / total for level, power in powers.items()}
