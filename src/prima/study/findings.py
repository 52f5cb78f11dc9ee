"""What a model finds in a study, in the shape of findings.json."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

from prima.study.mode import Mode

SCHEMA = "openprima/findings/2"

PriorityLevel = Literal["none", "low", "medium", "high"]
StudyStatus = Literal["done", "unanswered", "refused"]
ThresholdSource = Literal["validation", "fall-back", "none"]


@dataclass(frozen=True, kw_only=True)
class FindingPlace:
    """Where in the patient a finding is.

    Args:
        method: how the place was found, such as "evidence" or "occlusion".
        sentence: the place in words, such as "right frontal, FLAIR and T1 with contrast; also left insula".
        peak_lps_mm: the strongest point (x, y, z) in patient space: mm, LPS.
        series_uid: the series in which the peak was found.
        part: of that series, where it was split.
        reliability: how often the method's peak lies in the lesion where the truth is known, 0 to 1; None: not
            measured.
    """

    method: str
    sentence: str
    peak_lps_mm: tuple[float, float, float]
    series_uid: str
    part: str | None = None
    reliability: float | None = None


@dataclass(frozen=True, kw_only=True)
class FindingEvidence:
    """What one series says for or against a diagnosis.

    Args:
        sign: whether it speaks for the diagnosis or against it.
        sentence: what was seen where, in words.
        series_uid: the series.
        part: of that series, where it was split.
        peak_lps_mm: the strongest point (x, y, z) in patient space, mm, LPS; None for evidence without a place.
    """

    sign: Literal["for", "against"]
    sentence: str
    series_uid: str
    part: str | None = None
    peak_lps_mm: tuple[float, float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Competitor:
    """Another diagnosis that would explain the same place, with its evidence, the strongest first."""

    name: str
    display: str
    evidence: tuple[FindingEvidence, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Differential:
    """What else a finding could be.

    Args:
        evidence: for and against the finding itself, the strongest first.
        competitors: the most likely first.
        missing: what the study lacks that would tell them apart, such as "a T1 series with contrast".
    """

    evidence: tuple[FindingEvidence, ...] = ()
    competitors: tuple[Competitor, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One diagnosis or referral.

    Args:
        name: the name the release gives the head; for diagnoses the released name.
        display: the words for people.
        logit: head output (for published heads: the column minus its threshold).
        probability: calibrated probability, None when the head is not calibrated.
        interval: (low, high) of the probability, None when unknown.
        threshold: on the probability when calibrated, else on the logit; None: this head calls nothing.
        threshold_source: `validation`: chosen on labelled studies. `none`: no labelled study gave it. `fall-back`: a
            fixed value that stood in for one; only older findings have it.
        present: the decision; None means abstained, or not called because there is no threshold.
        place: where it is; None when that was not asked for or cannot be told.
        differential: what else it could be; None when that was not asked for.
    """

    name: str
    display: str
    logit: float
    probability: float | None = None
    interval: tuple[float, float] | None = None
    threshold: float | None = 0.0
    threshold_source: ThresholdSource = "none"
    present: bool | None = None
    place: FindingPlace | None = None
    differential: Differential | None = None


@dataclass(frozen=True, kw_only=True)
class Priority:
    """Worklist priority: the level and what it was decided from."""

    level: PriorityLevel
    logits: dict[str, float]
    probabilities: dict[str, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Familiarity:
    """How near a study is to those that the release has seen.

    Args:
        distance: of the study, in the release's own unit; larger is stranger.
        limit: beyond it the release does not answer.
        answered: whether findings are given. Beyond the limit only where the user asked for them nonetheless.
    """

    distance: float
    limit: float
    answered: bool

    @property
    def familiar(self) -> bool:
        """Whether the study is within the limit."""
        return self.distance <= self.limit


@dataclass(frozen=True, kw_only=True)
class SeriesEntry:
    """One line of the completeness statement: a series used, or excluded with its reason.

    Args:
        distance: of the series from those that the release has seen, as `Familiarity.distance`; None without a check.
    """

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
    distance: float | None = None


@dataclass(frozen=True, kw_only=True)
class ReleaseStamp:
    """Which release was used, and whether its numbers may be read as probabilities."""

    name: str
    sha256: str
    trained: bool
    calibrated: bool
    mode: Mode


DEMONSTRATION = "trained on a synthetic health system: the release demonstrates, it does not diagnose people"
"""The note that findings of a release carry whose weights saw made-up studies."""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Everything openprima finds in one study; `to_dict` gives the contents of findings.json.

    Args:
        study_uid: StudyInstanceUID; for NIfTI made from the content.
        description: the study description given to the model.
        status: `done`; `unanswered`: the study was read and the release declines to answer; `refused`: no series can
            be used, or computing failed.
        reason: one line, None when done.
        release: that was used.
        series: all of the study, used or excluded.
        diagnoses: in the release's order; none unless done.
        priority: None without a priority head, and unless done.
        referrals: in the release's order; none unless done.
        timings_s: seconds by step.
        notes: short lines on what reading and computing did.
        input: what the user typed to name the study. It may hold a person's name: it goes to findings.json and the
            predictions table, never to a page or a log. None where nobody typed anything.
        familiarity: None: there was no check for unfamiliar studies, or the study was refused.
    """

    study_uid: str
    description: str | None
    status: StudyStatus
    reason: str | None
    release: ReleaseStamp
    series: tuple[SeriesEntry, ...]
    diagnoses: tuple[Finding, ...] = ()
    priority: Priority | None = None
    referrals: tuple[Finding, ...] = ()
    timings_s: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    input: str | None = None
    familiarity: Familiarity | None = None

    @property
    def num_series_used(self) -> int:
        """How many series the model read."""
        return sum(entry.status == "used" for entry in self.series)

    def to_dict(self) -> dict[str, Any]:
        """The findings as JSON-ready values, following findings.schema.json (kept as package data)."""
        return {
            "schema": SCHEMA,
            "status": self.status,
            "reason": self.reason,
            "input": self.input,
            "study": {
                "study_uid": self.study_uid,
                "description": self.description,
                "num_series_used": self.num_series_used,
                "num_series_excluded": len(self.series) - self.num_series_used,
                "notes": list(self.notes),
            },
            "release": asdict(self.release),
            "familiarity": None if self.familiarity is None else asdict(self.familiarity),
            "series": _plain(self.series),
            "diagnoses": _plain(self.diagnoses),
            "priority": None if self.priority is None else asdict(self.priority),
            "referrals": _plain(self.referrals),
            "timings_s": dict(self.timings_s),
        }

    @classmethod
    def from_dict(cls, values: Any) -> Self:
        """Findings from what a findings.json of this version or of version 1 holds.

        Raises:
            UnreadableError: it is neither, or not as its schema says.

        Example:
            >>> release = ReleaseStamp(name="demo", sha256="0" * 64, trained=True, calibrated=False, mode="image")
            >>> findings = Findings(
            ...     study_uid="1.2", description=None, status="unanswered", reason="unlike the studies seen",
            ...     release=release, series=(), familiarity=Familiarity(distance=9.1, limit=4.0, answered=False),
            ...     timings_s={"read": 1.0, "tokenize": 0.5, "encode": 2.0, "heads": 0.1, "total": 3.6},
            ... )
            >>> Findings.from_dict(findings.to_dict()) == findings
            True
        """
        from prima.study.findings_reader import findings_from_dict

        return findings_from_dict(cls, values)


def _plain(items: tuple[Finding, ...] | tuple[SeriesEntry, ...]) -> list[dict[str, Any]]:
    """Dataclasses as dicts, their tuples as lists."""
    return [asdict(item, dict_factory=_with_lists) for item in items]


def _with_lists(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in pairs}
