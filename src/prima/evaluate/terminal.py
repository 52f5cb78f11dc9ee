"""The tables that `prima evaluate` shows on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from prima.evaluate.evaluation import FEW, STATEMENT, Difference, Evaluation, LabelResult
from prima.evaluate.formatting import NO_NUMBER, format_difference, format_estimate, format_number, printable
from prima.evaluate.summary import account_lines, summary_lines

_BAR = 24
_WIDE = 118


def terminal_tables(evaluation: Evaluation, *, width: int) -> list[RenderableType]:
    """Diagnoses first, so that what sums up stands last, where a terminal stops.

    Args:
        width: letters in a line; where they are few, names are cut and bars left out, and never a number.
    """
    tables: list[RenderableType] = [_results("Diagnoses", evaluation.diagnoses, width)]
    if evaluation.referrals:
        tables.append(_results("Referrals", evaluation.referrals, width))
    tables += [_groups(evaluation, by, width) for by in dict.fromkeys(group.by for group in evaluation.groups)]
    if evaluation.comparison is not None:
        tables.append(_comparison(evaluation, width))
    releases = ", ".join(evaluation.releases)
    tables.append(_pairs(f"Evaluation of {releases}" if releases else "Evaluation", [*summary_lines(evaluation)]))
    tables.append(_pairs("Studies", [*account_lines(evaluation)]))
    resampling = evaluation.resampling
    has_few = any(row.positives < FEW and row.reason is None for row in evaluation.diagnoses)
    draws = f"{resampling.replicates:,} draws of patients, seed {resampling.seed}"
    legend = f"\n{resampling.level:.0%} intervals: {draws}."
    legend += f" * fewer than {FEW} positive studies." if has_few else ""
    return [*tables, Text(legend, style="dim"), Text(STATEMENT)]


def _results(title: str, results: tuple[LabelResult, ...], width: int) -> RenderableType:
    """From the highest AUROC to the lowest, with a bar from chance to 1."""
    table = Table(title=f"\n{title}", title_justify="left", title_style="bold", box=None, header_style="dim")
    wide = width >= _WIDE
    table.add_column("", width=_name_width(results, 40 if wide else width - 54), overflow="ellipsis", no_wrap=True)
    table.add_column("pos.", justify="right", no_wrap=True)
    table.add_column("AUROC", no_wrap=True)
    if wide:
        table.add_column("0.5" + " " * (_BAR - 4) + "1", no_wrap=True)
    for head in ("ECE", "sens.", "spec."):
        table.add_column(head, justify="right", no_wrap=True)
    rows = [row for row in results if row.reason is None]
    for row in sorted(rows, key=lambda row: -row.auroc.value):
        weak = row.auroc.value < 0.8
        bar = "━" * round(_BAR * max(row.auroc.value - 0.5, 0) / 0.5)
        table.add_row(
            Text(printable(row.display)),
            f"{row.positives:,}{'*' if row.positives < FEW else ' '}",
            format_estimate(row.auroc),
            *([Text(bar, style="yellow" if weak else "cyan")] if wide else []),
            format_number(row.ece),
            format_number(row.sensitivity.value),
            format_number(row.specificity.value),
        )
    for row in results:
        if row.reason is not None:
            why = Text("not evaluable", style="dim")
            table.add_row(Text(printable(row.display), style="dim"), f"{row.positives:,} ", why)
    return table


def _name_width(results: Sequence[LabelResult] | Sequence[Difference], most: int) -> int:
    return max(min(most, max((len(row.display) for row in results), default=0)), 12)


def _groups(evaluation: Evaluation, by: str, width: int) -> RenderableType:
    groups = [group for group in evaluation.groups if group.by == by]
    title = f"\nBy {printable(by)}"
    table = Table(title=Text(title, style="bold"), title_justify="left", box=None, header_style="dim")
    table.add_column("", no_wrap=True)
    columns = {
        "studies": [f"{group.studies:,}" for group in groups],
        "diagnoses": [str(group.evaluable) for group in groups],
        "mean AUROC": [format_estimate(group.auroc) for group in groups],
        f"of the {groups[0].shared} shared": [format_estimate(group.shared_auroc) for group in groups],
        "ECE": [format_number(group.ece) for group in groups],
        "priority high": [format_number(group.priority_high.value) for group in groups],
    }
    shown = {head: cells for head, cells in columns.items() if set(cells) != {NO_NUMBER}}
    if width < _WIDE:  # of the two means the one that compares
        shown.pop("mean AUROC")
        shown.pop("diagnoses")
    for head in shown:
        table.add_column(head, justify="right", no_wrap=True)
    for index, group in enumerate(groups):
        table.add_row(Text(printable(group.value)), *(cells[index] for cells in shown.values()))
    return table


def _comparison(evaluation: Evaluation, width: int) -> RenderableType:
    """The means, then the diagnoses whose difference is clear."""
    pair = evaluation.comparison
    assert pair is not None
    clear = sorted((row for row in pair.diagnoses if row.clear), key=lambda row: row.difference.value)
    title = f"\nAgainst the other predictions, {pair.studies:,} studies with both"
    title += f", {pair.left_out:,} left out" if pair.left_out else ""
    table = Table(title=Text(title, style="bold"), title_justify="left", box=None, header_style="dim")
    shown = (*pair.summary, *clear)
    table.add_column("", width=max(_name_width(shown, width - 52), 36), overflow="ellipsis", no_wrap=True)
    for head in ("first", "second", "first minus second"):
        table.add_column(head, justify="right", no_wrap=True)
    for row in shown:
        table.add_row(
            Text(printable(row.display)),
            format_number(row.first),
            format_number(row.second),
            format_difference(row.difference),
        )
    table.add_row(Text(f"{len(pair.diagnoses) - len(clear)} diagnoses: no clear difference", style="dim"))
    return table


def _pairs(title: str, lines: list[tuple[str, str]]) -> RenderableType:
    heading = Text(f"\n{printable(title)}", style="bold")
    table = Table(title=heading, title_justify="left", show_header=False, box=None)
    table.add_column("", no_wrap=True)
    table.add_column("", overflow="fold")
    for label, value in lines:
        table.add_row(Text(label), Text(printable(value)))
    return table
