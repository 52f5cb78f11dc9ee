"""`prima calibrate`: probabilities and thresholds for a release, from a site's own labelled studies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prima.cli.predict import Device, Dtype

if TYPE_CHECKING:
    from prima.model.release.calibration import HeadCalibration

NUM_NAMED = 10


def calibrate(
    release: Annotated[Path, typer.Argument(metavar="RELEASE", help="The release folder; it is not changed.")],
    source: Annotated[
        Path,
        typer.Argument(metavar="ARCHIVE|LABELS", help="A labelled and tokenised archive, or a truth table."),
    ],
    predictions: Annotated[
        Path | None,
        typer.Argument(metavar="PREDICTIONS", help="With LABELS: table of the release's logits."),
    ] = None,
    *,
    out: Annotated[Path, typer.Option(metavar="DIR", help="The new release folder; new or empty.")],
    target: Annotated[
        str, typer.Option(metavar="KIND=SHARE", help="Thresholds for sensitivity=…, ppv=… or alerts=….")
    ] = "sensitivity=0.9",
    max_abstained: Annotated[
        float, typer.Option(min=0, max=0.5, metavar="SHARE", help="Of the studies on which a head may abstain.")
    ] = 0.02,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What to call the release; without it, the folder's name.")
    ] = None,
    drop_uncalibrated: Annotated[
        bool, typer.Option("--drop-uncalibrated", help="Leave heads that no label knows out of the new release.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, metavar="S", help="Of folds and of the bootstrap over patients.")] = 0,
    dtype: Annotated[Dtype, typer.Option(help="ARCHIVE: number format of the tokens that are there.")] = Dtype.AUTO,
    device: Annotated[Device, typer.Option(help="ARCHIVE: auto: the GPU when there is one.")] = Device.AUTO,
    as_json: Annotated[bool, typer.Option("--json", help="Print the calibration as JSON on stdout.")] = False,
) -> None:
    """Give a release calibrated probabilities, intervals, thresholds and abstention, from labelled studies.

    Use studies that the release was not trained on and will not be tested on: those of the archive's validation side,
    or a table of them. Research use only: it does not diagnose.
    """
    import json

    from rich.console import Console

    err = Console(stderr=True, highlight=False, soft_wrap=True)
    with err.status("calibrating"):  # torch takes seconds to load
        from prima.cli.calibrate_tables import read_labelled, tables_of_archive
        from prima.model.release.folder import load_release
        from prima.train.calibration.fit import CalibrationRecipe
        from prima.train.calibration.target import Target
        from prima.train.heads_release import calibrate_release

        wanted = Target.parse(target)
        loaded = load_release(release)
        if predictions is None:
            labelled = tables_of_archive(loaded, source, dtype=dtype.value, device=device.value)
        else:
            labelled = read_labelled(loaded, source, predictions)
        recipe = CalibrationRecipe(max_abstained=max_abstained, seed=seed)
        folder, missing = calibrate_release(
            loaded, labelled.logits, labelled.labels, wanted, out,
            recipe=recipe, name=name, drop_uncalibrated=drop_uncalibrated,
        )  # fmt: skip
    manifest = load_release(folder).manifest
    heads = {head.name: head.calibration for head in (*manifest.diagnoses, *manifest.referrals) if head.calibration}
    weak = [head for head, found in heads.items() if found.weak]
    short = [head for head, found in heads.items() if found.reached is False]
    num_studies, num_patients = len(labelled.labels), len(set(labelled.labels.patients))
    if as_json:
        values = {
            "release": str(folder),
            "calibrated": manifest.calibrated,
            "target": str(wanted),
            "num_studies": num_studies,
            "num_patients": num_patients,
            "heads": {head: _figures(found) for head, found in heads.items()},
            "uncalibrated": list(missing),
            "notes": list(labelled.notes),
        }
        typer.echo(json.dumps(values))
    else:
        typer.echo(f"release written: {folder}")
        typer.echo(f"{len(heads)} heads calibrated on {num_studies} studies of {num_patients} patients, for {wanted}")
    for note in labelled.notes:
        err.print(note)
    for words, names in (
        ("threshold weakly supported (fewer than 8 positive studies)", weak),
        ("target not reached", short),
        ("left out, no label" if drop_uncalibrated else "not calibrated, no label", missing),
    ):
        if names:
            more = f" and {len(names) - NUM_NAMED} more" if len(names) > NUM_NAMED else ""
            err.print(f"{words}: {', '.join(names[:NUM_NAMED])}{more}")
    if missing:
        raise typer.Exit(1)


def _figures(found: HeadCalibration) -> dict[str, object]:
    """What a reader wants of one head; the curves are in the release."""
    names = ("kind", "threshold", "reached", "sensitivity", "specificity", "ppv", "alerts", "abstained")
    figures = {name: getattr(found, name) for name in names}
    return figures | {"num_positives": found.num_positives, "num_negatives": found.num_negatives, "weak": found.weak}
