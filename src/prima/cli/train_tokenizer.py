"""`prima train tokenizer`: the VQ-VAE that turns patches of voxels into tokens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prima.cli import train_options as given
from prima.cli.predict import Device, Dtype

if TYPE_CHECKING:
    from prima.train.recipes import Recipe

NUM_NAMED = 20


def tokenizer(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="An archive with a cohort, or train/ and validation/ of patches.")
    ],
    run: given.Run,
    *,
    recipe: given.RecipeName = "demo",
    studies: Annotated[
        int, typer.Option(min=1, metavar="N", help="Cut patches of so many training studies of an archive.")
    ] = 2000,
    device: given.DeviceOption = Device.AUTO,
    dtype: given.DtypeOption = Dtype.AUTO,
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
    options = given.RunOptions(
        device=device, dtype=dtype, minutes=minutes, seed=seed, steps=steps, epochs=epochs, watts=watts, fsdp=False,
        compile=compile_blocks, tensorboard=tensorboard, wandb=wandb, dry_run=dry_run, as_json=as_json,
    )  # fmt: skip
    import torch

    from prima.cli.train_run import data_digest, record_of, say, train_stage
    from prima.errors import UsageError
    from prima.train.data.patch_file import read_patches
    from prima.train.recipes import recipe_of
    from prima.train.run_folder import write_dense, write_tokenizer, write_tokens_release
    from prima.train.tokenizer.task import TokenizerTask

    chosen = recipe_of(recipe)
    patches = _patches(source, run, chosen, num_studies=studies, options=options)
    files = {side: sorted((patches / side).glob("*.npz")) for side in ("train", "validation")}
    torch.manual_seed(seed)
    task = TokenizerTask(files["train"], files["validation"], chosen.tokenizer, chosen.contract)
    first = read_patches(files["train"][0])
    if chosen.tokenizer.model.dense_hidden and first.dense is None:
        raise UsageError(
            f"{source}: found no masks, expected them for the recipe {recipe}; use demo_reports, which needs none"
        )
    values = chosen.to_json()
    folder = run / "tokenizer"
    facts = {
        "recipe": recipe,
        "contract": values["contract"],
        "tokenizer": values["tokenizer"],
        "data": data_digest([path.stem for path in files["train"]], [path.stem for path in files["validation"]]),
    }
    outcome = train_stage(task, options.applied_to(chosen.tokenizer_engine), folder, facts, options)
    if not given.is_first_rank():
        return
    patients = [_patient_of(path) for path in files["train"]]
    record = record_of(
        facts, outcome, folder, options, data=f"patches of {len(patients)} studies", patients=patients,
        simulated=any(one.startswith("SIM") for one in patients),
    )  # fmt: skip
    mode = chosen.study.mode
    if task.model.dense_head is not None:
        write_dense(run, task.model.dense_head)
    plain = task.model.plain()
    write_tokenizer(run, plain, chosen.contract, mode, record)
    release = write_tokens_release(run, plain, chosen.study.model.vision, chosen.contract, mode)
    found = record.measured
    say(
        f"tokenizer trained: {run / 'tokenizer'}; "
        + ", ".join(f"{name.removeprefix('validation ')} {value:.4g}" for name, value in found.items())
        + f"; next: prima tokenize ARCHIVE --release {release}",
        {
            "status": "done",
            "step": outcome.step,
            "seconds": outcome.seconds,
            "measured": found,
            "release": str(release),
        },
        as_json,
    )


def _patches(source: Path, run: Path, recipe: Recipe, *, num_studies: int, options: given.RunOptions) -> Path:
    """The folder of patches: the source itself, or RUN/patches, cut from an archive."""
    from prima.cli.train_archive import is_archive
    from prima.errors import UnreadableError, UsageError

    if not is_archive(source):
        if not (source / "train").is_dir():
            raise UnreadableError(f"{source}: found no archive and no folder train/, expected one of them")
        return source
    folder = run / "patches"
    mark = folder / "complete"
    if given.num_ranks() > 1:
        if not mark.exists():
            raise UsageError("patches: found none yet; expected them under torchrun: run this line once without it")
        return folder
    from rich.console import Console
    from rich.progress import Progress

    from prima.files.optional import require_tables

    require_tables()
    from prima.cli.train_patches import patches_of_archive

    err = Console(stderr=True, highlight=False, soft_wrap=True)
    with Progress(console=err, transient=True, disable=not err.is_terminal) as bars:
        task = bars.add_task("patches", total=None)
        _, failed = patches_of_archive(
            source, folder, recipe.contract, num_studies=num_studies, seed=options.seed,
            on_study=lambda done, total: bars.update(task, completed=done, total=total),
        )  # fmt: skip
    for uid, reason in failed[:NUM_NAMED]:
        err.print(f"no patches {uid}: {reason}", markup=False)
    if len(failed) > NUM_NAMED:
        err.print(f"and {len(failed) - NUM_NAMED} more")
    mark.touch()
    return folder


def _patient_of(path: Path) -> str:
    """Patient of a file of patches, without its voxels."""
    import json

    import numpy as np

    with np.load(path, allow_pickle=False) as file:
        facts = json.loads(file["text"].tobytes())["facts"]
    return str(facts.get("patient", path.stem))
