"""`prima doctor`: what this machine has and lacks."""

from __future__ import annotations

from typing import Annotated

import typer

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def doctor(
    json: Annotated[bool, typer.Option("--json", help="Print the checks as JSON on stdout.")] = False,
) -> None:
    """Say what this machine has and lacks, with the line that mends what is missing."""
    from dataclasses import asdict
    from json import dumps

    from prima.workflow.doctor.all_checks import examine

    checks = examine()
    usable = all(check.status != "fail" for check in checks)
    if json:
        typer.echo(dumps({"usable": usable, "checks": [asdict(check) for check in checks]}, indent=1))
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            typer.echo(
                f"{typer.style(f'{check.status:4}', fg=COLOURS[check.status])}  {check.name:{width}}  {check.found}"
            )
            if check.remedy is not None:
                typer.echo(f"{'':6}{'':{width}}  -> {check.remedy}")
        typer.echo("prima predict can run here." if usable else "prima predict cannot run here: mend what says fail.")
    if not usable:
        raise typer.Exit(3)
