"""What `prima label` prints of an archive's reports, and of a file's."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from prima.cli.console import Terminal, name_few, say, warn_plainly

if TYPE_CHECKING:
    from prima.report.labels import Labeller
    from prima.report.llm import LlmLabeller


def show_archive(
    archive: Path, language_model: LlmLabeller | None, triage: Path | None, *, workers: int, retry: bool, as_json: bool
) -> tuple[int, int]:
    """Label the reports of an archive: how many were labelled, and how many failed."""
    from prima.files.optional import require_tables

    require_tables()
    from prima.workflow.labels_of_archive import label_reports_of

    with Terminal() as terminal:
        done, version = label_reports_of(
            archive, model=language_model, triage=triage, workers=workers, retry=retry, watcher=terminal
        )
    name_few(terminal.err, [f"not labelled {study_uid}: {reason}" for study_uid, reason in done.failed])
    counts = {"labelled": done.labelled, "failed": len(done.failed), "present": done.present}
    words = f"{done.labelled} reports labelled by {version} in {archive / 'labels'}"
    say(words, {**counts, "labeller": version}, as_json=as_json)
    return done.labelled, len(done.failed)


def show_file(path: Path, language_model: LlmLabeller | None) -> tuple[int, int]:
    """Label the lines of a file: how many were labelled (1 when there was nothing to do), and how many refused."""
    from prima.report.label import RuleLabeller
    from prima.workflow.label_lines import label_lines

    labeller: Labeller = RuleLabeller() if language_model is None else language_model
    lines = sys.stdin.buffer if str(path) == "-" else path.open("rb")
    try:
        done, refused = label_lines(
            lines,
            labeller,
            on_labels=print,
            on_refusal=lambda line_number, reason: warn_plainly(f"line {line_number}: {reason}"),
        )
        sys.stdout.flush()
    finally:
        if lines is not sys.stdin.buffer:
            lines.close()
    warn_plainly(f"labelled {done} reports" + (f"; {refused} refused" if refused else ""))
    return (done or not refused), refused
