"""The tables that `prima evaluate` shows on a terminal."""

from __future__ import annotations

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from prima.evaluate.evaluation import FEW, STATEMENT, Evaluation, LabelResult
from prima.evaluate.summary import account_lines, summary_lines
from prima.evaluate.wording import NO_NUMBER, number, printable, signed, span

_BAR = 24


def terminal_tables(found: Evaluation) -> list[RenderableType]:
    """Diagnoses first, so that what sums up stands last, where a terminal stops."""
    tables: list[RenderableType] = [_results("Diagnoses", found.diagnoses)]
    if found.referrals:
        tables.append(_results("Referrals", found.referrals))
    tables += [_groups(found, by) for by in dict.fromkeys(group.by for group in found.groups)]
    if found.comparison is not None:
        tables.append(_comparison(found))
    who = ", ".join(found.releases)
    tables.append(_pairs(f"Evaluation of {who}" if who else "Evaluation", [*summary_lines(found)]))
    tables.append(_pairs("Studies", [*account_lines(found)]))
    how = found.resampling
    few = any(row.positives < FEW and row.reason is None for row in found.diagnoses)
    words = f"\n{how.level:.0%} intervals: {how.replicates:,} draws of patients, seed {how.seed}."
    words += f" * fewer than {FEW} positive studies." if few else ""
    return [*tables, Text(words, style="dim"), Text(STATEMENT)]


def _results(title: str, results: tuple[LabelResult, ...]) -> RenderableType:
    """From the highest AUROC to the lowest, with a bar from chance to 1."""
    table = Table(title=f"\n{title}", title_justify="left", title_style="bold", box=None, header_style="dim")
    table.add_column("", min_width=24, overflow="ellipsis", no_wrap=True)
    table.add_column("pos.", justify="right", no_wrap=True)
    table.add_column("AUROC", no_wrap=True)
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
            Text(bar, style="yellow" if weak else "cyan"),
            number(row.ece),
            number(row.sensitivity.value),
            number(row.specificity.value),
        )
    for row in results:
        if row.reason is not None:
            table.add_row(
                Text(printable(row.display), style="dim"), f"{row.positives:,} ", Text(row.reason, style="dim")
            )
    return table


def _groups(found: Evaluation, by: str) -> RenderableType:
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
    for head in told:
        table.add_column(head, justify="right", no_wrap=True)
    for index, group in enumerate(groups):
        table.add_row(Text(printable(group.value)), *(cells[index] for cells in told.values()))
    return table


def _comparison(found: Evaluation) -> RenderableType:
    """The means, then the diagnoses whose difference is clear."""
    pair = found.comparison
    assert pair is not None
    clear = sorted((row for row in pair.diagnoses if row.clear), key=lambda row: row.difference.value)
    words = f"\nAgainst the other predictions, {pair.studies:,} studies with both"
    words += f", {pair.left_out:,} left out" if pair.left_out else ""
    table = Table(title=Text(words, style="bold"), title_justify="left", box=None, header_style="dim")
    table.add_column("", no_wrap=True)
    for head in ("first", "second", "first minus second"):
        table.add_column(head, justify="right", no_wrap=True)
    for row in (*pair.summary, *clear):
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
