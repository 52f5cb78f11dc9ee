"""`prima train names`: series against their names, to start the study stage from."""

from __future__ import annotations

from prima.cli.options import DeviceOption, Dtype, DtypeOption
from prima.cli.train import options as given


def names(
    source: given.Source,
    run: given.Run,
    *,
    recipe: given.RecipeName = None,
    device: DeviceOption = "auto",
    dtype: DtypeOption = Dtype.AUTO,
    minutes: given.Minutes = None,
    seed: given.Seed = 0,
    steps: given.Steps = None,
    epochs: given.Epochs = None,
    tensorboard: given.TensorBoard = False,
    wandb: given.Wandb = False,
    dry_run: given.DryRun = False,
    as_json: given.AsJson = False,
) -> None:
    """Train the encoder of series names alone; prima train clip then starts from it. May be left out."""
    from prima.workflow.training.names import train_names
    from prima.workflow.training.recipe_choice import choose_recipe
    from prima.workflow.training.stage import StageOptions

    options = StageOptions(
        device=device, dtype=dtype.value, minutes=minutes, seed=seed, steps=steps, epochs=epochs,
        mirrors=given.mirrors(tensorboard=tensorboard, wandb=wandb), dry_run=dry_run,
    )  # fmt: skip
    chosen = choose_recipe(recipe, source, run)
    given.show_stage(lambda watcher: train_names(source, run, chosen, options, watcher=watcher), as_json=as_json)
