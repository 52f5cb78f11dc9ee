"""What every stage of `prima train` does around the engine: dry run, training, the record, the words at the end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from prima.cli.train_options import RunOptions, is_first_rank, num_ranks

if TYPE_CHECKING:
    from prima.model.release.stage_folder import StageRecord
    from prima.train.engine.config import EngineConfig, Outcome
    from prima.train.engine.estimate import Estimate
    from prima.train.engine.task import Task

RECIPE_FILE = "recipe.json"
MIB = 1 << 20


def train_stage(
    task: Task[Any], engine: EngineConfig, folder: Path, recipe: Mapping[str, Any], options: RunOptions
) -> Outcome:
    """Train a task in a folder, or show what that would cost.

    Args:
        task: with its data.
        engine: with the options in it.
        folder: of the stage.
        recipe: what the task is made from, JSON-ready.
        options: as given.

    Raises:
        typer.Exit: after a dry run; and, with what was reached, when the run was stopped before its end.
    """
    from prima.train.engine.loop import run

    if options.dry_run:
        show_estimate(task, engine, recipe, as_json=options.as_json)
        raise typer.Exit
    if is_first_rank():
        from prima.files.durable import write_json

        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / RECIPE_FILE, {"engine": json.loads(json.dumps(asdict(engine))), **recipe})
    outcome = run(task, engine, folder, recipe=recipe)
    if outcome.status == "stopped":
        told = f"stopped at step {outcome.step} of {outcome.num_steps} ({outcome.reason}); run the same line to go on"
        say(told, {"status": "stopped", "step": outcome.step, "num_steps": outcome.num_steps}, options.as_json)
        raise typer.Exit
    return outcome


def show_estimate(task: Task[Any], engine: EngineConfig, recipe: Mapping[str, Any], *, as_json: bool) -> None:
    """Print the resolved recipe, parameter counts, memory and time."""
    from prima.train.engine.estimate import estimate

    found = estimate(task, engine, ranks=num_ranks())
    if not is_first_rank():
        return
    resolved = {"engine": json.loads(json.dumps(asdict(engine))), **recipe}
    if as_json:
        typer.echo(json.dumps({"recipe": resolved, "estimate": found.to_json()}))
        return
    typer.echo(json.dumps(resolved, indent=1))
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False, box=None, padding=(0, 2))
    for name, value in _rows(found):
        table.add_row(name, value)
    Console(highlight=False).print(table)


def _rows(found: Estimate) -> list[tuple[str, str]]:
    parts = [(f"parameters of {name}", f"{count:,}") for name, count in found.parameters.items()]
    return [
        *parts,
        ("parameters", f"{found.num_parameters:,}"),
        ("updates", f"{found.num_steps:,} of about {found.tokens_per_step:,.0f} tokens"),
        ("memory", f"{found.memory_bytes / MIB:,.0f} MiB"),
        ("  of it kept for the backward pass", f"{found.activation_bytes / MIB:,.0f} MiB"),
        ("operations a token", f"{found.flops_per_token / 1e6:,.1f} MFLOP, forward and backward"),
        ("speed", f"{found.tokens_per_second:,.0f} tokens/s, timed on the first batch"),
        ("time", f"{duration(found.seconds)}; {duration(found.seconds_at_peak)} at this device's peak"),
    ]


def duration(seconds: float) -> str:
    """Seconds in words.

    Example:
        >>> duration(3725), duration(12)
        ('1 h 02 min', '0.2 min')
    """
    minutes = seconds / 60
    return f"{int(minutes // 60)} h {int(minutes % 60):02d} min" if minutes >= 60 else f"{minutes:.1f} min"


def say(text: str, values: Mapping[str, Any], as_json: bool) -> None:
    """The outcome on stdout, by the first rank alone."""
    if is_first_rank():
        typer.echo(json.dumps(values) if as_json else text)


def warn(text: str) -> None:
    """A line on stderr, by the first rank alone."""
    if is_first_rank():
        from rich.console import Console

        Console(stderr=True, highlight=False, soft_wrap=True).print(text, style="yellow", markup=False)


def record_of(
    recipe: Mapping[str, Any],
    outcome: Outcome,
    folder: Path,
    options: RunOptions,
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
    from prima.model.release.stage_folder import StageRecord
    from prima.train.engine.journal import JOURNAL_FILE, read_journal

    measures = read_journal(folder / JOURNAL_FILE, "measure")
    values = [one["values"] for one in measures]
    kept = values[-1] if values else {}
    if engine is not None and engine.best is not None:
        choose = max if engine.best_is == "highest" else min
        known = (one for one in values if one.get(engine.best) is not None)
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


def hardware(options: RunOptions) -> str:
    """What this machine computes on, in words."""
    import torch

    from prima.cli.compute import find_compute

    found = find_compute()
    if found.device == "cpu" or options.device.value == "cpu":
        return f"{torch.get_num_threads()} threads of {_cpu_name()}"
    return f"{num_ranks()} × {found.name}"


def _cpu_name() -> str:
    from prima.cli.compute import CPU_FACTS, cpu_facts

    text = CPU_FACTS.read_text(encoding="utf-8", errors="replace") if CPU_FACTS.is_file() else ""
    return cpu_facts(text).get("model name", "a processor")


def data_digest(train: Sequence[str], validation: Sequence[str]) -> dict[str, Any]:
    """What a run was begun with: going on with other studies would not be the same run."""
    digest = hashlib.sha256("\n".join((*train, "", *validation)).encode()).hexdigest()
    return {"train": len(train), "validation": len(validation), "studies_sha256": digest}
