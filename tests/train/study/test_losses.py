"""The contrasts against plain ones over all pairs, in value, gradient and memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, log_softmax, normalize
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from prima.train.study.losses import (
    PUBLISHED_SCALE,
    Contrast,
    ContrastConfig,
    alike_groups,
    group_numbers,
    series_discrimination,
)

SIMILAR = torch.tensor([0, 1, 2, 0, 3, 0, 2, 4, 5, 6, 7])


def logits_of(task: Contrast, study: torch.Tensor, report: torch.Tensor) -> torch.Tensor:
    logits = normalize(study, dim=1) @ normalize(report, dim=1).T * task.log_scale.exp()
    return logits if task.bias is None else logits + task.bias


def naive_clip(task: Contrast, study: torch.Tensor, report: torch.Tensor, groups: torch.Tensor) -> torch.Tensor:
    logits, num = logits_of(task, study, report), len(study)
    same = groups[:, None] == groups
    if task.config.alike == "positive":
        target = same / same.sum(1, keepdim=True)
        return (
            -((target * log_softmax(logits, 1)).sum(1).mean() + (target * log_softmax(logits.T, 1)).sum(1).mean()) / 2
        )
    if task.config.alike == "ignored":
        logits = logits.masked_fill(same & ~torch.eye(num, dtype=torch.bool), float("-inf"))
    own = torch.arange(num)
    return (cross_entropy(logits, own) + cross_entropy(logits.T, own)) / 2


def naive_siglip(task: Contrast, study: torch.Tensor, report: torch.Tensor, groups: torch.Tensor) -> torch.Tensor:
    logits, own = logits_of(task, study, report), torch.eye(len(study))
    same = (groups[:, None] == groups).float()
    target = same if task.config.alike == "positive" else own
    weight = 1 - same + own if task.config.alike == "ignored" else torch.ones_like(own)
    return binary_cross_entropy_with_logits(logits, target, weight, reduction="sum") / len(study)


def gradients(
    loss_of: Callable[..., torch.Tensor], task: Contrast, pair: tuple[torch.Tensor, torch.Tensor]
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    study, report = (one.clone().requires_grad_() for one in pair)
    loss = loss_of(study, report)
    return loss.detach(), list(torch.autograd.grad(loss, [study, report, *task.parameters()]))


@pytest.mark.parametrize("chunk", [3, 11, 100])
@pytest.mark.parametrize("alike", ["negative", "ignored", "positive"])
@pytest.mark.parametrize(("objective", "naive"), [("clip", naive_clip), ("siglip", naive_siglip)])
def test_the_chunked_contrast_is_the_naive_one(objective: Any, naive: Any, alike: Any, chunk: int) -> None:
    torch.manual_seed(0)
    task = Contrast(ContrastConfig(objective=objective, alike=alike, chunk=chunk, bias=-2.0))
    pair = (torch.randn(11, 6), torch.randn(11, 6))
    value, slopes = gradients(lambda *both: 3 * task(*both, SIMILAR), task, pair)
    expected, expected_slopes = gradients(lambda *both: 3 * naive(task, *both, SIMILAR), task, pair)
    torch.testing.assert_close(value, expected)
    assert len(slopes) == (3 if objective == "clip" else 4)
    torch.testing.assert_close(slopes, expected_slopes, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("objective", ["clip", "siglip"])
def test_without_groups_every_other_report_is_a_negative(objective: Any) -> None:
    torch.manual_seed(0)
    pair = (torch.randn(7, 6), torch.randn(7, 6))
    plain = Contrast(ContrastConfig(objective=objective, alike="negative"))(*pair)
    task = Contrast(ContrastConfig(objective=objective, alike="ignored"))
    torch.testing.assert_close(task(*pair), plain)
    torch.testing.assert_close(task(*pair, torch.arange(7)), plain)
    assert not torch.allclose(task(*pair, torch.zeros(7, dtype=torch.int64)), plain)


def test_a_batch_of_studies_that_are_all_alike_teaches_nothing() -> None:
    study = torch.randn(5, 4, requires_grad=True)
    loss = Contrast(ContrastConfig(alike="ignored"))(study, torch.randn(5, 4), torch.ones(5, dtype=torch.int64))
    loss.backward()
    assert loss == 0
    assert study.grad is not None
    assert not study.grad.any()


def test_the_scale_starts_as_told_and_is_capped_but_can_come_back() -> None:
    assert Contrast(ContrastConfig(scale=PUBLISHED_SCALE)).scale.item() == pytest.approx(1.0725, abs=1e-4)
    task = Contrast(ContrastConfig(largest_scale=20.0))
    with torch.no_grad():
        task.log_scale.fill_(9.0)
    eye = torch.eye(4)
    loss = task(eye, eye[[1, 0, 2, 3]])  # two mistakes: a lower scale would cost less
    loss.backward()
    assert task.scale.item() == pytest.approx(20.0)
    assert task.log_scale.grad is not None
    assert task.log_scale.grad > 0


def test_bf16_embeddings_under_autocast_are_contrasted_in_float32() -> None:
    torch.manual_seed(0)
    pair = (torch.randn(8, 16).bfloat16(), torch.randn(8, 16).bfloat16())
    task = Contrast(ContrastConfig())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = task(*pair)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, task(*(one.float() for one in pair)))


def naive_discrimination(series: torch.Tensor, groups: torch.Tensor, temperature: float) -> torch.Tensor:
    vectors = normalize(series, dim=1)
    total, anchors = vectors.new_zeros(()), 0
    for i in range(len(series)):
        others = [a for a in range(len(series)) if a != i]
        companions = [a for a in others if groups[a] == groups[i]]
        if companions:
            anchors += 1
            level = torch.logsumexp(torch.stack([vectors[i] @ vectors[a] / temperature for a in others]), 0)
            total = total + sum(level - vectors[i] @ vectors[a] / temperature for a in companions) / len(companions)
    return total / max(anchors, 1)


@pytest.mark.parametrize("groups", [[4, 4, 4, 9, 9, 1, 7], [1, 2, 3, 4, 5, 6, 7], [3] * 7, [5, 5, 5, 5, 5, 5, 2]])
def test_series_discrimination_is_the_naive_one(groups: list[int]) -> None:
    torch.manual_seed(1)
    series, numbers = torch.randn(7, 5, requires_grad=True), torch.tensor(groups)
    loss = series_discrimination(series, numbers, temperature=0.01, chunk=3)
    expected = naive_discrimination(series, numbers, 0.01)
    torch.testing.assert_close(loss, expected)
    (slope,) = torch.autograd.grad(loss, series)
    wanted = torch.autograd.grad(expected, series)[0] if expected.requires_grad else torch.zeros_like(series)
    torch.testing.assert_close(slope, wanted, atol=1e-4, rtol=1e-4)


def test_one_series_alone_is_no_error() -> None:
    assert series_discrimination(torch.randn(1, 5), torch.tensor([3])) == 0


def test_groups_are_numbers_of_the_identifiers() -> None:
    numbers = group_numbers([f"1.2.{n}" for n in range(5000)])
    assert numbers.dtype == torch.int64
    assert (numbers >= 0).all()
    assert len(numbers.unique()) == 5000


def test_summaries_that_say_the_same_are_alike_and_normal_studies_too() -> None:
    summaries = [["A mass.", "Edema."], ["edema", "A  mass."], ["A mass."], ["Normal MRI."], ["No acute finding."], []]
    labels = np.zeros((6, 3), np.float32)
    labels[:3, 0] = 1
    labels[4, 2] = np.nan
    by_text = alike_groups(summaries)
    assert (by_text[0] == by_text[1], len(by_text.unique())) == (True, 5)
    by_both = alike_groups(summaries, labels)
    assert by_both[3] == by_both[5] != by_both[4]
    assert (by_both[0] == by_both[1], by_both[0] != by_both[2]) == (True, True)


class PeakMemory(TorchDispatchMode):
    """Bytes of all tensor storages alive at once, made since it began."""

    def __init__(self) -> None:
        super().__init__()
        self.alive: dict[int, tuple[StorageWeakRef, int]] = {}
        self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                storage = leaf.untyped_storage()
                self.alive[storage.data_ptr()] = (StorageWeakRef(storage), storage.nbytes())
        self.alive = {key: one for key, one in self.alive.items() if not one[0].expired()}
        self.peak = max(self.peak, sum(size for _, size in self.alive.values()))
        return result


def peak_bytes(num: int, step: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> int:
    study, report = (torch.randn(num, 8, requires_grad=True) for _ in range(2))
    with PeakMemory() as memory:
        step(study, report).backward()
    return memory.peak


@pytest.fixture(params=["clip", "siglip"])
def step_and_naive(request: pytest.FixtureRequest) -> Iterator[tuple[Any, Any]]:
    task = Contrast(ContrastConfig(objective=request.param, chunk=32))
    naive = naive_clip if request.param == "clip" else naive_siglip
    yield (
        lambda *pair: task(*pair, torch.arange(len(pair[0]))),
        lambda *pair: naive(task, *pair, torch.arange(len(pair[0]))),
    )


def test_memory_grows_linearly_with_the_batch(step_and_naive: tuple[Any, Any]) -> None:
    step, naive = step_and_naive
    assert peak_bytes(1024, step) / peak_bytes(512, step) == pytest.approx(2, abs=0.1)
    # the same ruler sees that the plain loss grows with the square
    assert peak_bytes(1024, naive) / peak_bytes(512, naive) > 3.8
    assert peak_bytes(1024, step) < peak_bytes(1024, naive) / 8
