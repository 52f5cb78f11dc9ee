"""What a run will cost, and how fast this machine multiplies matrices."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from prima.errors import UsageError
from prima.model.networks.aligned import without_padding
from prima.train.engine.config import EngineConfig
from prima.train.engine.distributed import join_workers
from prima.train.engine.sampler import batches_of_epoch, deal
from prima.train.engine.task import Precision, SomeBatch, StepState, Task, TaskWithBackward, TaskWithRepeats

# Dense bf16 operations a second, from NVIDIA's data sheets (SXM boards).
DATASHEET_FLOPS = {"H100": 989e12, "H200": 989e12, "A100": 312e12}


@dataclass(frozen=True, kw_only=True)
class Peak:
    """The most that a device can do.

    Args:
        flops: floating-point operations a second.
        source: where the number is from: a data sheet, or a matrix product timed on this device.
    """

    flops: float
    source: str


def peak_of(device: torch.device, precision: Precision) -> Peak:
    """Peak of a device: the data sheet's where we know it, else that of a large matrix product, timed now."""
    if device.type == "cuda" and precision == "bfloat16":
        name = torch.cuda.get_device_name(device)
        for board, flops in DATASHEET_FLOPS.items():
            if board in name:
                return Peak(flops=flops, source=f"data sheet of {board}, dense bf16")
    size = 8192 if device.type == "cuda" else 1024
    flops = _timed_product(device.type, device.index, precision, size)
    return Peak(flops=flops, source=f"measured: {size}³ matrix product in {precision} on this {device.type}")


@cache
def _timed_product(kind: str, index: int | None, precision: Precision, size: int) -> float:
    device = torch.device(kind, index) if index is not None else torch.device(kind)
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    matrix = torch.ones(size, size, dtype=dtype, device=device)
    best = float("inf")
    for _ in range(8):
        _wait_for(device)
        start = time.perf_counter()
        matrix @ matrix
        _wait_for(device)
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One forward and backward pass of a rank's share of a batch, whose gradients were thrown away.

    Args:
        flops: operations of the matrix products, forward and backward. A kernel that torch cannot count (varlen before
            torch 2.12) is left out, so that utilisation is understated and never flattered.
        seconds: it took.
        activation_bytes: kept from the forward for the backward pass, each tensor once.
    """

    flops: float
    seconds: float
    activation_bytes: int


def try_step(task: Task[SomeBatch], batches: Sequence[SomeBatch], step: StepState, *, count: bool) -> Trial:
    """Make the passes of a step, and leave the network as it was: no gradient, no changed buffer.

    Args:
        task: whose `losses`, or own `backward`.
        batches: of this rank, on its device.
        step: the state of the step.
        count: count operations and kept bytes, both without the padding of odd widths, which takes time; else only
            time it.
    """
    module = task.module
    buffers = {name: buffer.clone() for name, buffer in module.named_buffers()}
    own = {tensor.untyped_storage().data_ptr() for tensor in [*module.parameters(), *module.buffers()]}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if count and storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    counter = FlopCounterMode(display=False)
    start = time.perf_counter()
    peak = 0
    with (
        without_padding() if count else nullcontext(),
        counter if count else nullcontext(),
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
    ):
        if isinstance(task, TaskWithBackward):
            task.backward(batches, step)
            peak = sum(kept.values())
        else:
            for batch in batches:
                kept.clear()
                losses = task.losses(batch, step)
                total = torch.stack([weight * losses[name] for name, weight in task.weights.items()]).sum()
                peak = max(peak, sum(kept.values()))
                total.backward()  # type: ignore[no-untyped-call]
    _wait_for(step.device)
    seconds = time.perf_counter() - start
    module.zero_grad(set_to_none=True)
    with torch.no_grad():
        for name, buffer in module.named_buffers():
            buffer.copy_(buffers[name])
    return Trial(flops=float(counter.get_total_flops()) if count else 0.0, seconds=seconds, activation_bytes=peak)


@dataclass(frozen=True, kw_only=True)
class RunEstimate:
    """What `--dry-run` says of a run.

    Args:
        parameters: of each part of the network, trained ones.
        num_steps: updates.
        tokens_per_step: on average over the first epoch.
        flops_per_token: forward and backward, from the first batch.
        weight_bytes: weights in float32, of one rank (as all others below).
        gradient_bytes: their gradients.
        optimiser_bytes: the two moments of AdamW.
        activation_bytes: kept for the backward pass of the first batch's largest pass.
        peak: of the device.
        tokens_per_second: of the timed pass of the first batch, over all ranks.
        seconds: for the whole run at that rate, without reading, measuring and the update.
        seconds_at_peak: for the whole run, if the device did nothing but multiply at its peak.
    """

    parameters: dict[str, int]
    num_steps: int
    tokens_per_step: float
    flops_per_token: float
    weight_bytes: int
    gradient_bytes: int
    optimiser_bytes: int
    activation_bytes: int
    peak: Peak
    tokens_per_second: float
    seconds: float
    seconds_at_peak: float

    @property
    def num_parameters(self) -> int:
        """Of the whole network."""
        return sum(self.parameters.values())

    @property
    def memory_bytes(self) -> int:
        """All that is counted, without the runtime's own."""
        return self.weight_bytes + self.gradient_bytes + self.optimiser_bytes + self.activation_bytes

    def to_json(self) -> dict[str, Any]:
        """JSON-ready values."""
        return asdict(self) | {"num_parameters": self.num_parameters, "memory_bytes": self.memory_bytes}


def count_parameters(module: nn.Module) -> dict[str, int]:
    """Trained parameters of each direct part of a network, and of itself under "(own)"; shared ones count once.

    Example:
        >>> count_parameters(nn.Sequential(nn.Linear(2, 3), nn.ReLU()))
        {'0': 9}
    """
    seen: set[int] = set()
    counts: dict[str, int] = {}
    for name, part in module.named_children():
        fresh = {
            id(parameter): parameter.numel()
            for parameter in part.parameters()
            if parameter.requires_grad and id(parameter) not in seen
        }
        seen |= fresh.keys()
        if fresh:
            counts[name] = sum(fresh.values())
    own = sum(
        parameter.numel() for parameter in module.parameters() if parameter.requires_grad and id(parameter) not in seen
    )
    return counts | ({"(own)": own} if own else {})


def estimate(task: Task[SomeBatch], config: EngineConfig, *, ranks: int = 1) -> RunEstimate:
    """Try the first batch on this machine, and say what the whole run would cost. Nothing is written or updated.

    Args:
        task: as for `run`.
        config: as for `run`.
        ranks: processes that the run will have, each on a device like this one.
    """
    tokens = task.num_tokens("train")
    repeats = task.repeats if isinstance(task, TaskWithRepeats) else None
    first = batches_of_epoch(tokens, config.order, seed=config.seed, epoch=0, repeats=repeats)
    if not first:
        raise UsageError("train: found no study, expected at least one")
    num_steps = config.num_steps or len(first) * (config.num_epochs or 0)
    with join_workers(config.device) as workers:
        task.module.to(workers.device).train()
        share = deal(first[0], tokens, world=ranks, tokens_per_pass=config.order.tokens_per_pass)[0]
        num_tokens = [int(tokens[list(indices)].sum()) for indices in share]
        step = StepState(
            seed=config.seed,
            epoch=0,
            index=0,
            step=0,
            split="train",
            rank=0,
            world=1,
            num_studies=sum(map(len, share)),
            num_tokens=sum(num_tokens),
            device=workers.device,
            precision=config.precision,
        )
        batches = [task.collate(indices, step).to(workers.device) for indices in share]
        counted = try_step(task, batches, step, count=True)  # warms up, too
        timed = try_step(task, batches, step, count=False)
        peak = peak_of(workers.device, config.precision)
    parameters = count_parameters(task.module)
    weight_bytes = sum(tensor.nbytes for tensor in [*task.module.parameters(), *task.module.buffers()])
    trained_bytes = sum(tensor.nbytes for tensor in task.module.parameters() if tensor.requires_grad)
    split = ranks if config.parallel == "fsdp" else 1
    tokens_per_step = float(sum(tokens[list(batch)].sum() for batch in first) / len(first))
    rate = sum(num_tokens) / timed.seconds * ranks
    flops_per_token = counted.flops / sum(num_tokens)
    return RunEstimate(
        parameters=parameters,
        num_steps=num_steps,
        tokens_per_step=tokens_per_step,
        flops_per_token=flops_per_token,
        weight_bytes=weight_bytes // split,
        gradient_bytes=trained_bytes // split,
        optimiser_bytes=2 * trained_bytes // split,
        activation_bytes=counted.activation_bytes,
        peak=peak,
        tokens_per_second=rate,
        seconds=num_steps * tokens_per_step / rate,
        seconds_at_peak=num_steps * tokens_per_step * flops_per_token / (peak.flops * ranks),
    )
