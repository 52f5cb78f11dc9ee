"""`prima ingest`: folders, servers and report files into an archive."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def ingest(
    sources: Annotated[list[str], typer.Argument(metavar="SRC…", help="Folders or files of DICOM or reports.")],
    archive: Annotated[Path, typer.Argument(metavar="ARCHIVE", help="An archive, or a new or empty folder.")],
    *,
    link: Annotated[
        bool, typer.Option("--link", help="Share files with the source instead of copying, where the disk allows.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON on stdout.")] = False,
) -> None:
    """Take studies and reports into an archive. It may be broken off at any point and run again: nothing doubles."""
    import json
    from collections import Counter

    from rich.console import Console
    from rich.progress import Progress, TextColumn

    from prima.archive.require import require_tables
    from prima.errors import UsageError

    require_tables()
    from prima.archive.folder import folder_instances
    from prima.archive.ingest import ingest_instances
    from prima.archive.layout import Archive
    from prima.archive.outcome import Outcome

    places = [Path(source) for source in sources]
    absent = [place for place in places if not place.exists()]
    if absent:
        raise UsageError(f"{absent[0]}: no such file or folder")
    into = Archive.open_or_make(archive)
    err = Console(stderr=True, soft_wrap=True)
    counts: Counter[Outcome] = Counter()
    with Progress(
        "{task.description}",
        TextColumn("{task.completed} files"),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    ) as bar:
        task = bar.add_task("ingest", total=None)
        for place in places:
            instances = folder_instances(place, link=link)
            counts.update(ingest_instances(into, instances, str(place), lambda: bar.advance(task)))
    if as_json:
        typer.echo(json.dumps({outcome.value: number for outcome, number in counts.items()}))
    else:
        for outcome, number in counts.items():
            if number:
                typer.echo(f"{number:>9,}  {outcome.words}", err=outcome.refused)
    if any(number and outcome.refused for outcome, number in counts.items()):
        raise typer.Exit(1)
