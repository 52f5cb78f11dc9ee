"""The first stage: patches of voxels into tokens."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from prima.errors import UnreadableError, UsageError
from prima.files.optional import require_tables
from prima.train.data.patch_file import read_patches
from prima.train.recipes import Recipe
from prima.train.run_folder import write_dense, write_tokenizer, write_tokens_release
from prima.train.tokenizer.task import TokenizerTask
from prima.workflow.training.source import is_archive
from prima.workflow.training.stage import (
    StageOptions,
    StageResult,
    data_digest,
    is_first_rank,
    num_ranks,
    record_of,
    run_stage,
)
from prima.workflow.watcher import NOBODY, Watcher, warn_of_few

NUM_NAMED = 20


def train_tokenizer(
    source: Path,
    run: Path,
    recipe: Recipe,
    options: StageOptions | None = None,
    *,
    num_studies: int = 2000,
    watcher: Watcher = NOBODY,
) -> StageResult:
    """Train the tokenizer; ends with RUN/tokenizer, and RUN/release for `prima tokenize`.

    Args:
        source: an archive with a cohort, or a folder with train/ and validation/ of patches.
        run: the folder that all stages share.
        recipe: what to train and how.
        options: see there.
        num_studies: of an archive's training side whose patches are cut.
        watcher: told how many studies are cut, and which gave none.

    Raises:
        UsageError: the recipe learns from masks and the source has none.
        UnreadableError: the source is neither an archive nor a folder of patches.
    """
    options = options or StageOptions()
    patches = _patches(source, run, recipe, num_studies=num_studies, options=options, watcher=watcher)
    files = {side: sorted((patches / side).glob("*.npz")) for side in ("train", "validation")}
    torch.manual_seed(options.seed)
    task = TokenizerTask(files["train"], files["validation"], recipe.tokenizer, recipe.contract)
    if recipe.tokenizer.model.dense_hidden and read_patches(files["train"][0]).dense is None:
        raise UsageError(
            f"{source}: found no masks, expected them for the recipe {recipe.name}; use demo_reports, which needs none"
        )
    values = recipe.to_json()
    folder = run / "tokenizer"
    facts = {
        "recipe": recipe.name,
        "contract": values["contract"],
        "tokenizer": values["tokenizer"],
        "data": data_digest([path.stem for path in files["train"]], [path.stem for path in files["validation"]]),
    }
    outcome = run_stage(task, options.applied_to(recipe.tokenizer_engine), folder, facts, options)
    if isinstance(outcome, StageResult) or not is_first_rank():
        return outcome if isinstance(outcome, StageResult) else StageResult(words="")
    patients = [_patient_of(path) for path in files["train"]]
    record = record_of(
        facts, outcome, folder, options, data=f"patches of {len(patients)} studies", patients=patients,
        simulated=any(patient.startswith("SIM") for patient in patients),
    )  # fmt: skip
    mode = recipe.study.mode
    if task.model.dense_head is not None:
        write_dense(run, task.model.dense_head)
    plain = task.model.plain()
    write_tokenizer(run, plain, recipe.contract, mode, record)
    release = write_tokens_release(run, plain, recipe.study.model.vision, recipe.contract, mode)
    measured = ", ".join(f"{name.removeprefix('validation ')} {value:.4g}" for name, value in record.measured.items())
    return StageResult(
        words=f"tokenizer trained: {folder}; {measured}; next: prima tokenize ARCHIVE --release {release}",
        values={
            "status": "done",
            "step": outcome.step,
            "seconds": outcome.seconds,
            "measured": record.measured,
            "release": str(release),
        },
    )


def _patches(
    source: Path, run: Path, recipe: Recipe, *, num_studies: int, options: StageOptions, watcher: Watcher
) -> Path:
    """The folder of patches: the source itself, or RUN/patches, cut from an archive."""
    if not is_archive(source):
        if not (source / "train").is_dir():
            raise UnreadableError(f"{source}: found no archive and no folder train/, expected one of them")
        return source
    folder = run / "patches"
    mark = folder / "complete"
    if num_ranks() > 1:
        if not mark.exists():
            raise UsageError("patches: found none yet; expected them under torchrun: run this line once without it")
        return folder
    require_tables()
    from prima.workflow.training.patches import patches_of_archive

    _, failed = patches_of_archive(
        source, folder, recipe.contract, num_studies=num_studies, seed=options.seed,
        on_study=lambda done, total: watcher.count("patches", done, total),
    )  # fmt: skip
    warn_of_few(watcher, [f"no patches {uid}: {reason}" for uid, reason in failed], most=NUM_NAMED)
    mark.touch()
    return folder


def _patient_of(path: Path) -> str:
    """Patient of a file of patches, without its voxels."""
    with np.load(path, allow_pickle=False) as file:
        facts = json.loads(file["text"].tobytes())["facts"]
    return str(facts.get("patient", path.stem))
