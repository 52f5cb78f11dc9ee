"""`prima train tokenizer`: the VQ-VAE that turns patches of voxels into tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from prima.cli.options import DeviceOption, Dtype, DtypeOption
from prima.cli.train import options as given


def tokenizer(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="An archive with a cohort, or train/ and validation/ of patches.")
    ],
    run: given.Run,
    *,
    recipe: given.RecipeName = None,
    studies: Annotated[
        int, typer.Option(min=1, metavar="N", help="Cut patches of so many training studies of an archive.")
    ] = 2000,
    device: DeviceOption = "auto",
    dtype: DtypeOption = Dtype.AUTO,
    minutes: given.Minutes = None,
    seed: given.Seed = 0,
    steps: given.Steps = None,
    epochs: given.Epochs = None,
    watts: given.Watts = 0.0,
    compile_blocks: given.Compile = False,
    tensorboard: given.TensorBoard = False,
    wandb: given.Wandb = False,
    dry_run: given.DryRun = False,
    as_json: given.AsJson = False,
) -> None:
    """Train the tokenizer; ends with RUN/tokenizer, and RUN/release for prima tokenize."""
    from prima.workflow.training.recipe_choice import choose_recipe
    from prima.workflow.training.stage import StageOptions
    from prima.workflow.training.tokenizer import train_tokenizer

    options = StageOptions(
        device=device, dtype=dtype.value, minutes=minutes, seed=seed, steps=steps, epochs=epochs, watts=watts,
        compile=compile_blocks, mirrors=given.mirrors(tensorboard=tensorboard, wandb=wandb), dry_run=dry_run,
    )  # fmt: skip
    chosen = choose_recipe(recipe, source, run)
    given.show_stage(
        lambda watcher: train_tokenizer(source, run, chosen, options, num_studies=studies, watcher=watcher),
        as_json=as_json,
    )
