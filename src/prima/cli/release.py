"""`prima release build` and `prima release check`: a release from what training left, and whether one is whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

release = typer.Typer(no_args_is_help=True, help="Build and check releases.", rich_markup_mode=None)

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@release.command(
    short_help="A release from what training left.",
    epilog="Example: prima release build RUN --evaluation evaluation.json --out RELEASE",
)
def build(
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="SOURCE", help="Run folders and releases; a later one replaces parts of an earlier."),
    ],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="The release folder to make; new or empty.")],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What to call the release; without it, the folder's name.")
    ] = None,
    evaluation: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The evaluation.json that prima evaluate wrote.")
    ] = None,
) -> None:
    """Put weights, contract, calibration, provenance, probe and card together as one release."""
    from rich.console import Console

    err = Console(stderr=True, highlight=False, soft_wrap=True)
    with err.status("building"):  # torch takes seconds to load, and the probe is run
        from prima.model.packaging.build import build_release, collect

        folder = build_release(collect(sources, name=name or out.resolve().name, evaluation=evaluation), out)
    typer.echo(f"release written: {folder}")


@release.command(
    short_help="Whether a release is whole and answers as it did.", epilog="Example: prima release check RELEASE"
)
def check(
    folder: Annotated[
        Path | None, typer.Argument(metavar="RELEASE", help="Release folder; without it, the one packaged with prima.")
    ] = None,
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail too: for a release that is to ship.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the checks as JSON on stdout.")] = False,
) -> None:
    """Hash every file, ask the probe study again, and say what a release lacks."""
    import json

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    with Console(stderr=True).status("checking"):
        from prima.model.packaging.check import check_release
        from prima.model.release.folder import packaged_release

        checks = check_release(folder or packaged_release())
    failed = any(result.status == "fail" or (strict and result.status == "warn") for result in checks)
    if as_json:
        typer.echo(json.dumps({"ok": not failed, "checks": [vars(result) for result in checks]}))
    else:
        table = Table.grid(padding=(0, 2))
        for result in checks:
            table.add_row(
                Text(result.status, style=COLOURS[result.status]),
                Text(result.name),
                Text(result.found, overflow="fold"),
            )
        Console(highlight=False).print(table)
    if failed:
        raise typer.Exit(3)
