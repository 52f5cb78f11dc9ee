"""`prima label ARCHIVE`: labels, priorities, referrals and findings of the reports of an archive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from prima.report.llm import LlmLabeller

NUM_NAMED = 20


def label_archive(
    archive: Path, *, asking: LlmLabeller | None, triage: Path | None, workers: int, retry: bool, as_json: bool
) -> None:
    """Label every report that belongs to a study, and say what became of them.

    Args:
        archive: made by prima ingest.
        asking: a language model; None: the rules label.
        triage: a site's own rule for priority and referrals.
        workers: processes; a language model is asked by one, several requests at a time.
        retry: try again what failed before.
        as_json: counts as JSON on stdout.
    """
    import json

    from rich.console import Console
    from rich.progress import Progress as Bars

    from prima.files.optional import require_tables

    require_tables()
    from prima.archive.stages.label import Reading
    from prima.archive.stages.label import label_archive as label
    from prima.archive.stages.run import Progress, Workers
    from prima.archive.store.layout import Archive
    from prima.report.label import RuleLabeller
    from prima.study.triage import read_triage

    rule = None if triage is None else read_triage(triage)
    if asking is None:
        reading = Reading(version=RuleLabeller().version, open=RuleLabeller, triage=rule)
    else:
        reading = Reading(version=asking.version, open=lambda: asking, triage=rule)
    err = Console(stderr=True, highlight=False, soft_wrap=True)
    with Bars(console=err, transient=True, disable=not err.is_terminal) as bars:
        task = bars.add_task("reports", total=None)

        def show(progress: Progress) -> None:
            bars.update(task, completed=progress.done, total=progress.total)

        processes = workers if asking is None and workers > 1 else 0
        done = label(
            Archive.open(archive), reading, workers=Workers(processes=processes), retry=retry, on_progress=show
        )
    for study_uid, reason in done.failed[:NUM_NAMED]:
        err.print(f"not labelled {study_uid}: {reason}", markup=False)
    if len(done.failed) > NUM_NAMED:
        err.print(f"and {len(done.failed) - NUM_NAMED} more")
    if as_json:
        counts = {"labelled": done.labelled, "failed": len(done.failed), "present": done.present}
        typer.echo(json.dumps({**counts, "labeller": reading.version}))
    else:
        typer.echo(f"{done.labelled} reports labelled by {reading.version} in {archive / 'labels'}")
    if not done.labelled:
        raise typer.Exit(3)
    if done.failed:
        raise typer.Exit(1)
