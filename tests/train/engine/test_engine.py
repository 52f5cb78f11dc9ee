"""The loop: what it minimises, when it stops, what it writes and shows."""

from __future__ import annotations

import io
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from prima.errors import MissingDependencyError, TrainingError, UsageError
from prima.train.engine.checkpoint import FOLDER, load_weights, read_pointer
from prima.train.engine.journal import read_journal
from prima.train.engine.loop import EngineConfig, run
from prima.train.engine.optimiser import OptimiserConfig, make_optimiser
from prima.train.engine.progress import TrainingProgress
from prima.train.engine.sampler import SamplerConfig
from prima.train.engine.task import StepState, TaskWithBackward

from .dummy_task import CONFIG, DummyTask, Network, Rows
from .vision_task import CONFIG as VISION_CONFIG
from .vision_task import VisionTask


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_the_loop_makes_the_updates_of_plain_pytorch(tmp_path: Path) -> None:
    """Three steps written out by hand: global batch at once, torch's own clipping, schedule and AdamW."""
    config = replace(CONFIG, num_steps=3, order=SamplerConfig(studies_per_batch=23), measure_every=None, best=None)
    task = DummyTask()
    run(task, config, tmp_path)

    naive = DummyTask()
    module = naive.module
    module.train()
    decayed = [one for name, one in module.named_parameters() if name in ("first.weight", "last.weight")]
    rest = [one for name, one in module.named_parameters() if name not in ("first.weight", "last.weight")]
    groups: list[dict[str, Any]] = [{"params": decayed, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=1e-2, betas=(0.9, 0.98), eps=1e-8)
    for step, rate in enumerate((5e-3, 1e-2, 1e-2)):
        order = np.random.default_rng([0, step]).permutation(23)
        order = sorted(order, key=lambda number: (-naive.num_tokens("train")[number], number))
        state = replace(STATE, epoch=step, step=step)
        found = naive.losses(naive.collate([int(number) for number in order], state), state)
        optimiser.zero_grad()
        (found["square"] + 0.5 * found["absolute"]).backward()
        nn.utils.clip_grad_norm_(module.parameters(), 0.5)
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.step()
    for (name, one), (_, other) in zip(task.module.named_parameters(), module.named_parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=2e-6, msg=lambda text, name=name: f"{name}: {text}")


STATE = StepState(
    seed=0,
    epoch=0,
    index=0,
    step=0,
    split="train",
    rank=0,
    world=1,
    num_studies=23,
    num_tokens=1,
    device=torch.device("cpu"),
    precision="float32",
)


def test_passes_add_up_to_the_batch(tmp_path: Path) -> None:
    for name, budget in (("one", None), ("many", 12)):
        run(DummyTask(), replace(CONFIG, order=replace(CONFIG.order, tokens_per_pass=budget)), tmp_path / name)
    one, many = (read_journal(tmp_path / name / "journal.jsonl") for name in ("one", "many"))
    np.testing.assert_allclose([line["loss"] for line in many], [line["loss"] for line in one], rtol=0, atol=1e-5)


def test_a_task_may_make_its_own_backward_pass(tmp_path: Path) -> None:
    task = VisionTask()
    assert isinstance(task, TaskWithBackward)
    assert not isinstance(DummyTask(), TaskWithBackward)
    assert run(task, replace(VISION_CONFIG, num_steps=30), tmp_path).status == "done"
    losses = [line["loss"] for line in read_journal(tmp_path / "journal.jsonl")]
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])


def test_bfloat16_changes_products_and_not_weights(tmp_path: Path) -> None:
    losses = {}
    for precision in ("float32", "bfloat16"):
        task = VisionTask()
        autocast = replace(VISION_CONFIG, precision=precision)

        class Cast(VisionTask):
            def backward(self, batches: Sequence[Any], step: StepState) -> dict[str, float]:
                with step.autocast():
                    return super().backward(batches, step)

        task = Cast()
        run(task, autocast, tmp_path / precision)
        assert {one.dtype for one in task.module.parameters()} == {torch.float32}
        losses[precision] = [line["loss"] for line in read_journal(tmp_path / precision / "journal.jsonl")]
    assert losses["float32"] != losses["bfloat16"]
    np.testing.assert_allclose(losses["bfloat16"], losses["float32"], rtol=0.05)


def test_a_loss_that_is_not_finite_stops_before_the_update(tmp_path: Path) -> None:
    task = DummyTask(spoilt=5)
    before: dict[str, torch.Tensor] = {}

    def keep(line: object) -> None:
        before.update({name: one.clone() for name, one in task.module.named_parameters()})

    with pytest.raises(TrainingError) as told:
        run(task, CONFIG, tmp_path, on_step=keep)
    message = str(told.value)
    assert message.startswith("step 5 (epoch 1), rank 0: loss square is inf; expected a finite number")
    assert "\n" not in message
    assert all(torch.equal(before[name], one) for name, one in task.module.named_parameters())
    assert [line["step"] for line in read_journal(tmp_path / "journal.jsonl")] == [1, 2, 3, 4, 5]
    pointer = read_pointer(tmp_path / FOLDER)
    assert pointer is not None
    assert pointer.latest == "step-00000005.safetensors"


def test_a_gradient_that_is_not_finite_stops_before_the_update(tmp_path: Path) -> None:
    class Rooted(DummyTask):
        def losses(self, batch: Rows, step: StepState) -> dict[str, torch.Tensor]:
            found = super().losses(batch, step)
            last = self.module.get_parameter("last.weight")
            return found | {"square": found["square"] + (last * 0.0).abs().sqrt().sum()}  # 0, its gradient is not

    task = Rooted()
    weight = task.module.get_parameter("last.weight").clone()
    with pytest.raises(TrainingError, match=r"step 0 \(epoch 0\), rank 0: the gradient of last.weight has norm nan"):
        run(task, CONFIG, tmp_path)
    assert torch.equal(task.module.get_parameter("last.weight"), weight)


def test_losses_without_a_weight_are_an_error(tmp_path: Path) -> None:
    task = DummyTask()
    task.weights = {"square": 1.0}
    with pytest.raises(TrainingError, match=r"found losses \['absolute', 'largest', 'square'\], expected"):
        run(task, replace(CONFIG, count_flops=False), tmp_path)


def test_the_best_checkpoint_is_that_of_the_best_measurement(tmp_path: Path) -> None:
    class Rising(DummyTask):
        def measure(self, batches: Iterable[Rows], step: StepState) -> dict[str, float]:
            assert sum(len(batch.target) for batch in batches) == 5
            assert not self.module.training
            assert not torch.is_grad_enabled()
            return {"auroc": 1 - abs(step.step - 6) / 10}

    task = Rising()
    outcome = run(task, replace(CONFIG, measure_every=2, best="auroc", best_is="highest"), tmp_path)
    assert outcome.best == (1.0, 6)
    assert outcome.measured == {"auroc": 0.4}
    assert load_weights(Rising().module, tmp_path).step == 6
    measured = read_journal(tmp_path / "journal.jsonl", "measure")
    assert [line["step"] for line in measured] == [2, 4, 6, 8, 10, 12]


def test_a_measure_that_decides_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="best: the measure retrieval@1 has no finite value; expected one of: loss"):
        run(DummyTask(), replace(CONFIG, best="retrieval@1"), tmp_path)


def test_the_journal_tells_what_a_step_took(tmp_path: Path) -> None:
    outcome = run(DummyTask(), replace(CONFIG, num_steps=None, num_epochs=2), tmp_path)
    lines = read_journal(tmp_path / "journal.jsonl")
    assert [line["step"] for line in lines] == list(range(1, 7))
    assert [line["epoch"] for line in lines] == [0, 0, 0, 1, 1, 1]
    for line in lines:
        assert line["loss"] == pytest.approx(line["losses"]["square"] + 0.5 * line["losses"]["absolute"])
        assert line["tokens_per_second"] == pytest.approx(line["tokens"] / line["seconds"])
        assert 0 <= line["wait"] <= line["seconds"]
        assert 0 < line["mfu"] < 1
    assert outcome.tokens == sum(line["tokens"] for line in lines)
    (start,) = read_journal(tmp_path / "journal.jsonl", "start")
    assert start["parameters"] == {"first": 112, "norm": 32, "last": 17, "unused": 12, "(own)": 1}
    assert start["peak_source"].startswith("measured: 1024³ matrix product in float32")


def test_elsewhere_than_on_a_terminal_progress_is_plain_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "prima.train.engine.progress.SECONDS_BETWEEN_LINES", float("inf")
    )  # however slow the machine is
    run(DummyTask(), CONFIG, tmp_path)
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split(":")[0].split(" loss")[0] for line in err.splitlines()] == [
        "step 5",
        "step 10",
        "step 12/12",
        "step 12",
    ]
    assert "tokens/s · MFU" in err
    assert "\x1b" not in err


def test_a_terminal_shows_one_live_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr(sys, "stderr", terminal)
    with TrainingProgress(num_steps=9, first_step=2, shown=True) as progress:
        progress.on_measure(3, {"retrieval@1": 0.25, "retrieval@5": 0.5, "other": 1.0})
        progress.on_step({"step": 4, "loss": 1.25, "tokens_per_second": 5300.0, "mfu": 0.41, "idle": 0.03})
    shown = terminal.getvalue()
    assert "4/9" in shown
    assert (
        "loss 1.25 · 5,300 tokens/s · MFU 41 % · idle 3 % · retrieval@1 0.25 · retrieval@5 0.5 · 0:00:00 left" in shown
    )
    assert "step 3: retrieval@1 0.25, retrieval@5 0.5, other 1" in shown


def test_a_mirror_that_is_not_installed_is_named_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(MissingDependencyError, match="pip install wandb"):
        run(DummyTask(), replace(CONFIG, mirrors=("wandb",)), tmp_path)
    assert not (tmp_path / "journal.jsonl").exists()


def test_nothing_to_train_on_is_an_error(tmp_path: Path) -> None:
    class Empty(DummyTask):
        def num_tokens(self, split: str) -> np.ndarray[Any, np.dtype[np.int64]]:
            return np.zeros(0, np.int64)

    with pytest.raises(UsageError, match="train: found no study"):
        run(Empty(), CONFIG, tmp_path)


def test_the_length_of_a_run_is_given_once() -> None:
    for values in ({}, {"num_epochs": 2, "num_steps": 3}):
        with pytest.raises(UsageError, match="num_epochs or num_steps"):
            EngineConfig(order=SamplerConfig(studies_per_batch=2), **values)


def test_weight_decay_is_on_matrices_alone_and_scales_fit() -> None:
    network = Network()
    config = OptimiserConfig(weight_decay=0.1, scales=(("first.", 0.25),))
    optimiser = make_optimiser(network, config, torch.device("cpu"))
    names = {id(one): name for name, one in network.named_parameters()}
    found = {
        names[id(one)]: (group["weight_decay"], group["scale"])
        for group in optimiser.param_groups
        for one in group["params"]
    }
    assert found.keys() == set(names.values())
    assert {name for name, (decay, _) in found.items() if decay} == {"first.weight", "last.weight"}
    assert {name for name, (_, scale) in found.items() if scale != 1} == {"first.weight", "first.bias"}
    with pytest.raises(UsageError, match="'absent'"):
        make_optimiser(network, replace(config, scales=(("absent", 2.0),)), torch.device("cpu"))


def test_random_numbers_depend_on_seed_epoch_index_study_and_purpose_alone() -> None:
    def draw(state: StepState, study: int = 3, purpose: str = "") -> float:
        one = float(state.random(study, purpose).random())
        assert one == float(state.random(study, purpose).random())
        assert math.isfinite(float(torch.rand((), generator=state.generator(study, purpose))))
        return one

    same = {draw(replace(STATE, rank=1, world=2)), draw(replace(STATE, num_studies=4)), draw(STATE)}
    assert len(same) == 1
    others = [
        replace(STATE, seed=1),
        replace(STATE, epoch=1),
        replace(STATE, index=1),
        replace(STATE, split="validation"),
    ]
    different = {draw(STATE, 4), draw(STATE, 3, "names"), *map(draw, others)}
    assert len(different | same) == 7
