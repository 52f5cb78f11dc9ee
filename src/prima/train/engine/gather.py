"""Embeddings of all processes, with gradients: a contrast over the batch of the whole run, not of one device.

Works on gloo and NCCL, with a different number of rows on each process, and costs nothing in a run of one process.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from torch import distributed


@dataclass(frozen=True, kw_only=True, eq=False)
class Gathered:
    """Rows of all processes, in the order of their ranks.

    Args:
        rows: [B, …] of all processes.
        start: which of them is the first of this process.
        num_processes: how many took part; a loss summed over this process' rows and divided by B is multiplied by it,
            because data-parallel training averages gradients over processes.
    """

    rows: torch.Tensor
    start: int
    num_processes: int


def gather(own: torch.Tensor) -> Gathered:
    """Collect the rows of every process.

    The gradient of a row is the sum of what every process says of it. Every process must call this, and call
    backward, in the same order.

    Args:
        own: [b, …] rows of this process; b may differ between processes and be 0, the rest may not. Integers have
            no gradient.
    """
    num_processes = distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1
    if num_processes == 1:
        return Gathered(rows=own, start=0, num_processes=1)
    count = torch.tensor([len(own)], device=own.device)
    counts = [torch.zeros_like(count) for _ in range(num_processes)]
    distributed.all_gather(counts, count)
    sizes = [int(num_rows) for num_rows in counts]
    if torch.is_grad_enabled() and own.is_floating_point():
        # a process whose own rows need no gradient, or that has none, must still take part in the others' backward
        rows = _Gather.apply(own if own.requires_grad else own.detach().requires_grad_(), sizes)  # type: ignore[no-untyped-call]
    else:
        rows = _collect(own, sizes)
    start = [0, *accumulate(sizes)][distributed.get_rank()]
    return Gathered(rows=rows, start=start, num_processes=num_processes)


def _collect(own: torch.Tensor, sizes: list[int]) -> torch.Tensor:
    """All processes' rows; each sends as many as the largest has, because collectives want equal shapes."""
    sent = own.new_zeros(max(sizes), *own.shape[1:])
    sent[: len(own)] = own.detach()
    received = [torch.empty_like(sent) for _ in sizes]
    distributed.all_gather(received, sent)
    return torch.cat([rows[:size] for rows, size in zip(received, sizes, strict=True)])


def average_gradients(parameters: Iterable[torch.nn.Parameter]) -> None:
    """Average gradients over processes, for parameters that no data-parallel wrapper looks after.

    A parameter that has no gradient here counts as zero; every process must name the same parameters in the same order.
    """
    if not (distributed.is_available() and distributed.is_initialized()) or distributed.get_world_size() == 1:
        return
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        distributed.all_reduce(parameter.grad)
        parameter.grad /= distributed.get_world_size()


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, own: torch.Tensor, sizes: list[int]) -> torch.Tensor:
        ctx.sizes = sizes
        return _collect(own, sizes)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None]:
        # gloo has no reduce-scatter for every type; the sum of all rows is small (B × joint width)
        total = grads[0].contiguous().clone()
        distributed.all_reduce(total)
        rank = distributed.get_rank()
        start = sum(ctx.sizes[:rank])
        return total[start : start + ctx.sizes[rank]], None
