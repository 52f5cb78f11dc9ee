"""`prima train heads`: diagnoses, priority and referrals on frozen features, calibrated on validation patients."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from prima.cli.options import DeviceOption, Dtype, DtypeOption
from prima.cli.train import options as given


def heads(
    source: given.Source,
    run: given.Run,
    *,
    recipe: given.RecipeName = None,
    release: Annotated[
        Path | None,
        typer.Option("--from", metavar="RELEASE", help="Heads for the vision model of a release, not of the run."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(metavar="TARGET", help="What thresholds are for: sensitivity=0.9, ppv=0.5 or alerts=0.05, say."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="TABLE", help="Labels of the site (CSV or Parquet), not of the reports."),
    ] = None,
    device: DeviceOption = "auto",
    dtype: DtypeOption = Dtype.AUTO,
    seed: given.Seed = 0,
    epochs: given.Epochs = None,
    watts: given.Watts = 0.0,
    dry_run: given.DryRun = False,
    as_json: given.AsJson = False,
) -> None:
    """Train heads on frozen features, calibrate them and choose thresholds; ends with RUN/heads."""
    from prima.workflow.training.heads import train_heads
    from prima.workflow.training.recipe_choice import choose_recipe
    from prima.workflow.training.stage import StageOptions, is_first_rank

    if not is_first_rank():
        return
    options = StageOptions(device=device, dtype=dtype.value, seed=seed, epochs=epochs, watts=watts, dry_run=dry_run)
    chosen = choose_recipe(recipe, source, run)
    given.show_stage(
        lambda watcher: train_heads(
            source, run, chosen, options, release=release, target=target, labels=labels, watcher=watcher
        ),
        as_json=as_json,
    )
