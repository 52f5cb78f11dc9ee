"""The optional stage: series against their names, for the study stage to start from."""

from __future__ import annotations

from pathlib import Path

import torch

from prima.train.recipes import Recipe
from prima.train.run_folder import NAMES_FOLDER, TOKENS_RELEASE, read_run_contract, write_names
from prima.train.study.names import NamesTask
from prima.workflow.training.source import read_studies
from prima.workflow.training.stage import StageOptions, StageResult, data_digest, is_first_rank, run_stage
from prima.workflow.watcher import NOBODY, Watcher


def train_names(
    source: Path, run: Path, recipe: Recipe, options: StageOptions | None = None, *, watcher: Watcher = NOBODY
) -> StageResult:
    """Train the encoder of series names alone; ends with RUN/names.

    Args:
        source: an archive, or a folder with train/ and validation/ of tokens.
        run: the folder that all stages share, with a tokenizer.
        recipe: what to train and how.
        options: see there.
        watcher: told which studies are left out.
    """
    options = options or StageOptions()
    contract = read_run_contract(run)
    studies = read_studies(source, run / TOKENS_RELEASE, options, with_indication=False, watcher=watcher)
    torch.manual_seed(options.seed)
    task = NamesTask(studies.train, studies.validation, recipe.names, contract)
    facts = {
        "recipe": recipe.name,
        "names": recipe.to_json()["names"],
        "contract": contract.to_json(),
        "data": data_digest(studies.train.study_uids, studies.validation.study_uids),
    }
    folder = run / NAMES_FOLDER
    outcome = run_stage(task, options.applied_to(recipe.names_engine), folder, facts, options)
    if isinstance(outcome, StageResult) or not is_first_rank():
        return outcome if isinstance(outcome, StageResult) else StageResult(words="")
    write_names(run, task.model.encoder)
    measured = ", ".join(f"{name} {value:.3f}" for name, value in outcome.measured.items() if value is not None)
    return StageResult(
        words=f"series names learnt: {folder}; on validation series: {measured}",
        values={"status": "done", "step": outcome.step, "seconds": outcome.seconds, "measured": outcome.measured},
    )
