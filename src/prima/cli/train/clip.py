"""`prima train clip`: studies against their reports, with whatever else supervises them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from prima.cli.options import DeviceOption, Dtype, DtypeOption
from prima.cli.train import options as given


class ModeOption(StrEnum):
    """What a model is shown."""

    IMAGE = "image"
    NAMES = "image+names"
    INDICATION = "image+names+indication"


def clip(
    source: given.Source,
    run: given.Run,
    *,
    recipe: given.RecipeName = None,
    mode: Annotated[
        ModeOption | None,
        typer.Option(help="What the model is shown: the image; series names too; the indication as well."),
    ] = None,
    text_model: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A transformers text model from a local folder reads the reports."),
    ] = None,
    one_phase: Annotated[
        bool, typer.Option("--one-phase", help="Leave out the second phase, in which the sequence ViT is frozen.")
    ] = False,
    device: DeviceOption = "auto",
    dtype: DtypeOption = Dtype.AUTO,
    minutes: given.Minutes = None,
    seed: given.Seed = 0,
    steps: given.Steps = None,
    epochs: given.Epochs = None,
    watts: given.Watts = 0.0,
    fsdp: given.Parallel = False,
    compile_blocks: given.Compile = False,
    tensorboard: given.TensorBoard = False,
    wandb: given.Wandb = False,
    dry_run: given.DryRun = False,
    as_json: given.AsJson = False,
) -> None:
    """Train the hierarchical vision model against reports, labels and masks; ends with RUN/clip."""
    from prima.workflow.training.clip import train_clip
    from prima.workflow.training.recipe_choice import choose_recipe
    from prima.workflow.training.stage import StageOptions

    options = StageOptions(
        device=device, dtype=dtype.value, minutes=minutes, seed=seed, steps=steps, epochs=epochs, watts=watts,
        fsdp=fsdp, compile=compile_blocks, mirrors=given.mirrors(tensorboard=tensorboard, wandb=wandb), dry_run=dry_run,
    )  # fmt: skip
    chosen = choose_recipe(recipe, source, run)
    given.show_stage(
        lambda watcher: train_clip(
            source, run, chosen, options,
            mode=mode.value if mode else None, text_model=text_model, one_phase=one_phase, watcher=watcher,
        ),
        as_json=as_json,
    )  # fmt: skip
