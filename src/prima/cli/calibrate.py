"""`prima calibrate`: probabilities and thresholds for a release, from a site's own labelled studies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from prima.cli.console import leave, say
from prima.cli.options import DeviceOption, Dtype

NUM_NAMED = 10


def calibrate(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="[RELEASE] ARCHIVE|LABELS [PREDICTIONS]",
            help="The release folder, which is not changed (the packaged one when it is left out); a labelled and "
            "tokenised archive, or a truth table with a table of the release's logits.",
        ),
    ],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="The new release folder; new or empty.")],
    target: Annotated[
        str,
        typer.Option(
            metavar="KIND=SHARE",
            help="Thresholds for sensitivity=…, ppv=… or alerts=…; ppv=0.5@0.9: with confidence 0.9.",
        ),
    ] = "sensitivity=0.9",
    max_abstained: Annotated[
        float, typer.Option(min=0, max=0.5, metavar="SHARE", help="Of the studies on which a head may abstain.")
    ] = 0.02,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What to call the release; without it, the folder's name.")
    ] = None,
    drop_uncalibrated: Annotated[
        bool, typer.Option("--drop-uncalibrated", help="Leave heads without a probability out of the new release.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, metavar="S", help="Of folds and of the bootstrap over patients.")] = 0,
    dtype: Annotated[Dtype, typer.Option(help="ARCHIVE: number format of the tokens that are there.")] = Dtype.AUTO,
    device: DeviceOption = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the calibration as JSON on stdout.")] = False,
) -> None:
    """Give a release calibrated probabilities, intervals, thresholds and abstention, from labelled studies.

    Use studies that the release was not trained on and will not be tested on: those of the archive's validation side,
    or a table of them. Research use only: it does not diagnose.
    """
    from rich.console import Console

    err = Console(stderr=True, highlight=False, soft_wrap=True)
    with err.status("calibrating"):  # torch takes seconds to load
        from prima.workflow.calibrate import calibrate_on, what_to_calibrate

        done = calibrate_on(
            *what_to_calibrate(paths), out, target=target, max_abstained=max_abstained, name=name,
            drop_uncalibrated=drop_uncalibrated, seed=seed, dtype=dtype.value, device=device,
        )  # fmt: skip
    words = (
        f"release written: {done.folder}\n{len(done.with_probability)} heads calibrated on {done.num_studies} "
        f"studies of {done.num_patients} patients, for {done.target}"
    )
    say(words, done.as_json(), as_json=as_json)
    for note in done.notes:
        err.print(note)
    for reason, heads in (
        ("threshold weakly supported (fewer than 8 positive studies)", done.weak),
        ("not called, no threshold reaches the target", done.not_called),
        ("not called, fewer than 5 labelled studies with it or without it", done.unsupported),
        ("left out, no label" if drop_uncalibrated else "not calibrated, no label", done.unlabelled),
    ):
        if heads:
            more = f" and {len(heads) - NUM_NAMED} more" if len(heads) > NUM_NAMED else ""
            err.print(f"{reason}: {', '.join(heads[:NUM_NAMED])}{more}")
    leave(1, len(done.missing))
