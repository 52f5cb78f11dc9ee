"""What the engine asks of a task, and what it tells it. The engine does not know any objective."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol, Self, TypeVar, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

Split = Literal["train", "validation"]
Precision = Literal["float32", "bfloat16"]


class Batch(Protocol):
    """What a task makes of some studies; the engine only moves it."""

    def to(self, device: torch.device, /) -> Self:
        """The same batch on a device."""
        ...


SomeBatch = TypeVar("SomeBatch", bound=Batch)
TakenBatch_contra = TypeVar("TakenBatch_contra", bound=Batch, contravariant=True)


@dataclass(frozen=True, kw_only=True)
class StepState:
    """Where the run is. All that is random in a step comes from the generators of this state.

    Args:
        seed: of the run.
        epoch: number of the epoch.
        index: number of the global batch in the epoch.
        step: number of updates made before this one.
        split: what the study indices count in.
        rank: number of this process.
        world: number of processes.
        num_studies: studies of the global batch, over all ranks and passes.
        num_tokens: tokens of the global batch, over all ranks and passes.
        device: where the network is.
        precision: of the matrix products inside `autocast`.
    """

    seed: int
    epoch: int
    index: int
    step: int
    split: Split
    rank: int
    world: int
    num_studies: int
    num_tokens: int
    device: torch.device
    precision: Precision

    @property
    def is_training(self) -> bool:
        """Whether things may be dropped."""
        return self.split == "train"

    def autocast(self) -> AbstractContextManager[object]:
        """The context that networks run in. Losses are computed outside of it, in float32."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16")

    def random(self, study: int, purpose: str = "") -> np.random.Generator:
        """Random numbers of one study in this step: the same on any rank, in any thread, after any resume."""
        return np.random.default_rng(self._seed(study, purpose))

    def generator(self, study: int, purpose: str = "") -> torch.Generator:
        """`random`, as torch wants it (on the CPU)."""
        return torch.Generator().manual_seed(self._seed(study, purpose))

    def _seed(self, study: int, purpose: str) -> int:
        text = f"{self.seed} {self.split} {self.epoch} {self.index} {study} {purpose}"
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


class Task(Protocol[SomeBatch]):
    """A network, its data and its objective.

    The loss of a global batch is the mean over its studies. `losses` sees one pass of one rank and returns means over
    the studies of that pass; the engine weighs them by their number. A task whose loss is no such mean (one that
    contrasts all studies of the global batch) is a `TaskWithBackward`.
    """

    @property
    def module(self) -> nn.Module:
        """Holds every trained parameter and every buffer that a checkpoint keeps."""
        ...

    @property
    def weights(self) -> Mapping[str, float]:
        """Factor of each loss in the sum that is minimised; one of weight 0 is only reported."""
        ...

    def num_tokens(self, split: Split) -> NDArray[np.int64]:
        """Tokens of each study of a split; none where there is nothing to validate on."""
        ...

    def collate(self, indices: Sequence[int], step: StepState) -> SomeBatch:
        """Read studies and make a batch of them on the CPU; called in a background thread, ahead of time."""
        ...

    def losses(self, batch: SomeBatch, step: StepState) -> dict[str, torch.Tensor]:
        """Every loss of `weights`, as a scalar with its graph."""
        ...

    def measure(self, batches: Iterable[SomeBatch], step: StepState) -> dict[str, float]:
        """What the network is worth on the validation studies; called on every rank, without gradients.

        Names are free; `loss`, `retrieval@1` and `retrieval@5` are shown live.
        """
        ...


@runtime_checkable
class TaskWithBackward(Protocol[TakenBatch_contra]):
    """A task that computes its gradients itself, from all passes of this rank at once.

    The mean over the ranks of what it adds to `.grad` is the gradient of the global batch, and the mean over the ranks
    of what it returns is the loss of the global batch.
    """

    def backward(self, batches: Sequence[TakenBatch_contra], step: StepState) -> dict[str, float]:
        """Add to the gradients (each loss times its weight); return every loss of `weights`, without the weight."""
        ...


@runtime_checkable
class TaskWithTowers(Protocol):
    """A task whose network may be spread over ranks (FSDP2)."""

    @property
    def towers(self) -> Sequence[nn.Module]:
        """The parts of the module that are always called as a whole."""
        ...


@runtime_checkable
class TaskWithRepeats(Protocol):
    """A task that wants some studies more often than others."""

    @property
    def repeats(self) -> NDArray[np.float64]:
        """How often each training study comes in an epoch."""
        ...
