"""The tables that `prima evaluate` shows on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from prima.evaluate.evaluation import FEW, STATEMENT, Difference, Evaluation, LabelResult
from prima.evaluate.summary import account_lines, summary_lines
from prima.evaluate.wording import NO_NUMBER, number, printable, signed, span

_BAR = 24
_WIDE = 118


def terminal_tables(found: Evaluation, *, width: int) -> list[RenderableType]:
    """Diagnoses first, so that what sums up stands last, where a terminal stops.

    Args:
        width: letters in a line; where they are few, names are cut and bars left out, and never a number.
    """
    tables: list[RenderableType] = [_results("Diagnoses", found.diagnoses, width)]
    if found.referrals:
        tables.append(_results("Referrals", found.referrals, width))
    tables += [_groups(found, by, width) for by in dict.fromkeys(group.by for group in found.groups)]
    if found.comparison is not None:
        tables.append(_comparison(found, width))
    who = ", ".join(found.releases)
    tables.append(_pairs(f"Evaluation of {who}" if who else "Evaluation", [*summary_lines(found)]))
    tables.append(_pairs("Studies", [*account_lines(found)]))
    how = found.resampling
    few = any(row.positives < FEW and row.reason is None for row in found.diagnoses)
    words = f"\n{how.level:.0%} intervals: {how.replicates:,} draws of patients, seed {how.seed}."
    words += f" * fewer than {FEW} positive studies." if few else ""
    return [*tables, Text(words, style="dim"), Text(STATEMENT)]


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
            span(row.auroc),
            *([Text(bar, style="yellow" if weak else "cyan")] if wide else []),
            number(row.ece),
            number(row.sensitivity.value),
            number(row.specificity.value),
        )
    for row in results:
        if row.reason is not None:
            why = Text("not evaluable", style="dim")
            table.add_row(Text(printable(row.display), style="dim"), f"{row.positives:,} ", why)
    return table


def _name_width(results: Sequence[LabelResult] | Sequence[Difference], most: int) -> int:
    return max(min(most, max((len(row.display) for row in results), default=0)), 12)


def _groups(found: Evaluation, by: str, width: int) -> RenderableType:
    groups = [group for group in found.groups if group.by == by]
    title = f"\nBy {printable(by)}"
    table = Table(title=Text(title, style="bold"), title_justify="left", box=None, header_style="dim")
    table.add_column("", no_wrap=True)
    columns = {
        "studies": [f"{group.studies:,}" for group in groups],
        "diagnoses": [str(group.evaluable) for group in groups],
        "mean AUROC": [span(group.auroc) for group in groups],
        f"of the {groups[0].shared} shared": [span(group.shared_auroc) for group in groups],
        "ECE": [number(group.ece) for group in groups],
        "priority high": [number(group.priority_high.value) for group in groups],
    }
    told = {head: cells for head, cells in columns.items() if set(cells) != {NO_NUMBER}}
    if width < _WIDE:  # of the two means the one that compares
        told.pop("mean AUROC")
        told.pop("diagnoses")
    for head in told:
        table.add_column(head, justify="right", no_wrap=True)
    for index, group in enumerate(groups):
        table.add_row(Text(printable(group.value)), *(cells[index] for cells in told.values()))
    return table


def _comparison(found: Evaluation, width: int) -> RenderableType:
    """The means, then the diagnoses whose difference is clear."""
    pair = found.comparison
    assert pair is not None
    clear = sorted((row for row in pair.diagnoses if row.clear), key=lambda row: row.difference.value)
    words = f"\nAgainst the other predictions, {pair.studies:,} studies with both"
    words += f", {pair.left_out:,} left out" if pair.left_out else ""
    table = Table(title=Text(words, style="bold"), title_justify="left", box=None, header_style="dim")
    shown = (*pair.summary, *clear)
    table.add_column("", width=max(_name_width(shown, width - 52), 36), overflow="ellipsis", no_wrap=True)
    for head in ("first", "second", "first minus second"):
        table.add_column(head, justify="right", no_wrap=True)
    for row in shown:
        table.add_row(Text(printable(row.display)), number(row.first), number(row.second), signed(row.difference))
    table.add_row(Text(f"{len(pair.diagnoses) - len(clear)} diagnoses: no clear difference", style="dim"))
    return table


def _pairs(title: str, lines: list[tuple[str, str]]) -> RenderableType:
    heading = Text(f"\n{printable(title)}", style="bold")
    table = Table(title=heading, title_justify="left", show_header=False, box=None)
    table.add_column("", no_wrap=True)
    table.add_column("", overflow="fold")
    for what, value in lines:
        table.add_row(Text(what), Text(printable(value)))
    return table
