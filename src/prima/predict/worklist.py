"""The page over all studies of a call: OUT/index.html, those to be read first at the top."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from prima import __version__
from prima.errors import UsageError
from prima.files.durable import write_bytes
from prima.predict.page import html_environment, style_of_page
from prima.predict.page_rows import PriorityView, priority_view, rows_of
from prima.study import Findings
from prima.study.findings import DEMONSTRATION

WORKLIST_FILE = "index.html"
NUM_NAMED = 4
"""Flagged findings named in a row; of others only the number is told."""

_MOVED_UP = ("high", "medium")


@dataclass(frozen=True, kw_only=True)
class WorklistRow:
    """What the page says of one study.

    Args:
        study_uid: StudyInstanceUID, the name of its folder.
        description: StudyDescription.
        status: done, unanswered or refused.
        reason: why it is not done.
        priority: None when there is none.
        named: the first flagged findings: words and probability or score.
        num_flagged: all of them.
        num_uncalled: diagnoses without a decision.
        num_used: series that the model read.
        num_series: series of the study.
        trained: whether the release knows anything.
        demonstrates: whether it learnt from made-up studies.
        scores_only: whether it is unlike the studies seen, and scores were asked for nonetheless.
    """

    study_uid: str
    description: str | None
    status: str
    reason: str | None
    priority: PriorityView | None
    named: tuple[tuple[str, str], ...]
    num_flagged: int
    num_uncalled: int
    num_used: int
    num_series: int
    trained: bool
    demonstrates: bool
    scores_only: bool = False


def worklist_row(findings: Findings) -> WorklistRow:
    """The row of a study of any status."""
    answered = findings.priority if findings.status == "done" else None
    flagged = [row for row in rows_of(findings.diagnoses) if row.decision == "present"]
    return WorklistRow(
        study_uid=findings.study_uid,
        description=findings.description,
        status=findings.status,
        reason=findings.reason,
        priority=priority_view(answered.level, answered.logits, answered.probabilities) if answered else None,
        named=tuple((row.display, row.value) for row in flagged[:NUM_NAMED]),
        num_flagged=len(flagged),
        num_uncalled=sum(finding.present is None for finding in findings.diagnoses),
        num_used=sum(entry.status == "used" for entry in findings.series),
        num_series=len(findings.series),
        trained=findings.release.trained,
        demonstrates=DEMONSTRATION in findings.notes,
        scores_only=findings.status == "done" and not (findings.familiarity is None or findings.familiarity.familiar),
    )


def in_reading_order(rows: Sequence[WorklistRow]) -> list[WorklistRow]:
    """High priority first, then medium; all others, answered or not, keep the place in which they came."""

    def rank(row: WorklistRow) -> int:
        level = row.priority.level if row.priority else None
        return _MOVED_UP.index(level) if level in _MOVED_UP else len(_MOVED_UP)

    return sorted(rows, key=rank)


def render_worklist(rows: Sequence[WorklistRow], num_failed: int = 0) -> str:
    """The page as HTML5; the same rows give the same page. No path that was typed is on it.

    Args:
        rows: in the order in which the studies came.
        num_failed: inputs that gave no study.
    """
    return (
        html_environment()
        .get_template("worklist.html.j2")
        .render(
            rows=in_reading_order(rows),
            num_failed=num_failed,
            untrained=not all(row.trained for row in rows),
            demonstrates=any(row.demonstrates for row in rows),
            version=__version__,
            **style_of_page(),
        )
    )


def write_worklist(rows: Sequence[WorklistRow], out: Path, num_failed: int = 0) -> Path:
    """Write OUT/index.html, replacing an earlier one.

    Raises:
        UsageError: the file cannot be written.
    """
    path = out / WORKLIST_FILE
    try:
        write_bytes(path, render_worklist(rows, num_failed).encode("utf-8", "replace"))
    except OSError as error:
        raise UsageError(f"the worklist cannot be written to {out}: {error.strerror}; choose another --out") from None
    return path
