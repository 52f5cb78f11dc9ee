"""`prima doctor`: what this machine has and lacks."""

from __future__ import annotations

from typing import Annotated

import typer


def doctor(
    json: Annotated[bool, typer.Option("--json", help="Print the checks as JSON on stdout.")] = False,
) -> None:
    """Say what this machine has and lacks, with the line that mends what is missing."""
    raise NotImplementedError
