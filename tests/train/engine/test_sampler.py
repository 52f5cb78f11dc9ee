"""The order of the data: what an epoch holds, limits of batches, and dealing over ranks."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prima.errors import UsageError
from prima.train.engine.sampler import SamplerConfig, batches_in_order, batches_of_epoch, deal

tokens_of_studies = st.lists(st.integers(1, 50), min_size=1, max_size=40).map(lambda values: np.array(values, np.int64))
limits = st.tuples(st.none() | st.integers(1, 9), st.none() | st.integers(1, 90)).filter(any)


@given(tokens_of_studies, limits, st.integers(0, 3), st.integers(0, 3))
def test_an_epoch_holds_every_study_once_within_the_limits(
    tokens: np.ndarray, limit: tuple[int | None, int | None], seed: int, epoch: int
) -> None:
    config = SamplerConfig(studies_per_batch=limit[0], tokens_per_batch=limit[1], keep_last=True)
    batches = batches_of_epoch(tokens, config, seed=seed, epoch=epoch)
    assert sorted(number for batch in batches for number in batch) == list(range(len(tokens)))
    for batch in batches:
        assert len(batch) <= (limit[0] or len(tokens))
        assert len(batch) == 1 or tokens[list(batch)].sum() <= (limit[1] or tokens.sum())
    assert batches == batches_of_epoch(tokens, config, seed=seed, epoch=epoch)


def test_epochs_and_seeds_differ() -> None:
    tokens = np.full(50, 3)
    config = SamplerConfig(studies_per_batch=10)
    orders = {
        tuple(batches_of_epoch(tokens, config, seed=seed, epoch=epoch)) for seed in range(2) for epoch in range(3)
    }
    assert len(orders) == 6


def test_a_last_batch_that_is_not_full_is_left_out() -> None:
    tokens = np.full(23, 5)
    by_studies = batches_of_epoch(tokens, SamplerConfig(studies_per_batch=5), seed=0, epoch=0)
    assert [len(batch) for batch in by_studies] == [5, 5, 5, 5]
    by_tokens = batches_of_epoch(tokens, SamplerConfig(tokens_per_batch=29), seed=0, epoch=0)
    assert [len(batch) for batch in by_tokens] == [5, 5, 5, 5]
    full = batches_of_epoch(np.full(20, 5), SamplerConfig(tokens_per_batch=29), seed=0, epoch=0)
    assert [len(batch) for batch in full] == [5, 5, 5, 5]
    assert len(batches_of_epoch(tokens, SamplerConfig(studies_per_batch=100), seed=0, epoch=0)) == 1


@given(st.lists(st.floats(0, 4), min_size=8, max_size=30), st.integers(0, 5))
def test_a_repeated_study_comes_that_often_and_never_twice_in_a_batch(repeats: list[float], epoch: int) -> None:
    tokens = np.full(len(repeats), 2)
    config = SamplerConfig(studies_per_batch=4, keep_last=True)
    batches = batches_of_epoch(tokens, config, seed=1, epoch=epoch, repeats=np.array(repeats))
    counts = Counter(number for batch in batches for number in batch)
    assert all(np.floor(often) <= counts[number] <= np.ceil(often) for number, often in enumerate(repeats))
    assert all(len(set(batch)) == len(batch) for batch in batches)


def test_measuring_takes_all_studies_in_order() -> None:
    batches = batches_in_order(np.array([4, 4, 4, 9, 1]), SamplerConfig(studies_per_batch=3, tokens_per_pass=8))
    assert batches == [(0, 1), (2,), (3,), (4,)]


@given(tokens_of_studies.filter(lambda tokens: len(tokens) >= 4), st.integers(1, 4), st.none() | st.integers(1, 90))
def test_dealing_gives_each_study_to_one_pass_of_one_rank(tokens: np.ndarray, world: int, budget: int | None) -> None:
    batch = tuple(range(len(tokens)))
    shares = deal(batch, tokens, world=world, tokens_per_pass=budget)
    assert sorted(number for share in shares for numbers in share for number in numbers) == list(batch)
    assert len({len(share) for share in shares}) == 1
    sizes = [sum(map(len, share)) for share in shares]
    assert max(sizes) - min(sizes) <= 1
    loads = [sum(int(tokens[list(numbers)].sum()) for numbers in share) for share in shares]
    assert max(loads) - min(loads) <= 2 * tokens.max()
    assert all(numbers for share in shares for numbers in share)


def test_passes_stay_within_their_budget() -> None:
    tokens = np.array([30, 20, 10, 10, 10, 10])
    (share,) = deal(range(6), tokens, world=1, tokens_per_pass=40)
    assert [int(tokens[list(numbers)].sum()) for numbers in share] == [30, 40, 20]


def test_fewer_studies_than_ranks_is_an_error() -> None:
    with pytest.raises(UsageError, match="1 studies for 2 ranks"):
        deal([3], np.arange(5), world=2)


@pytest.mark.parametrize("values", [{}, {"studies_per_batch": 0}, {"tokens_per_batch": 4, "tokens_per_pass": -1}])
def test_limits_must_make_sense(values: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="batches: found"):
        SamplerConfig(**values)
