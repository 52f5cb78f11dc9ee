"""The second stage: studies against their reports, with whatever else supervises them."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from prima.errors import UsageError
from prima.model.networks.report_encoder import TextTokenizer
from prima.model.release.stage_folder import Part, write_part, write_run_facts
from prima.study.mode import Mode
from prima.tokens.precision import choose_precision
from prima.tokens.shown import shows_indication
from prima.train.engine.checkpoint import load_weights
from prima.train.engine.config import RunOutcome
from prima.train.recipes import Recipe
from prima.train.run_folder import (
    BPE_FILE,
    TOKENS_RELEASE,
    load_dense,
    load_names,
    read_run_contract,
    write_report_encoder,
)
from prima.train.study.second_phase import SeriesTask, series_states
from prima.train.study.task import StudyTask
from prima.workflow.training.recipe_choice import check_recipe
from prima.workflow.training.source import Studies, read_studies
from prima.workflow.training.stage import (
    StageOptions,
    StageResult,
    data_digest,
    is_first_rank,
    record_of,
    run_stage,
)
from prima.workflow.watcher import NOBODY, Watcher

SECOND_PHASE = "studies"


def train_clip(
    source: Path,
    run: Path,
    recipe: Recipe,
    options: StageOptions | None = None,
    *,
    mode: Mode | None = None,
    text_model: Path | None = None,
    one_phase: bool = False,
    watcher: Watcher = NOBODY,
) -> StageResult:
    """Train the hierarchical vision model against reports, labels and masks; ends with RUN/clip.

    Args:
        source: an archive, or a folder with train/ and validation/ of tokens.
        run: the folder that all stages share, with a tokenizer of the same contract.
        recipe: what to train and how.
        options: see there.
        mode: what the model is ever shown; the recipe's when None.
        text_model: a local folder with a transformers text model, in place of the recipe's report encoder.
        one_phase: leave out the second phase, in which the sequence ViT is frozen.
        watcher: told what the weights start from and which studies are left out.

    Raises:
        UsageError: the tokenizer is of another contract or width, or the recipe learns from masks and there are none.
    """
    options = options or StageOptions()
    if mode is not None:
        recipe = replace(recipe, study=replace(recipe.study, mode=mode))
    if one_phase:
        recipe = replace(recipe, series_engine=None)
    contract = read_run_contract(run)
    if contract != recipe.contract:
        raise UsageError(
            f"{run}: found a tokenizer of another contract than that of {recipe.name}; expected the same recipe"
        )
    with_indication = shows_indication(recipe.study.mode)
    studies = read_studies(source, run / TOKENS_RELEASE, options, with_indication=with_indication, watcher=watcher)
    _check_masks(source, recipe, studies)
    check_recipe(recipe, run)
    folder = run / "clip"
    task, facts = make_task(
        recipe, studies, run, seed=options.seed, text_model=text_model, keep=not options.dry_run, watcher=watcher
    )
    facts = {
        "recipe": recipe.name,
        **facts,
        "contract": contract.to_json(),
        "data": data_digest(studies.train.study_uids, studies.validation.study_uids),
    }
    outcome = run_stage(task, options.applied_to(recipe.study_engine), folder, facts, options)
    if isinstance(outcome, StageResult):
        return outcome
    done = {"step": outcome.step}
    last = folder
    if recipe.series_engine is not None:
        last = folder / SECOND_PHASE
        second = _go_on(task, recipe, folder, facts, options)
        if isinstance(second, StageResult):
            return second
        done |= {"series_step": second.step}
        outcome = replace(second, seconds=outcome.seconds + second.seconds)
    if not is_first_rank():
        return StageResult(words="")
    record = record_of(
        facts, outcome, last, options, data=studies.words, patients=studies.train.patients,
        simulated=studies.simulated, engine=recipe.series_engine,
    )  # fmt: skip
    write_run_facts(run, contract, recipe.study.mode)
    if task.model.report is not None:
        write_report_encoder(run, task.model.report)
    vision = task.model.vision
    write_part(run, "clip", Part(config=vision.config, tensors=vision.state_dict(), record=record))
    measured = ", ".join(f"{name.removeprefix('validation ')} {value:.3f}" for name, value in record.measured.items())
    return StageResult(
        words=f"vision model trained: {folder}; on validation studies: {measured}",
        values={"status": "done", **done, "seconds": outcome.seconds, "measured": record.measured},
    )


def _go_on(
    task: StudyTask, recipe: Recipe, folder: Path, facts: dict[str, Any], options: StageOptions
) -> RunOutcome | StageResult:
    """The second phase: the sequence ViT frozen, its states kept in memory. The best weights on validation stay."""
    assert recipe.series_engine is not None
    precision = choose_precision(options.device, options.dtype)
    states = {
        side: series_states(
            task.examples[side],
            task.model.vision,
            recipe.contract,
            mode=recipe.study.mode,
            device=precision.device,
            dtype=torch.bfloat16 if precision.dtype == torch.bfloat16 else torch.float32,
        )
        for side in ("train", "validation")
    }
    second = SeriesTask(task, states["train"], states["validation"])
    engine = replace(options, steps=None, epochs=None).applied_to(recipe.series_engine)
    outcome = run_stage(second, engine, folder / SECOND_PHASE, facts, options)
    if isinstance(outcome, StageResult):
        return outcome
    load_weights(task.model, folder / SECOND_PHASE, best=recipe.series_engine.best is not None)
    return outcome


def make_task(
    recipe: Recipe,
    studies: Studies,
    run: Path,
    *,
    seed: int,
    text_model: Path | None,
    keep: bool,
    watcher: Watcher = NOBODY,
) -> tuple[StudyTask, dict[str, Any]]:
    """The task of the study stage, started from the names stage where there is one, and what it was made from.

    Args:
        recipe: what to train.
        studies: both sides.
        run: the run folder.
        seed: of the weights.
        text_model: a folder with a text model, in place of the recipe's report encoder.
        keep: write the report tokenizer into the run.
        watcher: told what the weights start from.
    """
    config = recipe.study
    tokenizer: TextTokenizer | None = None
    encoder: torch.nn.Module | None = None
    torch.manual_seed(seed)
    if config.model.report is not None and text_model is not None:
        from prima.model.networks.report_encoder_hf import load_folder

        joint_dim = config.model.vision.joint_dim
        encoder, tokenizer = load_folder(text_model, joint_dim, max_tokens=config.sentences.max_tokens)
    elif config.model.report is not None:
        bpe = report_tokenizer(recipe, studies, run / BPE_FILE, keep=keep and is_first_rank())
        report = replace(config.model.report, vocabulary=bpe.vocabulary)
        config = replace(config, model=replace(config.model, report=report))
        tokenizer = bpe
    torch.manual_seed(seed)
    task = StudyTask(studies.train, studies.validation, config, recipe.contract, tokenizer)
    if encoder is not None:
        task.model.report = encoder  # type: ignore[assignment]
    names = task.model.vision.series_name
    from_names = names is not None and load_names(run, names)
    if from_names:
        watcher.warn("starting from RUN/names")
    from_dense = config.model.dense and load_dense(run, task.model.vision)
    if from_dense:
        watcher.warn("starting from what masks taught the tokenizer")
    facts: dict[str, Any] = {
        "study": json.loads(json.dumps(asdict(config))),
        "from_names": from_names,
        "from_dense": from_dense,
    }
    return task, facts | ({} if text_model is None else {"text_model": text_model.resolve().name})


def report_tokenizer(recipe: Recipe, studies: Studies, path: Path, *, keep: bool) -> Any:
    """The report tokenizer of a run: the one that is there, else one trained on the training side's summaries."""
    from prima.train.study.bpe import ReportTokenizer, train_bpe

    longest = recipe.study.sentences.max_tokens
    if path.exists():
        return ReportTokenizer.load(path, longest)
    texts = [sentence for facts in studies.train.facts for sentence in facts.sentences]
    if not texts:
        raise UsageError("reports: found no sentence on the training side, expected summaries; run prima label first")
    tokenizer = train_bpe(texts, recipe.vocabulary, longest)
    if keep:
        path.parent.mkdir(parents=True, exist_ok=True)
        tokenizer.save(path)
    return tokenizer


def _check_masks(source: Path, recipe: Recipe, studies: Studies) -> None:
    """Stop when the recipe learns from what the studies do not have."""
    if recipe.study.model.dense and studies.train.read(0).dense is None:
        raise UsageError(
            f"{source}: found no masks, expected them for the recipe {recipe.name}; use demo_reports, which needs none"
        )
