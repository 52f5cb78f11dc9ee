"""`prima phantom`: a small made-up study, written as DICOM."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def phantom(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to write the study.")],
    seed: Annotated[int, typer.Option(metavar="N", help="The same seed gives the same study.")] = 0,
    lesion: Annotated[bool, typer.Option(help="With or without a bright lesion on one side.")] = True,
) -> None:
    """Write a small made-up brain-MRI study as DICOM, for trying things out."""
    from prima.simulate.phantom import write_phantom_study

    write_phantom_study(folder, seed=seed, lesion=lesion)
    typer.echo(f"wrote a made-up study to {folder}")
