"""A run that is killed, stopped or told to end resumes as if nothing had happened: bit for bit, on the CPU."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from prima.errors import TrainingError, UsageError
from prima.train.engine.checkpoint import FOLDER, load_weights, read_pointer
from prima.train.engine.journal import read_journal
from prima.train.engine.loop import run

from .dummy_task import CONFIG, DummyTask

PROGRAM = Path(__file__).with_name("dummy_task.py")
TIMED = ("seconds", "wait", "idle", "tokens_per_second", "mfu")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def untimed(path: Path, kind: str = "step") -> list[dict[str, Any]]:
    lines = read_journal(path / "journal.jsonl", kind)
    return [{name: value for name, value in line.items() if name not in TIMED} for line in lines]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    task = DummyTask()
    load_weights(task.module, folder, best=False)
    return task.module.state_dict()


def assert_same_run(folder: Path, other: Path) -> None:
    assert untimed(folder) == untimed(other)
    assert untimed(folder, "measure") == untimed(other, "measure")
    one, two = weights(folder), weights(other)
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_killed_and_started_again_is_bit_identical(tmp_path: Path) -> None:
    run(DummyTask(), CONFIG, tmp_path / "whole")

    folder = tmp_path / "killed"
    command = [sys.executable, str(PROGRAM), str(folder), json.dumps({"task": {"stuck": 8}})]
    with subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL) as process:
        try:
            while num_steps_in(folder / "journal.jsonl") < 8:
                assert process.poll() is None
                time.sleep(0.01)
        finally:
            process.kill()
    assert process.returncode == -signal.SIGKILL
    pointer = read_pointer(folder / FOLDER)
    assert pointer is not None
    assert pointer.latest == "step-00000005.safetensors"  # three steps are lost

    outcome = run(DummyTask(), CONFIG, folder)
    assert (outcome.status, outcome.step) == ("done", 12)
    assert_same_run(folder, tmp_path / "whole")
    assert [line["step"] for line in untimed(folder, "start")] == [0, 5]


def num_steps_in(journal: Path) -> int:
    return journal.read_bytes().count(b'"kind": "step"') if journal.exists() else 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_a_signal_ends_the_run_with_a_checkpoint(number: signal.Signals, tmp_path: Path) -> None:
    run(DummyTask(), CONFIG, tmp_path / "whole")

    def send(line: Mapping[str, Any]) -> None:
        if line["step"] == 4:
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    outcome = run(DummyTask(), CONFIG, tmp_path / "told", on_step=send)
    assert (outcome.status, outcome.step, outcome.reason) == ("stopped", 5, number.name)
    assert signal.getsignal(number) is before
    assert run(DummyTask(), CONFIG, tmp_path / "told").status == "done"
    assert_same_run(tmp_path / "told", tmp_path / "whole")


def test_a_run_stops_at_its_time_and_goes_on(tmp_path: Path) -> None:
    run(DummyTask(), CONFIG, tmp_path / "whole")
    starts = 0
    while True:
        starts += 1
        outcome = run(DummyTask(), replace(CONFIG, stop_after_seconds=0.0), tmp_path / "pieces")
        if outcome.status == "done":
            break
        assert outcome.step == starts
    assert starts == CONFIG.num_steps
    assert_same_run(tmp_path / "pieces", tmp_path / "whole")


def test_a_finished_run_is_left_as_it_is(tmp_path: Path) -> None:
    first = run(DummyTask(), CONFIG, tmp_path)
    again = run(DummyTask(), CONFIG, tmp_path)
    assert (again.status, again.step, again.best) == ("done", 12, first.best)
    assert len(untimed(tmp_path)) == 12


def test_another_recipe_is_refused(tmp_path: Path) -> None:
    run(DummyTask(), CONFIG, tmp_path, recipe={"name": "tiny", "width": 6})
    with pytest.raises(UsageError, match=r"differing: engine.optimiser.learning_rate, engine.seed, task.width"):
        changed = replace(CONFIG, seed=1, optimiser=replace(CONFIG.optimiser, learning_rate=1.0))
        run(DummyTask(), changed, tmp_path, recipe={"name": "tiny", "width": 7})


def test_with_a_constant_rate_a_run_may_be_made_longer(tmp_path: Path) -> None:
    config = replace(CONFIG, optimiser=replace(CONFIG.optimiser, schedule="constant"), measure_every=None, best=None)
    run(DummyTask(), replace(config, num_steps=20), tmp_path / "whole")
    run(DummyTask(), config, tmp_path / "longer")
    assert run(DummyTask(), replace(config, num_steps=20), tmp_path / "longer").step == 20
    assert untimed(tmp_path / "longer") == untimed(tmp_path / "whole")


def test_reading_ahead_and_passes_do_not_change_the_numbers(tmp_path: Path) -> None:
    run(DummyTask(), CONFIG, tmp_path / "one")
    run(DummyTask(), replace(CONFIG, readers=3, ahead=7), tmp_path / "three")
    run(DummyTask(), replace(CONFIG, readers=0, count_flops=False), tmp_path / "none")
    assert_same_run(tmp_path / "one", tmp_path / "three")
    assert_same_run(tmp_path / "one", tmp_path / "none")


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    run(DummyTask(), CONFIG, tmp_path)
    pointer = read_pointer(tmp_path / FOLDER)
    assert pointer is not None
    path = tmp_path / FOLDER / pointer.latest
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(TrainingError, match=r"step-00000012.safetensors: found a damaged checkpoint"):
        run(DummyTask(), CONFIG, tmp_path)
