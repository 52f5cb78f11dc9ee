"""Reading findings.json, of this version and of version 1, exactly: whatever its schema does not allow is refused.

A file that is read by guesses would put a wrong number before a radiologist, so a misspelt key, a value of another
kind or a statement that contradicts another ends in one line that names it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from prima.errors import ReleaseError, UnreadableError
from prima.files.strict_json import REMEDY, read_json
from prima.study.exclusion import Reason
from prima.study.findings import SCHEMA, Differential, Finding, Findings, Priority, ReleaseStamp

SCHEMA_1 = "openprima/findings/1"
STEPS = ("read", "tokenize", "encode", "heads", "total")
"""Steps whose seconds every document holds."""

Kind = TypeVar("Kind", bound=Findings)


def read_findings(path: Path) -> Findings:
    """Findings from a findings.json of this version or of version 1.

    Raises:
        UnreadableError: the file is absent or broken, or not as its schema says.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnreadableError(f"{path.name}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise UnreadableError(f"{path.name}: found no JSON, expected findings; {REMEDY}") from None
    return findings_from_dict(Findings, values)


def findings_from_dict(kind: type[Kind], values: Any) -> Kind:
    """What `Findings.from_dict` does."""
    schema = values.get("schema") if isinstance(values, dict) else None
    if schema not in (SCHEMA, SCHEMA_1):
        raise UnreadableError(
            f"findings: found schema {ascii(schema)[:60]}, expected {SCHEMA!r} or {SCHEMA_1!r}; {REMEDY}"
        )
    try:
        current = values if schema == SCHEMA else _upgraded(values)
        findings = read_json(kind, _flat(current), "findings")
    except ReleaseError as error:
        raise UnreadableError(str(error)) from None
    _check(findings, current["study"])
    return findings


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    """The document with the keys of `study` beside the others, as `Findings` has them; its counts are left out."""
    study = read_json(dict[str, Any], values.get("study"), "findings.study")
    whole = {name: value for name, value in values.items() if name not in ("schema", "study")}
    if doubled := whole.keys() & study.keys():
        raise UnreadableError(f"findings: found {min(doubled)!r} beside study, expected it in study; {REMEDY}")
    counts = ("num_series_used", "num_series_excluded")
    return {**whole, **{name: value for name, value in study.items() if name not in counts}}


def _check(findings: Findings, study: dict[str, Any]) -> None:
    """Refuse a document whose parts contradict each other, or whose values lie outside their range."""
    counts = {
        "num_series_used": findings.num_series_used,
        "num_series_excluded": len(findings.series) - findings.num_series_used,
    }
    for name, count in counts.items():
        _require(type(study.get(name)) is int and study[name] == count, f"study.{name}", study.get(name), f"{count}")
    for name in STEPS:
        _require(name in findings.timings_s, "timings_s", sorted(findings.timings_s), f"seconds of {name!r}")
    for entry in findings.series:
        known = entry.reason in set(Reason) if entry.status == "excluded" else entry.reason is None
        _require(known, f"reason of series {entry.series_uid}", entry.reason, f"that of a series {entry.status}")
    answered = findings.familiarity is None or findings.familiarity.answered
    if findings.status == "done":
        _require(answered, "familiarity.answered", False, "true when done")
    else:
        empty = not (findings.diagnoses or findings.referrals or findings.priority)
        _require(empty, "status", findings.status, "no diagnosis, referral or priority with it")
        strange = findings.familiarity is None or (findings.status == "unanswered" and not answered)
        _require(strange, "familiarity", findings.familiarity, f"another when {findings.status}")
    for finding in (*findings.diagnoses, *findings.referrals):
        _check_finding(finding, {(entry.series_uid, entry.part) for entry in findings.series})


def _check_finding(finding: Finding, series: set[tuple[str, str | None]]) -> None:
    name = finding.name
    shares = [finding.probability, *(finding.interval or ()), finding.place and finding.place.reliability]
    for share in shares:
        _require(share is None or 0 <= share <= 1, f"a share of {name}", share, "0 to 1")
    _require(finding.threshold is not None or finding.present is None, f"present of {name}", finding.present, "null")
    explained = finding.place is not None or finding.differential is not None
    _require(not explained or finding.present is not None, f"present of {name}", None, "a decision beside a place")
    for place in _series_of_evidence(finding):
        _require(place in series, f"a place of {name} in series", place[0], "one of the study")


def _series_of_evidence(finding: Finding) -> Iterator[tuple[str, str | None]]:
    """The series that a finding's place and differential speak of."""
    if finding.place is not None:
        yield finding.place.series_uid, finding.place.part
    differential = finding.differential or Differential()
    for evidence in (differential.evidence, *(competitor.evidence for competitor in differential.competitors)):
        yield from ((series.series_uid, series.part) for series in evidence)


def _require(holds: bool, key: str, found: Any, expected: str) -> None:
    if not holds:
        raise UnreadableError(f"findings: {key}: found {ascii(found)[:60]}, expected {expected}; {REMEDY}")


@dataclass(frozen=True, kw_only=True)
class _Finding1:
    name: str
    display: str
    logit: float
    probability: float | None
    interval: tuple[float, float] | None
    threshold: float
    present: bool | None


@dataclass(frozen=True, kw_only=True)
class _Series1:
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
class _Study1:
    study_uid: str
    description: str | None
    num_series_used: int
    num_series_excluded: int
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Document1:
    schema: str
    status: Literal["done", "refused"]
    reason: str | None
    study: _Study1
    release: ReleaseStamp
    series: tuple[_Series1, ...]
    diagnoses: tuple[_Finding1, ...]
    priority: Priority | None
    referrals: tuple[_Finding1, ...]
    timings_s: dict[str, float]


def _upgraded(values: dict[str, Any]) -> dict[str, Any]:
    """A document of version 1 as one of this version; what version 1 did not know is null, or of no known source."""
    whole = {"reason": None, **values}
    whole["study"] = _with_defaults(values.get("study"), notes=[])
    if isinstance(values.get("series"), list):
        whole["series"] = [_with_defaults(entry, part=None, detail=None, num_slices=None) for entry in values["series"]]
    document = asdict(read_json(_Document1, whole, "findings"))
    for finding in (*document["diagnoses"], *document["referrals"]):
        finding |= {"threshold_source": "none", "place": None, "differential": None}
    for entry in document["series"]:
        entry["distance"] = None
    return {**document, "input": None, "familiarity": None}


def _with_defaults(table: Any, **defaults: Any) -> Any:
    """The table with what version 1 allowed to be left out."""
    return {**defaults, **table} if isinstance(table, dict) else table
