"""The processes of one run: who they are, what they agree on, and how their gradients are averaged.

Replicas average their gradients after the last pass of a step, in buckets, and not while a pass is under way, as
torch's wrapper does: a task may then make as many passes as it likes (gradient caching), and leave parameters unused.
FSDP2 (`fully_shard`) averages those of the parameters that it holds by itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from prima.errors import UsageError
from prima.model.networks.transformer import Block

BUCKET_BYTES = 64 << 20


@dataclass(frozen=True, kw_only=True)
class Workers:
    """This process among those of the run.

    Args:
        rank: its number, 0 to world − 1.
        world: how many there are.
        device: the one that it computes on.
    """

    rank: int
    world: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes and shows."""
        return self.rank == 0

    def gather(self, values: Sequence[float]) -> torch.Tensor:
        """The numbers of every rank: [world, n] float64 on the CPU, the same on all ranks."""
        own_values = torch.tensor([values], dtype=torch.float64)
        if self.world == 1:
            return own_values
        own_values = own_values.to(self.device)
        everyone = own_values.new_empty(self.world, len(values))
        dist.all_gather_into_tensor(everyone, own_values)
        return everyone.cpu()

    def average(self, gradients: Sequence[torch.Tensor]) -> None:
        """Replace every gradient by its mean over the ranks; FSDP has already done so with those it holds."""
        if self.world == 1:
            return
        for bucket in _buckets([gradient for gradient in gradients if not isinstance(gradient, DTensor)]):
            flat = torch.cat([gradient.flatten() for gradient in bucket])
            dist.all_reduce(flat)
            flat /= self.world
            for gradient, summed in zip(bucket, torch.split(flat, [part.numel() for part in bucket]), strict=True):
                gradient.copy_(summed.view_as(gradient))

    def norm(self, gradients: Sequence[torch.Tensor]) -> float:
        """Euclidean norm over all gradients, sharded ones over all ranks; the same on all ranks once averaged."""
        whole = [gradient for gradient in gradients if not isinstance(gradient, DTensor)]
        total = _squared_norm(whole, self.device)
        if len(whole) < len(gradients):
            sharded = _squared_norm(
                [gradient.to_local() for gradient in gradients if isinstance(gradient, DTensor)], self.device
            )
            dist.all_reduce(sharded)
            total = total + sharded
        return float(total.sqrt())


@contextmanager
def join_workers(device: str = "auto") -> Iterator[Workers]:
    """Join the run that torchrun started this process for, or be the only process.

    Args:
        device: "cpu", "cuda", one GPU such as "cuda:1", or "auto": CUDA where there is any.

    Raises:
        UsageError: torchrun started several processes, and one GPU was named for all.
    """
    kind = device if device != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
    if kind == "cuda":
        kind = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    elif kind.startswith("cuda") and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UsageError(
            f"--device {kind}: found several processes of torchrun, expected --device cuda: a GPU for each"
        )
    if kind.startswith("cuda"):
        torch.cuda.set_device(kind)
    place = torch.device(kind)
    started_here = int(os.environ.get("WORLD_SIZE", "1")) > 1 and not dist.is_initialized()
    if started_here:
        dist.init_process_group("nccl" if place.type == "cuda" else "gloo", device_id=_bound(place))
    try:
        if not dist.is_initialized():
            yield Workers(rank=0, world=1, device=place)
            return
        yield Workers(rank=dist.get_rank(), world=dist.get_world_size(), device=place)
        dist.barrier()  # nobody takes the connections down while another still uses them
    finally:
        if started_here:
            dist.destroy_process_group()


def shard(towers: Sequence[nn.Module], workers: Workers) -> None:
    """Spread the parameters of each tower over the ranks, block by block (FSDP2).

    Args:
        towers: modules that a task calls as a whole; what lies outside of them stays on every rank.
        workers: the processes of the run.
    """
    mesh = init_device_mesh(workers.device.type, (workers.world,))
    for tower in towers:
        for module in [*(block for block in tower.modules() if isinstance(block, Block) and block is not tower), tower]:
            fully_shard(module, mesh=mesh)


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor itself, or all of it where the ranks hold a part each (all ranks must ask)."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def _bound(device: torch.device) -> torch.device | None:
    return device if device.type == "cuda" else None


def _squared_norm(tensors: list[torch.Tensor], device: torch.device) -> torch.Tensor:
    if not tensors:
        return torch.zeros((), dtype=torch.float64, device=device)
    norms = torch._foreach_norm(tensors, 2, dtype=torch.float32)
    return torch.stack([norm.double() for norm in norms]).square().sum()


def _buckets(tensors: Sequence[torch.Tensor]) -> Iterator[list[torch.Tensor]]:
    bucket: list[torch.Tensor] = []
    num_bytes = 0
    for tensor in tensors:
        if bucket and (num_bytes + tensor.nbytes > BUCKET_BYTES or tensor.dtype != bucket[0].dtype):
            yield bucket
            bucket, num_bytes = [], 0
        bucket.append(tensor)
        num_bytes += tensor.nbytes
    if bucket:
        yield bucket
