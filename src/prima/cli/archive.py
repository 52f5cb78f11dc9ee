"""`prima archive`: what an archive holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import RenderableType

    from prima.archive.info.count import ArchiveInfo, Breakdown

archive = typer.Typer(no_args_is_help=True, help="What an archive holds.", rich_markup_mode=None)


@archive.callback()
def _options() -> None:
    """What an archive holds."""


@archive.command(
    short_help="Counts, with drawings on request.", epilog="Example: prima archive info ARCHIVE --html archive.html"
)
def info(
    archive: Annotated[Path, typer.Argument(metavar="ARCHIVE", help="An archive made by prima ingest.")],
    *,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a page with drawings.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON on stdout.")] = False,
) -> None:
    """Show what an archive holds: counts by time, scanner, age, status and reason, and how far its stages are."""
    import json

    from rich.console import Console

    from prima.files.optional import require_tables

    require_tables()
    from prima.archive.info.count import info_of
    from prima.archive.info.page import info_page
    from prima.archive.store.layout import Archive

    archive_info = info_of(Archive.open(archive))
    if html is not None:
        html.write_text(info_page(archive_info, name=archive.resolve().name), encoding="utf-8")
    if as_json:
        typer.echo(json.dumps(archive_info.to_dict()))
        return
    console = Console()
    for table in _tables(archive_info):
        console.print(table)
    if html is not None:
        typer.echo(f"wrote {html}")


def _tables(archive_info: ArchiveInfo) -> list[RenderableType]:
    from rich.table import Table

    totals = Table(title="Archive", title_justify="left", show_header=False, box=None)
    for label, count in archive_info.totals.items():
        totals.add_row(label, f"{count:>12,}")
    return [totals, *(_table(breakdown) for breakdown in archive_info.breakdowns)]


def _table(breakdown: Breakdown) -> RenderableType:
    """A row per value, a column per side where there are several, and a bar."""
    from rich.markup import escape
    from rich.table import Table

    from prima.archive.info.count import SIDES

    known_sides = {side for line in breakdown.lines for side in line.numbers}
    sides = [side for side in SIDES if side in known_sides]
    table = Table(title=f"\n{breakdown.title}", title_justify="left", box=None, header_style="dim")
    table.add_column("", min_width=20, max_width=28, overflow="ellipsis", no_wrap=True)
    several = any(len(line.numbers) > 1 for line in breakdown.lines)
    for side in sides if several else []:
        table.add_column(side, justify="right", no_wrap=True)
    table.add_column("all" if several else "", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    most = max(line.total for line in breakdown.lines)
    for line in breakdown.lines:
        numbers = [f"{line.numbers.get(side, 0):,}" for side in sides] if several else []
        table.add_row(
            escape(line.label), *numbers, f"{line.total:,}", "█" * round((8 if several else 30) * line.total / most)
        )
    return table
