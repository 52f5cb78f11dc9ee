"""`prima train names`: series against their names, to start the study stage from."""

from __future__ import annotations

from prima.cli import train_options as given
from prima.cli.predict import Device, Dtype


def names(
    source: given.Source,
    run: given.Run,
    *,
    recipe: given.RecipeName = "demo",
    device: given.DeviceOption = Device.AUTO,
    dtype: given.DtypeOption = Dtype.AUTO,
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
    options = given.RunOptions(
        device=device, dtype=dtype, minutes=minutes, seed=seed, steps=steps, epochs=epochs, watts=0.0, fsdp=False,
        compile=False, tensorboard=tensorboard, wandb=wandb, dry_run=dry_run, as_json=as_json,
    )  # fmt: skip
    import torch

    from prima.cli.train_run import data_digest, say, train_stage
    from prima.cli.train_source import read_studies
    from prima.train.recipes import recipe_of
    from prima.train.run_folder import NAMES_FOLDER, TOKENS_RELEASE, read_run_contract, write_names
    from prima.train.study.names import NamesTask

    chosen = recipe_of(recipe)
    contract = read_run_contract(run)
    studies = read_studies(source, run / TOKENS_RELEASE, options, with_indication=False)
    torch.manual_seed(seed)
    task = NamesTask(studies.train, studies.validation, chosen.names, contract)
    facts = {
        "recipe": recipe,
        "names": chosen.to_json()["names"],
        "contract": contract.to_json(),
        "data": data_digest(studies.train.study_uids, studies.validation.study_uids),
    }
    folder = run / NAMES_FOLDER
    outcome = train_stage(task, options.applied_to(chosen.names_engine), folder, facts, options)
    if not given.is_first_rank():
        return
    write_names(run, task.model.encoder)
    shown = ", ".join(f"{name} {value:.3f}" for name, value in outcome.measured.items() if value is not None)
    say(
        f"series names learnt: {folder}; on validation series: {shown}",
        {"status": "done", "step": outcome.step, "seconds": outcome.seconds, "measured": outcome.measured},
        as_json,
    )
