"""The flow of a cohort: how many studies each step leaves, and where the others went."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from prima.archive.cohort.inclusion import REASON_WORDS, steps
from prima.archive.cohort.split import SPLITS

# Reasons that come with the split, not with the inclusion.
LEFT_OUT = ("patient_in_test", "after_test")


@dataclass(frozen=True, kw_only=True)
class FlowStep:
    """The studies that go on after a step, and how many of those before it were kept out by which reason."""

    name: str
    words: str
    remaining: int
    removed: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Flow:
    """All counts of a cohort.

    Args:
        total: studies of the archive.
        steps: the steps of the inclusion.
        left_out: included studies that the split uses nowhere, by reason.
        sides: studies by side of the split.
        patients: patients by side.
        reports: reports of the archive by outcome.
    """

    total: int
    steps: tuple[FlowStep, ...]
    left_out: dict[str, int]
    sides: dict[str, int]
    patients: dict[str, int]
    reports: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a file."""
        return {
            "total": self.total,
            "steps": [{"name": step.name, "remaining": step.remaining, "removed": step.removed} for step in self.steps],
            "left_out": self.left_out,
            "split": {side: {"studies": self.sides[side], "patients": self.patients[side]} for side in self.sides},
            "reports": self.reports,
        }


def flow_of(cohort: pl.DataFrame, report_outcomes: pl.DataFrame, *, min_series: int) -> Flow:
    """Count a finished cohort.

    Raises:
        ValueError: a study has a reason that no step knows; every study must be accounted for.
    """
    reasons = {reason: num for reason, num in cohort["reason"].value_counts().iter_rows() if reason is not None}
    remaining, flow_steps = cohort.height, []
    for step in steps():
        removed = {reason: reasons.pop(reason) for reason in step.reasons if reason in reasons}
        remaining -= sum(removed.values())
        words = _words(step.words, str(min_series))
        flow_steps.append(FlowStep(name=step.name, words=words, remaining=remaining, removed=removed))
    left_out = {reason: reasons.pop(reason) for reason in LEFT_OUT if reason in reasons}
    if reasons:
        raise ValueError(f"studies with reasons of no step: {sorted(reasons)}")
    sides = dict(cohort["split"].drop_nulls().value_counts().iter_rows())
    patients = dict(cohort.drop_nulls("split").group_by("split").agg(pl.col("patient_id").n_unique()).iter_rows())
    return Flow(
        total=cohort.height,
        steps=tuple(flow_steps),
        left_out=left_out,
        sides={side: sides.get(side, 0) for side in SPLITS},
        patients={side: patients.get(side, 0) for side in SPLITS},
        reports=dict(sorted(report_outcomes["outcome"].value_counts().iter_rows())),
    )


def flow_text(flow: Flow) -> str:
    """The flow as lines for a terminal or a mail."""
    lines = [f"{flow.total:>11,}  studies in the archive"]
    for step in flow.steps:
        lines += _removed(step.removed)
        lines.append(f"{step.remaining:>11,}  {step.words}")
    lines += _removed(flow.left_out)
    for side in SPLITS:
        lines.append(f"{flow.sides[side]:>11,}  {side} ({flow.patients[side]:,} patients)")
    return "\n".join(lines) + "\n"


def _removed(removed: dict[str, int]) -> Sequence[str]:
    return [f"{-count:>17,}  {REASON_WORDS[reason]} ({reason})" for reason, count in removed.items()]


def read_flow(cohort: Path) -> Flow | None:
    """The flow that `prima curate` wrote into a folder, None when there is none."""
    try:
        card = json.loads((cohort / "flow.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    words = {step.name: step.words for step in steps()}
    enough = str(card["settings"]["min_series"])
    return Flow(
        total=card["total"],
        steps=tuple(FlowStep(**{**step, "words": _words(words[step["name"]], enough)}) for step in card["steps"]),
        left_out=card["left_out"],
        sides={side: numbers["studies"] for side, numbers in card["split"].items()},
        patients={side: numbers["patients"] for side, numbers in card["split"].items()},
        reports=card["reports"],
    )


def _words(words: str, min_series: str) -> str:
    return words.replace("enough", f"at least {min_series}")
