"""`prima ingest`: folders, servers and report files into an archive."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from prima.cli import options as given
from prima.cli.console import Terminal, leave


def ingest(
    places: Annotated[
        list[str],
        typer.Argument(
            metavar="SRC… ARCHIVE",
            help="Folders or files of DICOM, NIfTI or reports, zip and tar files; pacs://TITLE@host:port; https://… of "
            "a DICOMweb service. Last an archive, or a new or empty folder; with --reread it may stand alone.",
        ),
    ],
    *,
    link: Annotated[
        bool, typer.Option("--link", help="Share files with the source instead of copying, where the disk allows.")
    ] = False,
    reread: Annotated[
        bool,
        typer.Option("--reread", help="Make the catalogue again from what is stored; read unchanged folders, too."),
    ] = False,
    day_first: Annotated[
        bool | None,
        typer.Option("--day-first/--month-first", help="Reports: how tables write 12/11/2024; else a column shows it."),
    ] = None,
    follow_links: given.FollowLinks = False,
    workers: given.WorkersOption = None,
    ray: given.RayOption = None,
    modality: Annotated[str, typer.Option(metavar="CODE", help="Servers: a series of the study must have it.")] = "MR",
    body_part: Annotated[
        list[str] | None, typer.Option(metavar="PART", help="Servers: BodyPartExamined; may be repeated.")
    ] = None,
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], metavar="DATE", help="Servers: first study date.")
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], metavar="DATE", help="Servers: last study date.")
    ] = None,
    title: Annotated[str, typer.Option(metavar="AET", help="PACS: our AE title, which it must know.")] = "PRIMA",
    port: Annotated[int, typer.Option(min=1, max=65535, help="PACS: where we listen for C-MOVE.")] = 11112,
    listen: Annotated[
        str, typer.Option(metavar="ADDRESS", help="PACS: our address to listen on; 0.0.0.0 is all.")
    ] = "127.0.0.1",
    use_get: Annotated[bool, typer.Option("--c-get", help="PACS: fetch by C-GET, where it cannot reach us.")] = False,
    pace: Annotated[float, typer.Option(min=0, metavar="N", help="Servers: at most N instances a second.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON on stdout.")] = False,
) -> None:
    """Take studies and reports into an archive. It may be interrupted at any point and run again: nothing doubles."""
    import json

    from prima.files.optional import require_tables

    require_tables()
    from prima.workflow.ingest import ingest_sources
    from prima.workflow.servers import Request

    request = Request(
        modality=modality, body_parts=tuple(body_part or ()), first=first, last=last, title=title, port=port,
        use_get=use_get, pace=pace, listen=listen,
    )  # fmt: skip
    complete: list[str] = []
    with Terminal() as terminal:
        counts = ingest_sources(
            places[:-1], Path(places[-1]), request, link=link, reread=reread, day_first=day_first,
            follow_links=follow_links, processes=workers, ray=ray, on_complete=complete.append, watcher=terminal,
        )  # fmt: skip
    if as_json:
        typer.echo(json.dumps({outcome.value: count for outcome, count in counts.items()}))
    else:
        for outcome, count in counts.items():
            if count:
                typer.echo(f"{count:>9,}  {outcome.words}", err=outcome.refused)
    leave(
        len(complete) + sum(count for outcome, count in counts.items() if outcome.held),
        sum(count for outcome, count in counts.items() if outcome.refused),
    )
