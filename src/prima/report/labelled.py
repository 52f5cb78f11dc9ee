"""Reports with all that training and the archive take from them: labels, priority, referrals, findings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from prima.report.label import RuleLabeller
from prima.report.labels import Failure, Labeller, Labels
from prima.report.report import Report
from prima.report.summary import findings_of
from prima.study.findings import PriorityLevel
from prima.study.triage import Triage, priority_and_referrals

ADULT_YEARS = 50.0
"""The age that the rule of priority takes where nobody states one."""

_AGE = re.compile(r"\b(\d{1,3})[ -]?(?:y(?:ea)?rs?(?:[ -]old)?\b|y/?o\b|[MF]\b)", re.IGNORECASE)
_STAGES = re.compile(r"\b(hyperacute|acute|subacute|chronic|old|remote)\b", re.IGNORECASE)
_BATCH = 256


@dataclass(frozen=True, kw_only=True)
class LabelledReport:
    """A report and what was read in it.

    Args:
        report: as it came.
        labels: None when the labeller failed.
        failure: why it failed; empty when it did not.
        priority, referrals: by the ontology's rule from what is present, or by the labeller where it was asked.
        findings: sentences for training.
    """

    report: Report
    labels: Labels | None
    failure: str
    priority: PriorityLevel | None
    referrals: tuple[str, ...]
    findings: tuple[str, ...]

    def rows(self) -> list[dict[str, Any]]:
        """One row a diagnosis that the report speaks of: what it says, the words and where they stand."""
        if self.labels is None:
            return []
        return [
            {"diagnosis": name, **label._asdict(), "labeller": self.labels.labeller}
            for name, label in self.labels.labels.items()
        ]


def label_reports(
    reports: Iterable[Report],
    labeller: Labeller | None = None,
    *,
    age_of: Callable[[Report], float | None] = lambda _: None,
    triage: Triage | None = None,
) -> Iterator[LabelledReport]:
    """Label reports in order; one that fails stands in its place with the reason.

    Args:
        reports: any number; they are taken as they are needed.
        labeller: the rules when None.
        age_of: age at the scan, when known; else the age that the text states, else `ADULT_YEARS`.
        triage: a site's own rule.

    Example:
        >>> (one,) = label_reports([Report(text="IMPRESSION: Acute right MCA infarct. No hemorrhage.")])
        >>> one.priority, one.referrals, one.findings
        ('high', ('stroke_neurology', 'neuro_interventional'), ('Acute right MCA infarct.',))
    """
    rules = labeller if isinstance(labeller, RuleLabeller) else RuleLabeller()
    stream = iter(reports)
    while batch := list(islice(stream, _BATCH)):
        answers = (labeller or rules).label_all(report.text for report in batch)
        for report, answer in zip(batch, answers, strict=True):
            findings = tuple(findings_of(report.text, rules))
            if isinstance(answer, Failure):
                yield LabelledReport(
                    report=report, labels=None, failure=answer.reason, priority=None, referrals=(), findings=findings
                )
                continue
            age = age_of(report)
            level, services = _triaged(answer, report.text, _stated_age(report.text) if age is None else age, triage)
            yield LabelledReport(
                report=report, labels=answer, failure="", priority=level, referrals=services, findings=findings
            )


def _triaged(
    labels: Labels, text: str, age_years: float, triage: Triage | None
) -> tuple[PriorityLevel, tuple[str, ...]]:
    if labels.priority is not None:
        return labels.priority, labels.referrals or ()
    present = labels.present()
    stages: dict[str, str] = {}
    for name in present:
        stage = _stage(text, labels.labels[name].start, labels.labels[name].end)
        if stage is not None:
            stages[name] = stage
    return priority_and_referrals(present, age_years=age_years, stages=stages, triage=triage)


def _stage(text: str, start: int, end: int) -> str | None:
    """The stage that stands in or shortly before the words of a label."""
    words: list[str] = _STAGES.findall(text[max(text.rfind(". ", 0, start) + 1, start - 40) : end])
    if not words:
        return None
    return {"old": "chronic", "remote": "chronic"}.get(words[-1].lower(), words[-1].lower())


def _stated_age(text: str) -> float:
    found = _AGE.search(text[:1500])
    return float(found[1]) if found and int(found[1]) <= 110 else ADULT_YEARS
