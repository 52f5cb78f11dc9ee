"""The steps that the training loop calls by name: plan, collate, backward, agree, update, measure, save."""

from __future__ import annotations

import math
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, Literal

import torch

from prima.errors import TrainingError, UsageError
from prima.files.ahead import mapped_ahead
from prima.model.networks.transformer import Block, recompute_blocks
from prima.train.engine.checkpoint import Checkpoints, Position
from prima.train.engine.config import EngineConfig, RunOutcome
from prima.train.engine.distributed import Workers, shard, whole
from prima.train.engine.estimate import Peak, count_parameters, peak_of, try_step
from prima.train.engine.interruption import Clock
from prima.train.engine.journal import Journal
from prima.train.engine.optimiser import clip, make_optimiser, set_rate
from prima.train.engine.sampler import batches_in_order, batches_of_epoch, deal
from prima.train.engine.task import SomeBatch, Split, StepState, Task, TaskWithBackward, TaskWithRepeats, TaskWithTowers


@dataclass(frozen=True, kw_only=True)
class StepPlan:
    """A step of this rank: its state, and the studies of each of its passes."""

    state: StepState
    passes: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Agreed:
    """What all ranks know of a step: the losses of the global batch, and whether to stop or to write a checkpoint."""

    losses: dict[str, float]
    stop: bool
    save: bool


class TrainingRun(Generic[SomeBatch]):
    """What the loop calls by name. Made, it stands where the latest checkpoint ends."""

    def __init__(
        self, task: Task[SomeBatch], config: EngineConfig, folder: Path, recipe: dict[str, Any], workers: Workers
    ) -> None:
        self.task, self.config, self.folder, self.workers = task, config, folder, workers
        self.recipe = {"engine": config.decisive(), "task": recipe}
        self.num_tokens = task.num_tokens("train")
        self.repeats = task.repeats if isinstance(task, TaskWithRepeats) else None
        self.num_steps = config.num_steps or self._steps_of(config.num_epochs or 0)
        self.measured: dict[str, float | None] = {}
        self.losses: dict[str, float] = {}
        self.position = Position()
        task.module.to(workers.device)
        self.peak: Peak | None = None
        self.flops_per_token = 0.0
        if config.count_flops:
            self._count_flops()
        if config.parallel == "fsdp" and workers.world > 1:
            if not isinstance(task, TaskWithTowers):
                raise UsageError("fsdp: this task names no towers; expected parallel='ddp'")
            shard(task.towers, workers)
        if config.recompute:
            recompute_blocks(task.module, config.recompute)
        if config.compile:
            for block in [part for part in task.module.modules() if isinstance(part, Block)]:
                block.compile(dynamic=True)
        self.parameters = {
            name: parameter for name, parameter in task.module.named_parameters() if parameter.requires_grad
        }
        self.optimiser = make_optimiser(task.module, config.optimiser, workers.device)
        self.checkpoints = Checkpoints(folder, workers, keep=config.keep)
        restored = self.checkpoints.restore(task.module, self.parameters, self.optimiser, self._check_recipe)
        self.position = restored or self.position
        self.clock = Clock(config.checkpoint_seconds, config.stop_after_seconds, before=self.position.seconds)

    # the steps

    def plans(self) -> Iterator[StepPlan]:
        """This rank's part of every step that is left."""
        step, index = self.position.step, self.position.index
        for epoch in range(self.position.epoch, self.num_steps):
            batches = self._batches(epoch)
            for batch_index in range(index, len(batches)):
                if step == self.num_steps:
                    return
                shares = deal(
                    batches[batch_index],
                    self.num_tokens,
                    world=self.workers.world,
                    tokens_per_pass=self.config.order.tokens_per_pass,
                )
                state = self._state("train", batches[batch_index], epoch=epoch, index=batch_index, step=step)
                yield StepPlan(state=state, passes=shares[self.workers.rank])
                step += 1
            index = 0

    def collate(self, plan: StepPlan) -> list[SomeBatch]:
        """The batches of a step's passes, on the CPU; called in a reader thread."""
        return [self.task.collate(indices, plan.state) for indices in plan.passes]

    def backward(self, plan: StepPlan, batches: Sequence[SomeBatch]) -> dict[str, float]:
        """Gradients of this rank, and its losses; the mean over ranks is that of the global batch."""
        state = plan.state
        self.task.module.train()
        torch.manual_seed(state.random(-1, f"rank {state.rank}").integers(2**62))
        for parameter in self.parameters.values():
            parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad.zero_()
        if isinstance(self.task, TaskWithBackward):
            return self._named(self.task.backward(batches, state))
        totals: dict[str, torch.Tensor] = {}
        for indices, batch in zip(plan.passes, batches, strict=True):
            share = len(indices) * state.world / state.num_studies
            losses = self._named(self.task.losses(batch, state))
            weighted = [self.task.weights[name] * losses[name] for name in losses if self.task.weights[name]]
            (torch.stack(weighted).sum() * share).backward()  # type: ignore[no-untyped-call]
            for name, loss in losses.items():
                totals[name] = totals.get(name, 0.0) + loss.detach().double() * share
        return {name: float(loss) for name, loss in totals.items()}

    def agree(self, plan: StepPlan, losses: dict[str, float], *, stop: bool, save: bool) -> Agreed:
        """Share losses and wishes with the other ranks; stop all of them when a loss is not finite anywhere."""
        names = list(losses)
        table = self.workers.gather([float(stop), float(save and self.workers.is_first), *losses.values()])
        for rank, row in enumerate(table[:, 2:].tolist()):
            for name, loss in zip(names, row, strict=True):
                if not math.isfinite(loss):
                    self._stop_at(plan, f"rank {rank}: loss {name} is {loss}")
        means = table[:, 2:].mean(0).tolist()
        self.losses = dict(zip(names, means, strict=True))
        return Agreed(losses=self.losses, stop=bool(table[:, 0].any()), save=bool(table[:, 1].any()))

    def update(self, plan: StepPlan) -> float:
        """Average, check and clip the gradients, and change the weights.

        Returns:
            Norm of the gradient before clipping.
        """
        gradients = [parameter.grad for parameter in self.parameters.values() if parameter.grad is not None]
        own_norm = self.workers.norm(gradients) if self.workers.world > 1 else 0.0
        self.workers.average(gradients)
        norm = self.workers.norm(gradients)
        if not math.isfinite(norm):
            norms = self.workers.gather([own_norm or norm])[:, 0].tolist()
            rank = next((rank for rank, rank_norm in enumerate(norms) if not math.isfinite(rank_norm)), 0)
            where = next(
                (name for name, parameter in self.parameters.items() if not _is_finite(parameter.grad)), "the network"
            )
            self._stop_at(plan, f"rank {rank}: the gradient of {where} has norm {norms[rank]}")
        clip(gradients, norm, self.config.optimiser)
        set_rate(self.optimiser, self.config.optimiser.rate(plan.state.step, self.num_steps))
        self.optimiser.step()
        self.position = replace(
            self.position,
            step=plan.state.step + 1,
            epoch=plan.state.epoch,
            index=plan.state.index + 1,
            tokens=self.position.tokens + plan.state.num_tokens,
        )
        return norm

    # measuring and keeping

    @property
    def is_over(self) -> bool:
        """Whether all updates are made."""
        return self.position.step >= self.num_steps

    @property
    def is_measuring(self) -> bool:
        """Whether the validation studies are due."""
        every = self.config.measure_every
        due = self.is_over or (every is not None and self.position.step % every == 0)
        return due and len(self.task.num_tokens("validation")) > 0

    def measure(self) -> tuple[dict[str, float | None], bool]:
        """Measure on the validation studies: numbers (None where not finite), and whether it is the best."""
        tokens = self.task.num_tokens("validation")
        batches = batches_in_order(tokens, self.config.order)
        plans = [
            StepPlan(
                state=self._state("validation", batch, epoch=0, index=index, step=self.position.step), passes=(batch,)
            )
            for index, batch in enumerate(batches)
        ]
        made = mapped_ahead(plans, self.collate, readers=self.config.readers, ahead=self.config.ahead)
        self.task.module.eval()
        with torch.no_grad():
            values = self.task.measure((passes[0].to(self.workers.device) for _, passes, _ in made), plans[0].state)
        self.measured = {name: float(value) if math.isfinite(value) else None for name, value in values.items()}
        return self.measured, self._is_best()

    def save(self, *, is_best: bool) -> None:
        """Write a checkpoint."""
        self.position = replace(self.position, seconds=self.clock.total)
        self.checkpoints.save(
            self.task.module, self.parameters, self.optimiser, self.position, self.recipe, is_best=is_best
        )

    # telling

    def log_start(self, journal: Journal) -> None:
        """Write down what this start of the run computes on."""
        journal.write(
            "start",
            self.position.step,
            num_steps=self.num_steps,
            parameters=count_parameters(self.task.module),
            device=_device_name(self.workers.device),
            ranks=self.workers.world,
            threads=torch.get_num_threads(),
            torch=str(torch.__version__),
            precision=self.config.precision,
            flops_per_token=self.flops_per_token or None,
            peak_flops=None if self.peak is None else self.peak.flops,
            peak_source=None if self.peak is None else self.peak.source,
        )

    def line(self, plan: StepPlan, agreed: Agreed, *, norm: float, waited: float) -> dict[str, Any]:
        """The step's line of the journal."""
        seconds, tokens = self.clock.lap(), plan.state.num_tokens
        mfu = None
        if self.peak is not None:
            mfu = self.flops_per_token * tokens / seconds / (self.peak.flops * self.workers.world)
        return {
            "epoch": plan.state.epoch,
            "loss": sum(self.task.weights[name] * loss for name, loss in agreed.losses.items()),
            "losses": agreed.losses,
            "rate": self.optimiser.param_groups[0]["lr"] / self.optimiser.param_groups[0]["scale"],
            "norm": norm,
            "studies": plan.state.num_studies,
            "tokens": tokens,
            "seconds": seconds,
            "tokens_per_second": tokens / seconds,
            "wait": waited,
            "idle": waited / seconds,
            "mfu": mfu,
        }

    def outcome(self, status: Literal["done", "stopped"], reason: str = "") -> RunOutcome:
        """How the run ended."""
        at = self.position
        return RunOutcome(
            status=status,
            step=at.step,
            num_steps=self.num_steps,
            tokens=at.tokens,
            seconds=self.clock.total,
            losses=self.losses,
            measured=self.measured,
            best=None if at.best is None or at.best_step is None else (at.best, at.best_step),
            reason=reason,
        )

    # inside

    def _batches(self, epoch: int) -> list[tuple[int, ...]]:
        batches = batches_of_epoch(
            self.num_tokens, self.config.order, seed=self.config.seed, epoch=epoch, repeats=self.repeats
        )
        if not batches:
            raise UsageError("train: found no study, expected at least one")
        return batches

    def _steps_of(self, num_epochs: int) -> int:
        return sum(len(self._batches(epoch)) for epoch in range(num_epochs))

    def _state(self, split: Split, indices: Sequence[int], *, epoch: int, index: int, step: int) -> StepState:
        return StepState(
            seed=self.config.seed,
            epoch=epoch,
            index=index,
            step=step,
            split=split,
            rank=self.workers.rank,
            world=self.workers.world,
            num_studies=len(indices),
            num_tokens=int(self.task.num_tokens(split)[list(indices)].sum()),
            device=self.workers.device,
            precision=self.config.precision,
        )

    def _named(self, losses: dict[str, Any]) -> dict[str, Any]:
        """The losses in the order of the weights."""
        if losses.keys() != self.task.weights.keys():
            raise TrainingError(
                f"task: found losses {sorted(losses)}, expected those of its weights, {sorted(self.task.weights)}"
            )
        return {name: losses[name] for name in self.task.weights}

    def _is_best(self) -> bool:
        name = self.config.best
        if name is None:
            return False
        value = self.measured.get(name)
        if value is None:
            finite = ", ".join(key for key, measured in self.measured.items() if measured is not None)
            raise TrainingError(f"best: the measure {name} has no finite value; expected one of: {finite or 'none'}")
        sign = 1 if self.config.best_is == "highest" else -1
        if self.position.best is not None and sign * value <= sign * self.position.best:
            return False
        self.position = replace(self.position, best=value, best_step=self.position.step)
        return True

    def _stop_at(self, plan: StepPlan, found: str) -> None:
        at = plan.state
        studies = ", ".join(str(study) for indices in plan.passes for study in indices)
        raise TrainingError(
            f"step {at.step} (epoch {at.epoch}), {found}; expected a finite number; the weights were not changed: "
            f"look at the studies (those of rank {at.rank} are {studies}) or start again with a lower learning rate"
        )

    def _check_recipe(self, recipe: dict[str, Any]) -> None:
        """A run resumes with the recipe it was begun with; with a constant learning rate it may be made longer."""
        differing = sorted(_differing(recipe, self.recipe))
        if self.config.optimiser.schedule == "constant":
            differing = [name for name in differing if name not in ("engine.num_epochs", "engine.num_steps")]
        if differing:
            raise UsageError(
                f"{self.folder}: found a run of another recipe (differing: {', '.join(differing)}); "
                "expected the same: choose another folder"
            )

    def _count_flops(self) -> None:
        plan = next(self.plans())
        batches = [batch.to(self.workers.device) for batch in self.collate(plan)]
        self.task.module.train()
        trial = try_step(self.task, batches, plan.state, count=True)
        tokens = sum(int(self.num_tokens[list(indices)].sum()) for indices in plan.passes)
        self.flops_per_token = trial.flops / tokens
        self.peak = peak_of(self.workers.device, self.config.precision)


def _differing(first: Any, second: Any, name: str = "") -> Iterator[str]:
    """Dotted names of the values that two recipes do not share."""
    if isinstance(first, dict) and isinstance(second, dict):
        for key in first.keys() | second.keys():
            yield from _differing(first.get(key), second.get(key), f"{name}.{key}" if name else key)
    elif first != second:
        yield name


def _is_finite(gradient: torch.Tensor | None) -> bool:
    return gradient is None or bool(whole(gradient).isfinite().all())


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"cpu ({platform.machine()})"
