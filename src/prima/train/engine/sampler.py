"""Which studies make which global batch, and which rank takes which of them: a pure function of its arguments.

Nothing is remembered between epochs, so a run that resumes, with another number of ranks even, sees the
batches that an uninterrupted run on one rank would have seen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from prima.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class SamplerConfig:
    """How studies are packed into batches; at least one of the two limits of a global batch is given.

    Args:
        studies_per_batch: studies of a global batch, over all ranks, at most.
        tokens_per_batch: tokens of a global batch, over all ranks, at most; a larger study is a batch of its own.
        tokens_per_pass: tokens that one rank takes through the network at once, at most; what is more of its share
            is taken in several passes whose gradients add up. None: the whole share at once.
        keep_last: also train on the last batch of an epoch when it is not full.
    """

    studies_per_batch: int | None = None
    tokens_per_batch: int | None = None
    tokens_per_pass: int | None = None
    keep_last: bool = False

    def __post_init__(self) -> None:
        limits = (self.studies_per_batch, self.tokens_per_batch, self.tokens_per_pass)
        if limits[:2] == (None, None):
            raise UsageError("batches: found no limit, expected studies_per_batch, tokens_per_batch or both")
        if any(limit is not None and limit < 1 for limit in limits):
            raise UsageError(f"batches: found limits {limits}, expected numbers of at least 1")


def batches_of_epoch(
    num_tokens: NDArray[np.int64],
    config: SamplerConfig,
    *,
    seed: int,
    epoch: int,
    repeats: NDArray[np.float64] | None = None,
) -> list[tuple[int, ...]]:
    """Global batches of an epoch, in order.

    Args:
        num_tokens: [studies] tokens of each.
        config: limits of a batch.
        seed: of the run.
        epoch: its number.
        repeats: [studies] how often each comes in an epoch, 1 when None; 2.5 is twice in half the epochs, else three
            times. No study comes twice in one batch.

    Returns:
        Study indices of each batch. At least one batch, when there is any study.
    """
    random = np.random.default_rng([seed, epoch])
    indices = np.arange(len(num_tokens))
    if repeats is not None:
        indices = np.repeat(indices, np.floor(repeats + random.random(len(repeats))).astype(np.int64))
    return _pack(random.permutation(indices).tolist(), num_tokens, config)


def batches_in_order(num_tokens: NDArray[np.int64], config: SamplerConfig) -> list[tuple[int, ...]]:
    """All studies in their own order, for measuring; nothing is left out."""
    measured = SamplerConfig(
        studies_per_batch=config.studies_per_batch,
        tokens_per_batch=config.tokens_per_pass or config.tokens_per_batch,
        keep_last=True,
    )
    return _pack(list(range(len(num_tokens))), num_tokens, measured)


def deal(
    batch: Sequence[int], num_tokens: NDArray[np.int64], *, world: int, tokens_per_pass: int | None = None
) -> list[tuple[tuple[int, ...], ...]]:
    """Deal a global batch over the ranks.

    Every rank gets the same number of studies, give or take one, of much the same number of tokens, and makes the
    same number of passes, as collective operations need it.

    Returns:
        For each rank the study indices of each of its passes.

    Raises:
        UsageError: there are fewer studies than ranks.

    Example:
        >>> deal([0, 1, 2, 3], np.array([9, 8, 2, 1]), world=2)
        [((0, 3),), ((1, 2),)]
        >>> deal([0, 1, 2, 3], np.array([9, 8, 2, 1]), world=1, tokens_per_pass=10)
        [((0,), (1, 2), (3,))]
    """
    if len(batch) < world:
        raise UsageError(
            f"a batch of {len(batch)} studies for {world} ranks; expected one for each: use larger batches"
        )
    shares: list[list[int]] = [[] for _ in range(world)]
    for place, study in enumerate(sorted(batch, key=lambda study: (-num_tokens[study], study))):
        turn, seat = divmod(place, world)
        shares[seat if turn % 2 == 0 else world - 1 - seat].append(study)
    budget = tokens_per_pass or int(num_tokens[list(batch)].sum())
    num_passes = min(max(len(_passes(share, num_tokens, budget)) for share in shares), *map(len, shares))
    return [_in_passes(share, num_tokens, budget, num_passes) for share in shares]


def _pack(indices: list[int], num_tokens: NDArray[np.int64], config: SamplerConfig) -> list[tuple[int, ...]]:
    batches: list[tuple[int, ...]] = []
    waiting = deque(indices)
    aside: list[int] = []  # a study that the open batch already holds waits for the next one
    batch: dict[int, None] = {}
    tokens = 0

    def is_full(more: int) -> bool:
        by_tokens = config.tokens_per_batch is not None and tokens + more > config.tokens_per_batch
        return by_tokens or len(batch) == config.studies_per_batch

    while waiting or aside:
        if not waiting or (batch and waiting[0] not in batch and is_full(int(num_tokens[waiting[0]]))):
            batches.append(tuple(batch))
            batch, tokens = {}, 0
            waiting.extendleft(reversed(aside))
            aside = []
        index = waiting.popleft()
        if index in batch:
            aside.append(index)
        else:
            batch[index] = None
            tokens += int(num_tokens[index])
    smallest = int(num_tokens[indices].min()) if indices else 0
    if batch and (config.keep_last or not batches or is_full(smallest)):
        batches.append(tuple(batch))
    return batches


def _passes(share: Sequence[int], num_tokens: NDArray[np.int64], budget: int) -> list[tuple[int, ...]]:
    """Cut a share, in its order, where the next study would go over the budget."""
    return _pack(list(share), num_tokens, SamplerConfig(tokens_per_batch=budget, keep_last=True))


def _in_passes(
    share: Sequence[int], num_tokens: NDArray[np.int64], budget: int, num_passes: int
) -> tuple[tuple[int, ...], ...]:
    """Cut a share into a given number of passes, at the budget where that gives the number, else evenly."""
    passes = _passes(share, num_tokens, budget)
    if len(passes) != num_passes:
        sizes = [len(share) // num_passes + (index < len(share) % num_passes) for index in range(num_passes)]
        ends = list(accumulate(sizes))
        passes = [tuple(share[end - size : end]) for size, end in zip(sizes, ends, strict=True)]
    return tuple(passes)
