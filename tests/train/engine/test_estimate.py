"""What a run would cost: counts against numbers worked out by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from prima.train.engine.estimate import count_parameters, estimate, peak_of, try_step
from prima.train.engine.sampler import SamplerConfig
from prima.train.engine.task import StepState

from .dummy_task import CONFIG, WIDTH, DummyTask, Rows
from .test_engine import STATE
from .vision_task import CONFIG as VISION_CONFIG
from .vision_task import VisionTask


def test_operations_parameters_and_bytes_are_those_by_hand() -> None:
    task = DummyTask()
    config = replace(CONFIG, order=SamplerConfig(studies_per_batch=23), num_steps=None, num_epochs=4)
    found = estimate(task, config)
    tokens = int(task.num_tokens("train").sum())
    # [n, i] by [i, o] is 2·n·i·o operations; its backward pass twice that, or once when the input needs no gradient
    first, last = 2 * tokens * WIDTH * 16, 2 * 23 * 16 * 1
    assert found.flops_per_token == pytest.approx((2 * first + 3 * last) / tokens)
    assert found.parameters == {"first": 112, "norm": 32, "last": 17, "unused": 12, "(own)": 1}
    assert found.num_parameters == 174
    assert (found.weight_bytes, found.gradient_bytes, found.optimiser_bytes) == (174 * 4 + 8, 174 * 4, 174 * 8)
    assert (found.num_steps, found.tokens_per_step) == (4, tokens)
    assert found.seconds == pytest.approx(4 * tokens / found.tokens_per_second)
    assert found.seconds_at_peak == pytest.approx(4 * tokens * found.flops_per_token / found.peak.flops)
    assert found.seconds > found.seconds_at_peak
    assert json.loads(json.dumps(found.to_json()))["memory_bytes"] == found.memory_bytes


def test_kept_bytes_are_counted_once() -> None:
    class Squares(DummyTask):
        def losses(self, batch: Rows, step: StepState) -> dict[str, torch.Tensor]:
            grown = self.module.get_parameter("scale") * torch.ones(1000)
            kept = grown.exp()  # exp keeps its result; the product keeps it again, and the ones
            return {"square": (kept * kept).sum(), "absolute": grown.sum(), "largest": grown.sum().detach()}

    task = Squares()
    trial = try_step(task, [task.collate([0], STATE)], STATE, count=True)
    assert trial.activation_bytes in (2 * 4000, 2 * 4000 + 4)


def test_a_trial_leaves_the_network_as_it_was() -> None:
    task = DummyTask()
    before = {name: one.clone() for name, one in task.module.state_dict().items()}
    task.module.train()
    trial = try_step(task, [task.collate([0, 1], STATE)], STATE, count=True)
    assert trial.flops > 0
    assert all(torch.equal(before[name], one) for name, one in task.module.state_dict().items())
    assert all(one.grad is None for one in task.module.parameters())


def test_the_hierarchical_model_is_estimated_with_its_own_backward_pass() -> None:
    found = estimate(VisionTask(), VISION_CONFIG)
    assert found.parameters.keys() == {"vision", "contrast", "reports"}
    assert found.activation_bytes > 0
    matrices = sum(one.numel() for name, one in VisionTask().vision.sequence.named_parameters() if one.ndim == 2)
    # gradient caching makes the forward pass twice: 2 + 2 + 4 operations a weight and token, and more for registers
    assert found.flops_per_token > 8 * (matrices - 48) * 0.9


def test_ranks_share_the_work_and_fsdp_the_weights() -> None:
    alone = estimate(DummyTask(), CONFIG)
    two = estimate(DummyTask(), replace(CONFIG, parallel="fsdp"), ranks=2)
    assert two.weight_bytes == alone.weight_bytes // 2
    assert two.seconds_at_peak == pytest.approx(alone.seconds_at_peak / 2, rel=0.1)


def test_shared_parameters_count_once() -> None:
    network = nn.ModuleDict({"words": nn.Embedding(5, 4), "out": nn.Linear(4, 5)})
    network["out"].weight = network["words"].weight
    assert count_parameters(network) == {"words": 20, "out": 5}


def test_the_peak_says_where_it_is_from(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = peak_of(torch.device("cpu"), "float32")
    assert measured.flops > 1e8
    assert measured.source == "measured: 1024³ matrix product in float32 on this cpu"
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "NVIDIA H100 80GB HBM3")
    assert peak_of(torch.device("cuda", 0), "bfloat16").source == "data sheet of H100, dense bf16"
