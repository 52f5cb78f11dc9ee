"""The training loop: a task and a configuration in, weights and a journal out.

A run is a folder. Started again, it resumes where its latest checkpoint ends, and makes the same updates that it
would have made without the interruption.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prima.files.ahead import mapped_ahead
from prima.train.engine.config import EngineConfig, RunOutcome
from prima.train.engine.distributed import join_workers
from prima.train.engine.interruption import caught_signals
from prima.train.engine.journal import JOURNAL_FILE, Journal, Mirror, open_mirror
from prima.train.engine.progress import TrainingProgress
from prima.train.engine.run import TrainingRun
from prima.train.engine.task import SomeBatch, Task

__all__ = ["EngineConfig", "RunOutcome", "run"]


def run(
    task: Task[SomeBatch],
    config: EngineConfig,
    folder: Path,
    *,
    recipe: Mapping[str, Any] | None = None,
    on_step: Callable[[Mapping[str, Any]], None] | None = None,
) -> RunOutcome:
    """Train a task, or resume its training.

    Args:
        task: the network with its data and objective; it is left with the latest weights.
        config: how.
        folder: of the run: its checkpoints and its journal.
        recipe: what the task was made from, JSON-ready; kept in every checkpoint, and the same on every start.
        on_step: called after every update with the step's line of the journal.

    Raises:
        TrainingError: a loss or gradient is not finite (before the update), or a checkpoint cannot be written or read.
        UsageError: the folder holds a run of another recipe, or there is nothing to train on.
    """
    with ExitStack() as stack:
        signals = stack.enter_context(caught_signals())
        workers = stack.enter_context(join_workers(config.device))
        run = TrainingRun(task, config, folder, dict(recipe or {}), workers)
        observers = stack.enter_context(_observers(run, folder))
        made = stack.enter_context(
            closing(mapped_ahead(run.plans(), run.collate, readers=config.readers, ahead=config.ahead))
        )

        for plan, batches, waited in made:
            losses = run.backward(plan, [batch.to(workers.device) for batch in batches])
            agreed = run.agree(plan, losses, stop=bool(signals) or run.clock.is_over, save=run.clock.is_due)
            norm = run.update(plan)
            line = observers.on_step(run.position.step, run.line(plan, agreed, norm=norm, waited=waited))
            is_best = run.is_measuring and observers.on_measure(run.position.step, *run.measure())
            if agreed.save or agreed.stop or is_best or run.is_over:
                observers.journal.sync()
                run.save(is_best=is_best)
            if on_step is not None:
                on_step(line)
            run.clock.lap()
            if agreed.stop and not run.is_over:
                return run.outcome(
                    "stopped", signals[0] if signals else "its time is over, or another rank was told to stop"
                )
        return run.outcome("done")


@dataclass(frozen=True, kw_only=True)
class _Observers:
    """The journal, the terminal and the mirrors: what each step and measurement is reported to."""

    journal: Journal
    progress: TrainingProgress
    mirrors: list[Mirror]

    def on_step(self, step: int, line: dict[str, Any]) -> dict[str, Any]:
        self.journal.write("step", step, **line)
        self.progress.on_step({"step": step, **line})
        for mirror in self.mirrors:
            mirror(step, _flat(line))
        return {"step": step, **line}

    def on_measure(self, step: int, values: dict[str, float | None], is_best: bool) -> bool:
        self.journal.write("measure", step, values=values)
        finite = {name: value for name, value in values.items() if value is not None}
        self.progress.on_measure(step, finite)
        for mirror in self.mirrors:
            mirror(step, {f"validation/{name}": value for name, value in finite.items()})
        return is_best


@contextmanager
def _observers(run: TrainingRun[Any], folder: Path) -> Iterator[_Observers]:
    first, done = run.workers.is_first, run.position.step
    with ExitStack() as stack:
        mirrors: list[Mirror] = []
        for kind in run.config.mirrors if first else ():
            mirror, close = open_mirror(kind, folder)
            stack.callback(close)
            mirrors.append(mirror)
        journal = stack.enter_context(Journal(folder / JOURNAL_FILE if first else None, last_step=done))
        progress = TrainingProgress(num_steps=run.num_steps, first_step=done, shown=first)
        run.log_start(journal)
        yield _Observers(journal=journal, progress=stack.enter_context(progress), mirrors=mirrors)


def _flat(line: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a line, those of its losses under their own names."""
    numbers = {name: float(value) for name, value in line.items() if isinstance(value, int | float)}
    return numbers | {f"losses/{name}": value for name, value in line["losses"].items()}
