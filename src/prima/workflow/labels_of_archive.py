"""Labels, priorities, referrals and findings of the reports of an archive."""

from __future__ import annotations

from pathlib import Path

from prima.archive.stages.label import LabellingMethod, LabellingResult, label_archive
from prima.archive.stages.run import StageWorkers
from prima.archive.store.layout import Archive
from prima.report.label import RuleLabeller
from prima.report.llm import LlmLabeller
from prima.study.triage import read_triage
from prima.workflow.watcher import NOBODY, Watcher


def label_reports_of(
    archive: Path,
    *,
    model: LlmLabeller | None = None,
    triage: Path | None = None,
    workers: int = 1,
    retry: bool = False,
    watcher: Watcher = NOBODY,
) -> tuple[LabellingResult, str]:
    """Label every report that belongs to a study.

    Args:
        archive: made by `prima ingest`.
        model: a language model; None: the rules label.
        triage: a site's own rule for priority and referrals.
        workers: processes; a language model is asked by one, several requests at a time.
        retry: try again what failed before.
        watcher: told how many reports are done.

    Returns:
        What became of the reports, and the version of the labeller.
    """
    rule = None if triage is None else read_triage(triage)
    if model is None:
        method = LabellingMethod(version=RuleLabeller().version, open=RuleLabeller, triage=rule)
    else:
        method = LabellingMethod(version=model.version, open=lambda: model, triage=rule)
    done = label_archive(
        Archive.open(archive),
        method,
        workers=StageWorkers(processes=workers if model is None and workers > 1 else 0),
        retry=retry,
        on_progress=lambda progress: progress.tell("reports", watcher),
    )
    return done, method.version
