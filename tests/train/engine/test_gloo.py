"""Two real processes (gloo, over the loopback) make the run that one makes: same losses, same weights."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from prima.train.engine.checkpoint import load_weights
from prima.train.engine.journal import read_journal
from prima.train.engine.loop import run

from .dummy_task import CONFIG as DUMMY_CONFIG
from .dummy_task import DummyTask
from .vision_task import CONFIG, VisionTask

PROGRAM = Path(__file__).with_name("vision_task.py")
WAYS = ("replicas", "continued", "contrast", "sharded", "sharded-continued")
HALF = 2


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def one_process(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("one")
    run(DummyTask(), DUMMY_CONFIG, folder / "dummy")
    run(VisionTask(), CONFIG, folder / "vision")
    return folder


class Stop(Exception):
    """Ends a run in the middle."""


def run_half(task: DummyTask | VisionTask, config: object, folder: Path) -> None:
    """Run a few steps in this process, and break off right after a checkpoint."""

    def stop(line: object) -> None:
        if line["step"] == HALF:  # type: ignore[index]
            raise Stop

    with pytest.raises(Stop):
        run(task, replace(config, checkpoint_seconds=0.0), folder, on_step=stop)  # type: ignore[type-var,arg-type]


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two")
    run_half(DummyTask(), DUMMY_CONFIG, folder / "continued")
    run_half(VisionTask(), CONFIG, folder / "sharded-continued")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", str(PROGRAM), str(folder)],
            env=os.environ | place | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        told = [process.communicate(timeout=300)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], told
    return folder


@pytest.mark.parametrize("way", WAYS)
def test_losses_and_weights_are_those_of_one_process(one_process: Path, two_processes: Path, way: str) -> None:
    dummy = way in ("replicas", "continued")
    alone = one_process / ("dummy" if dummy else "vision")
    expected, found = (read_journal(folder / "journal.jsonl") for folder in (alone, two_processes / way))
    assert [line["step"] for line in found] == [line["step"] for line in expected]
    assert [line["tokens"] for line in found] == [line["tokens"] for line in expected]
    for name in expected[0]["losses"]:
        losses = [[line["losses"][name] for line in lines] for lines in (expected, found)]
        np.testing.assert_allclose(losses[1], losses[0], rtol=0, atol=1e-5)
    norms = [[line["norm"] for line in lines] for lines in (expected, found)]
    np.testing.assert_allclose(norms[1], norms[0], rtol=1e-4)

    modules = []
    for folder in (alone, two_processes / way):
        module = (DummyTask() if dummy else VisionTask()).module
        load_weights(module, folder, best=False)
        modules.append(module)
    for (name, one), (_, other) in zip(*(module.named_parameters() for module in modules), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}")


def test_what_is_measured_is_the_same_too(one_process: Path, two_processes: Path) -> None:
    for way in ("contrast", "sharded"):
        folders = (one_process / "vision", two_processes / way)
        expected, found = (read_journal(folder / "journal.jsonl", "measure") for folder in folders)
        assert [line["step"] for line in found] == [line["step"] for line in expected] == [2, 4]
        lengths = [[line["values"]["length"] for line in lines] for lines in (expected, found)]
        np.testing.assert_allclose(lengths[1], lengths[0], rtol=1e-4)


def test_a_loss_that_is_not_finite_on_one_rank_stops_both(two_processes: Path) -> None:
    for rank in range(2):
        message = (two_processes / f"spoilt-{rank}.txt").read_text(encoding="utf-8")
        assert message.startswith("step 3 (epoch 1), rank 1: loss square is inf")
    assert [line["step"] for line in read_journal(two_processes / "spoilt" / "journal.jsonl")] == [1, 2, 3]
