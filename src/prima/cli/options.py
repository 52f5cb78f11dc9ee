"""Options that several verbs share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Dtype(StrEnum):
    """The number format of the encoder."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


class Side(StrEnum):
    """A side of the split."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


class Keep(StrEnum):
    """What a site may decide to keep when it removes identities."""

    PATIENT = "patient"
    DEVICE = "device"


ReleaseFolder = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Release folder; without it, the release packaged with prima.")
]
DeviceOption = Annotated[
    str, typer.Option(metavar="auto|cpu|cuda|cuda:N", help="auto: the GPU when there is one; cuda:1: the second GPU.")
]
DtypeOption = Annotated[
    Dtype, typer.Option(help="auto: bfloat16 where the processor or GPU computes in it, else float32.")
]
Split = Annotated[list[Side] | None, typer.Option(help="Only this side of the split; may be repeated.")]
WorkersOption = Annotated[
    int | None, typer.Option(min=1, metavar="W", help="Processes; 1, or on a Ray cluster all it has room for.")
]
RayOption = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Run on this Ray cluster; local: one on this machine.")
]
Retry = Annotated[bool, typer.Option("--retry", help="Try the studies again that failed before.")]
FollowLinks = Annotated[bool, typer.Option("--follow-links", help="Read what links inside a folder lead to.")]
ImageOnly = Annotated[
    bool, typer.Option("--image-only", help="Show the model no series name and no study description.")
]
ScoresAnyway = Annotated[
    bool, typer.Option("--scores-anyway", help="Score studies unlike those the release has seen; nothing is called.")
]
CountsAsJson = Annotated[bool, typer.Option("--json", help="Print the counts as JSON on stdout.")]
