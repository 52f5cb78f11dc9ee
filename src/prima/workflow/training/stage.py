"""What every stage of `prima train` does around the engine: dry run, training, the record for the card."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal

import torch

from prima.errors import UsageError
from prima.files.durable import write_json
from prima.model.release.stage_folder import StageRecord
from prima.tokens.precision import DeviceChoice, DtypeChoice, choose_precision
from prima.train.engine.config import EngineConfig, RunOutcome
from prima.train.engine.estimate import RunEstimate, estimate
from prima.train.engine.journal import JOURNAL_FILE, read_journal
from prima.train.engine.loop import run
from prima.train.engine.task import Task
from prima.workflow.doctor.compute import CPU_FACTS, cpu_facts, find_compute

RECIPE_FILE = "recipe.json"


@dataclass(frozen=True, kw_only=True)
class StageOptions:
    """What was asked for, the same for every stage that the engine trains.

    Args:
        device, dtype: where and in what to compute.
        minutes: stop after so long; the same call resumes.
        seed: of weights, order and everything dropped.
        steps, epochs: in place of the recipe's length; one of them.
        watts: mean power of this machine, for the energy in the card.
        fsdp: spread the parameters over the ranks, not replicas.
        compile: the transformer blocks.
        mirrors: where the journal also goes: tensorboard, wandb.
        dry_run: say what it would cost and train nothing.
    """

    device: DeviceChoice = "auto"
    dtype: DtypeChoice = "auto"
    minutes: float | None = None
    seed: int = 0
    steps: int | None = None
    epochs: int | None = None
    watts: float = 0.0
    fsdp: bool = False
    compile: bool = False
    mirrors: tuple[Literal["tensorboard", "wandb"], ...] = ()
    dry_run: bool = False

    def applied_to(self, engine: EngineConfig) -> EngineConfig:
        """The engine's configuration with the options in it.

        Raises:
            UsageError: both lengths are given, or there is no such device.
        """
        if self.steps is not None and self.epochs is not None:
            raise UsageError("--steps, --epochs: found both, expected one of them")
        if self.steps is not None:
            warmup = min(engine.optimiser.warmup_steps, self.steps // 10)
            optimiser = replace(engine.optimiser, warmup_steps=warmup)
            engine = replace(engine, num_steps=self.steps, num_epochs=None, optimiser=optimiser)
        if self.epochs is not None:
            engine = replace(engine, num_steps=None, num_epochs=self.epochs)
        precision = choose_precision(self.device, self.dtype)
        return replace(
            engine,
            seed=self.seed,
            device=str(precision.device),
            precision="bfloat16" if precision.dtype == torch.bfloat16 else "float32",
            stop_after_seconds=None if self.minutes is None else 60 * self.minutes,
            parallel="fsdp" if self.fsdp else "ddp",
            compile=self.compile,
            mirrors=self.mirrors,
        )


@dataclass(frozen=True, kw_only=True)
class StageResult:
    """How a stage ended.

    Args:
        words: for people.
        values: the same, JSON-ready.
        estimate: what it would cost; of a dry run only.
    """

    words: str
    values: Mapping[str, Any] = field(default_factory=dict)
    estimate: RunEstimate | None = None


def run_stage(
    task: Task[Any], engine: EngineConfig, folder: Path, recipe: Mapping[str, Any], options: StageOptions
) -> RunOutcome | StageResult:
    """Train a task in a folder, or estimate what that would cost.

    Args:
        task: with its data.
        engine: with the options in it.
        folder: of the stage.
        recipe: what the task is made from, JSON-ready.
        options: as given.

    Returns:
        The outcome of a stage that came to its end; the result of a dry run, and of a run that was stopped before.
    """
    resolved = {"engine": json.loads(json.dumps(asdict(engine))), **recipe}
    if options.dry_run:
        run_estimate = estimate(task, engine, ranks=num_ranks())
        values = {"recipe": resolved, "estimate": run_estimate.to_json()}
        return StageResult(words=json.dumps(resolved, indent=1), values=values, estimate=run_estimate)
    if is_first_rank():
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / RECIPE_FILE, resolved)
    outcome = run(task, engine, folder, recipe=recipe)
    if outcome.status == "stopped":
        words = f"stopped at step {outcome.step} of {outcome.num_steps} ({outcome.reason}); run the same line to go on"
        return StageResult(
            words=words, values={"status": "stopped", "step": outcome.step, "num_steps": outcome.num_steps}
        )
    return outcome


def record_of(
    recipe: Mapping[str, Any],
    outcome: RunOutcome,
    folder: Path,
    options: StageOptions,
    *,
    data: str,
    patients: Sequence[str],
    simulated: bool,
    engine: EngineConfig | None = None,
) -> StageRecord:
    """How a stage was made, for the card of the release.

    Args:
        recipe: name and values.
        outcome: of the engine.
        folder: of the stage or its last phase, with the journal.
        options: as given.
        data: in words.
        patients: of each training study.
        simulated: whether any of the data was.
        engine: of that phase, where the weights that were best on validation are kept and not the last.
    """
    measures = read_journal(folder / JOURNAL_FILE, "measure")
    values = [measure["values"] for measure in measures]
    kept = values[-1] if values else {}
    if engine is not None and engine.best is not None:
        choose = max if engine.best_is == "highest" else min
        known = (measure for measure in values if measure.get(engine.best) is not None)
        kept = choose(known, key=itemgetter(engine.best), default=kept)
    measured = {f"validation {name}": value for name, value in kept.items() if value is not None}
    return StageRecord(
        recipe=dict(recipe),
        seed=options.seed,
        hardware=hardware(options),
        seconds=round(outcome.seconds, 1),
        watts=options.watts,
        data=data,
        num_studies=len(patients),
        num_patients=len(set(patients)),
        finished=datetime.now(UTC).date().isoformat(),
        simulated=simulated,
        measured=measured,
    )


def hardware(options: StageOptions) -> str:
    """What this machine computes on, in words."""
    compute = find_compute()
    if compute.device == "cpu" or options.device == "cpu":
        return f"{torch.get_num_threads()} threads of {_cpu_name()}"
    return f"{num_ranks()} × {compute.name}"


def _cpu_name() -> str:
    text = CPU_FACTS.read_text(encoding="utf-8", errors="replace") if CPU_FACTS.is_file() else ""
    return cpu_facts(text).get("model name", "a processor")


def data_digest(train: Sequence[str], validation: Sequence[str]) -> dict[str, Any]:
    """What a run was begun with: going on with other studies would not be the same run."""
    digest = hashlib.sha256("\n".join((*train, "", *validation)).encode()).hexdigest()
    return {"train": len(train), "validation": len(validation), "studies_sha256": digest}


def is_first_rank() -> bool:
    """Whether this process writes and prints: rank 0 under torchrun, or the only one."""
    return os.environ.get("RANK", "0") == "0"


def num_ranks() -> int:
    """Processes of the run, as torchrun tells it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def duration(seconds: float) -> str:
    """Seconds in words.

    Example:
        >>> duration(3725), duration(12)
        ('1 h 02 min', '0.2 min')
    """
    minutes = seconds / 60
    return f"{int(minutes // 60)} h {int(minutes % 60):02d} min" if minutes >= 60 else f"{minutes:.1f} min"
