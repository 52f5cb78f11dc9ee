"""`prima convert`: the published weights into a release folder, without running what they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def convert(
    full: Annotated[
        Path, typer.Argument(metavar="FULL.pt", help="The published full model, or the JSON that names its components.")
    ],
    tokenizer: Annotated[Path, typer.Argument(metavar="TOKENIZER.pth", help="The published VQ-VAE tokenizer.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The release folder to make; new or empty.")],
    *,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What to call the release; without it, the folder's name.")
    ] = None,
) -> None:
    """Turn published Prima weights into a release folder; nothing in the checkpoint is executed."""
    from rich.console import Console
    from rich.progress import Progress

    from prima.model.convert.convert import convert as convert_checkpoint

    err = Console(stderr=True, soft_wrap=True)
    with Progress(console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("opening")

        def show(file: str, done: int, total: int) -> None:
            bar.update(task, description=file, completed=done, total=total)

        folder = convert_checkpoint(full, tokenizer, out, name=name, on_file=show)
    typer.echo(f"release written: {folder}")
