"""How a task is trained, and how a run ended."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from prima.errors import UsageError
from prima.train.engine.journal import MirrorKind
from prima.train.engine.optimiser import OptimiserConfig
from prima.train.engine.sampler import SamplerConfig
from prima.train.engine.task import Precision


@dataclass(frozen=True, kw_only=True)
class EngineConfig:
    """How a task is trained.

    Args:
        order: how studies make batches.
        num_epochs: length of the run; this or `num_steps`.
        num_steps: length of the run in updates.
        optimiser: AdamW and its schedule.
        seed: of the order and of everything that is dropped.
        precision: of the networks' matrix products; weights, losses and the update are in float32.
        measure_every: updates between two measurements on the validation studies; there is one at the end anyhow.
        best: the measure that decides which checkpoint is the best; None keeps the latest alone.
        best_is: whether more or less of it is better.
        parallel: under torchrun, a replica on every rank or parameters spread over the ranks (FSDP2).
        compile: compile the transformer blocks.
        recompute: share of the transformer blocks that keep nothing for the backward pass and are computed again there.
        device: "cpu", "cuda", "cuda:N" or "auto".
        readers: threads that read ahead.
        ahead: batches that they may be ahead.
        checkpoint_seconds: time between two checkpoints.
        keep: how many of the latest checkpoints are kept.
        stop_after_seconds: checkpoint and end this start of the run then.
        count_flops: count the operations of the first batch, for the utilisation in the journal.
        mirrors: where else to send the numbers.
    """

    order: SamplerConfig
    num_epochs: int | None = None
    num_steps: int | None = None
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    seed: int = 0
    precision: Precision = "bfloat16"
    measure_every: int | None = None
    best: str | None = None
    best_is: Literal["highest", "lowest"] = "highest"
    parallel: Literal["ddp", "fsdp"] = "ddp"
    compile: bool = False
    recompute: float = 0.0
    device: str = "auto"
    readers: int = 1
    ahead: int = 3
    checkpoint_seconds: float = 300.0
    keep: int = 2
    stop_after_seconds: float | None = None
    count_flops: bool = True
    mirrors: tuple[MirrorKind, ...] = ()

    def __post_init__(self) -> None:
        if (self.num_epochs is None) == (self.num_steps is None):
            raise UsageError("length of the run: expected num_epochs or num_steps, and not both")

    def decisive(self) -> dict[str, Any]:
        """The fields that the weights depend on, JSON-ready; the others may change when a run resumes."""
        values = asdict(self)
        for name in ("parallel", "compile", "recompute", "device", "readers", "ahead", "checkpoint_seconds", "keep"):
            del values[name]
        for name in ("stop_after_seconds", "count_flops", "mirrors"):
            del values[name]
        result: dict[str, Any] = json.loads(json.dumps(values))
        return result


@dataclass(frozen=True, kw_only=True)
class RunOutcome:
    """How a run ended.

    Args:
        status: done, or stopped by a signal or at its time; start it again to resume.
        step: updates made, of `num_steps`.
        num_steps: updates of the whole run.
        tokens: seen.
        seconds: spent, over all starts.
        losses: of the last step.
        measured: the last measurement on the validation studies; empty when this start made none; None
            where a number is not finite.
        best: the best value of the measure that decides, and the step it was reached at.
        reason: why it was stopped.
    """

    status: Literal["done", "stopped"]
    step: int
    num_steps: int
    tokens: int
    seconds: float
    losses: dict[str, float]
    measured: dict[str, float | None]
    best: tuple[float, int] | None
    reason: str = ""
