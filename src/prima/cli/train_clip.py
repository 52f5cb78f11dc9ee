"""`prima train clip`: studies against their reports, with whatever else supervises them."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prima.cli import train_options as given
from prima.cli.predict import Device, Dtype

if TYPE_CHECKING:
    from prima.cli.train_source import Studies
    from prima.model.networks.report_encoder import TextTokenizer
    from prima.train.engine.config import Outcome
    from prima.train.recipes import Recipe
    from prima.train.study.task import StudyTask

BPE_FILE = "bpe.json"
REPORT_FILE = "report.safetensors"
SECOND_PHASE = "studies"


class ModeOption(StrEnum):
    """What a model is shown."""

    IMAGE = "image"
    NAMES = "image+names"
    INDICATION = "image+names+indication"


def clip(
    source: given.Source,
    run: given.Run,
    *,
    recipe: given.RecipeName = "demo",
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
    device: given.DeviceOption = Device.AUTO,
    dtype: given.DtypeOption = Dtype.AUTO,
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
    options = given.RunOptions(
        device=device, dtype=dtype, minutes=minutes, seed=seed, steps=steps, epochs=epochs, watts=watts, fsdp=fsdp,
        compile=compile_blocks, tensorboard=tensorboard, wandb=wandb, dry_run=dry_run, as_json=as_json,
    )  # fmt: skip
    from prima.cli.train_run import data_digest, record_of, say, train_stage
    from prima.cli.train_source import read_studies
    from prima.errors import UsageError
    from prima.model.release.stage_folder import Part, write_part, write_run_facts
    from prima.tokens.shown import shows_indication
    from prima.train.recipes import recipe_of
    from prima.train.run_folder import TOKENS_RELEASE, read_run_contract

    chosen = recipe_of(recipe)
    if mode is not None:
        chosen = replace(chosen, study=replace(chosen.study, mode=mode.value))
    if one_phase:
        chosen = replace(chosen, series_engine=None)
    contract = read_run_contract(run)
    if contract != chosen.contract:
        raise UsageError(
            f"{run}: found a tokenizer of another contract than that of {recipe}; expected the same recipe"
        )
    studies = read_studies(source, run / TOKENS_RELEASE, options, with_indication=shows_indication(chosen.study.mode))
    _check(source, chosen, studies, recipe)
    folder = run / "clip"
    task, facts = make_task(chosen, studies, run, seed=seed, text_model=text_model, keep=not dry_run)
    facts = {
        "recipe": recipe,
        **facts,
        "contract": contract.to_json(),
        "data": data_digest(studies.train.study_uids, studies.validation.study_uids),
    }
    outcome = train_stage(task, options.applied_to(chosen.study_engine), folder, facts, options)
    done = {"step": outcome.step}
    last = folder
    if chosen.series_engine is not None:
        last = folder / SECOND_PHASE
        second = _go_on(task, chosen, folder, facts, options)
        done |= {"series_step": second.step}
        outcome = replace(second, seconds=outcome.seconds + second.seconds)
    if not given.is_first_rank():
        return
    record = record_of(
        facts, outcome, last, options, data=studies.words, patients=studies.train.patients,
        simulated=studies.simulated, engine=chosen.series_engine,
    )  # fmt: skip
    write_run_facts(run, contract, chosen.study.mode)
    _write_reports(task, folder)
    vision = task.model.vision
    write_part(run, "clip", Part(config=vision.config, tensors=vision.state_dict(), record=record))
    shown = ", ".join(f"{name.removeprefix('validation ')} {value:.3f}" for name, value in record.measured.items())
    say(
        f"vision model trained: {folder}; on validation studies: {shown}",
        {"status": "done", **done, "seconds": outcome.seconds, "measured": record.measured},
        as_json,
    )


def _go_on(task: StudyTask, recipe: Recipe, folder: Path, facts: dict[str, Any], options: given.RunOptions) -> Outcome:
    """The second phase: the sequence ViT frozen, its states kept in memory. The best weights on validation stay."""
    from dataclasses import replace as changed

    import torch

    from prima.cli.train_run import train_stage
    from prima.tokens.precision import choose_precision
    from prima.train.engine.checkpoint import load_weights
    from prima.train.study.second_phase import SeriesTask, series_states

    assert recipe.series_engine is not None
    precision = choose_precision(options.device.value, options.dtype.value)
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
    engine = changed(options, steps=None, epochs=None).applied_to(recipe.series_engine)
    outcome = train_stage(second, engine, folder / SECOND_PHASE, facts, options)
    load_weights(task.model, folder / SECOND_PHASE, best=recipe.series_engine.best is not None)
    return outcome


def make_task(
    recipe: Recipe, studies: Studies, run: Path, *, seed: int, text_model: Path | None, keep: bool
) -> tuple[StudyTask, dict[str, Any]]:
    """The task of the study stage, started from the names stage where there is one, and what it was made from.

    Args:
        recipe: what to train.
        studies: both sides.
        run: the run folder.
        seed: of the weights.
        text_model: a folder with a text model, in place of the recipe's report encoder.
        keep: write the report tokenizer into the run.
    """
    import json
    from dataclasses import asdict

    import torch

    from prima.cli.train_run import warn
    from prima.train.run_folder import load_dense, load_names
    from prima.train.study.task import StudyTask

    config = recipe.study
    tokenizer: TextTokenizer | None = None
    encoder: torch.nn.Module | None = None
    torch.manual_seed(seed)
    if config.model.report is not None and text_model is not None:
        from prima.model.networks.report_encoder_hf import load_folder

        joint_dim = config.model.vision.joint_dim
        encoder, tokenizer = load_folder(text_model, joint_dim, max_tokens=config.sentences.max_tokens)
    elif config.model.report is not None:
        bpe = report_tokenizer(recipe, studies, run / "clip" / BPE_FILE, keep=keep and given.is_first_rank())
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
        warn("starting from RUN/names")
    from_dense = config.model.dense and load_dense(run, task.model.vision)
    if from_dense:
        warn("starting from what masks taught the tokenizer")
    facts: dict[str, Any] = {
        "study": json.loads(json.dumps(asdict(config))),
        "from_names": from_names,
        "from_dense": from_dense,
    }
    return task, facts | ({} if text_model is None else {"text_model": text_model.resolve().name})


def report_tokenizer(recipe: Recipe, studies: Studies, path: Path, *, keep: bool) -> Any:
    """The report tokenizer of a run: the one that is there, else one trained on the training side's summaries."""
    from prima.errors import UsageError
    from prima.train.study.bpe import ReportTokenizer, train_bpe

    longest = recipe.study.sentences.max_tokens
    if path.exists():
        return ReportTokenizer.load(path, longest)
    texts = [sentence for facts in studies.train.facts for sentence in facts.sentences]
    if not texts:
        raise UsageError("reports: found no sentence on the training side, expected summaries; run prima label first")
    made = train_bpe(texts, recipe.vocabulary, longest)
    if keep:
        path.parent.mkdir(parents=True, exist_ok=True)
        made.save(path)
    return made


def _check(source: Path, recipe: Recipe, studies: Studies, name: str) -> None:
    """Stop when the recipe learns from what the studies do not have."""
    from prima.errors import UsageError

    if recipe.study.model.dense and studies.train.read(0).dense is None:
        raise UsageError(
            f"{source}: found no masks, expected them for the recipe {name}; use demo_reports, which needs none"
        )


def _write_reports(task: StudyTask, folder: Path) -> None:
    """The report side of the contrast: for zero-shot diagnosis and search, not for a release."""
    import json
    from dataclasses import asdict

    from safetensors.torch import save_file

    from prima.files.durable import new_file

    report = task.model.report
    if report is None:
        return
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in report.state_dict().items()}
    about = json.dumps(asdict(report.config)) if hasattr(report, "config") else "{}"
    with new_file(folder / REPORT_FILE) as temporary:
        save_file(tensors, temporary, {"config": about})
