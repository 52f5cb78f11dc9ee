"""`prima adapt`: a release that knows a site's own studies, without labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from prima.cli.console import say
from prima.cli.options import DeviceOption, Dtype


def adapt(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="[RELEASE] ARCHIVE",
            help="The release folder, which is not changed (without it, the packaged one), and a tokenised archive.",
        ),
    ],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="The new release folder; new or empty.")],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What to call the release; without it, the folder's name.")
    ] = None,
    dtype: Annotated[Dtype, typer.Option(help="Number format of the tokens that are there.")] = Dtype.AUTO,
    device: DeviceOption = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON on stdout.")] = False,
) -> None:
    """Make a site's own studies familiar to a release: statistics move, weights and calibration do not.

    No label is read. It says nothing on whether the model reads these studies rightly. Research use only.
    """
    from rich.console import Console

    err = Console(stderr=True, highlight=False, soft_wrap=True)
    with err.status("adapting"):  # torch takes seconds to load
        from prima.workflow.familiarity import WARNING, adapt_release, what_to_adapt

        release, archive = what_to_adapt(paths)
        done = adapt_release(release, archive, out, name=name, dtype=dtype.value, device=device)
    low, high = (f"{100 * end:.1f}" for end in done.record.interval)
    words = (
        f"release written: {done.folder}\nadapted to {done.num_studies} studies of {done.num_patients} patients; "
        f"{done.record.num_refused} of {done.record.num_held_out} held-out studies are refused ({low} to {high} %)"
    )
    say(words, done.as_json(), as_json=as_json)
    err.print(WARNING)
