"""`prima convert`: the published weights into a release folder, without running what they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def convert(
    full: Annotated[Path, typer.Argument(metavar="FULL.pt", help="The published full model.")],
    tokenizer: Annotated[Path, typer.Argument(metavar="TOKENIZER.pth", help="The published VQ-VAE tokenizer.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The release folder to make.")],
) -> None:
    """Turn published Prima weights into a release folder; nothing in the checkpoint is executed."""
    raise NotImplementedError
