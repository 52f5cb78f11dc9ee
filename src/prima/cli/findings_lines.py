"""Findings of a study as a few lines of a terminal."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from prima.cli.console import printable
from prima.model.engine.outputs import SCORES_ANYWAY
from prima.predict.page_rows import rows_of
from prima.study import Findings
from prima.study.findings import DEMONSTRATION

NUM_SHOWN = 5


def summary_of(findings: Findings) -> str:
    """Series used, priority, time, and whether the numbers mean anything."""
    used = sum(entry.status == "used" for entry in findings.series)
    priority = f", priority {findings.priority.level}" if findings.priority else ""
    warnings = [note for note in (SCORES_ANYWAY, DEMONSTRATION) if note in findings.notes]
    warning = f" ({'; '.join(warnings)})" if warnings else ""
    if not findings.release.trained:
        warning = " (untrained release: the numbers mean nothing)"
    return f"{used} of {len(findings.series)} series used{priority}, {findings.timings_s['total']:.1f} s{warning}"


def series_lines(findings: Findings) -> list[str]:
    """A line for each series: used, or why not. Without its description, which can hold anything."""
    return [
        f"         series {index} of {len(findings.series)}: {entry.status}"
        + (f", {entry.reason}" if entry.reason else "")
        for index, entry in enumerate(findings.series, 1)
    ]


def highest_findings(findings: Findings) -> Table:
    """The first few findings flagged, ranked."""
    present = [row for row in rows_of(findings.diagnoses) if row.decision == "present"]
    table = Table.grid(padding=(0, 2))
    for row in present[:NUM_SHOWN]:
        table.add_row(Text(row.value, style="cyan", justify="right"), Text(printable(row.display)))
    if not present:
        table.add_row("no finding flagged")
    elif len(present) > NUM_SHOWN:
        table.add_row("", Text(f"and {len(present) - NUM_SHOWN} more flagged", style="dim"))
    return table
