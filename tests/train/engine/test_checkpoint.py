"""Checkpoints: whole or absent, few, and named in a pointer that comes last."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import nn

from prima.errors import TrainingError
from prima.train.engine.checkpoint import FOLDER, POINTER_FILE, Checkpoints, Position, load_weights, read_pointer
from prima.train.engine.distributed import Workers

ALONE = Workers(rank=0, world=1, device=torch.device("cpu"))


class Tied(nn.Module):
    """Two layers that share a weight."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.words = nn.Embedding(width, width)
        self.out = nn.Linear(width, width, bias=False)
        self.out.weight = self.words.weight


def trained(width: int = 8) -> tuple[Tied, dict[str, nn.Parameter], torch.optim.Optimizer]:
    module = Tied(width)
    optimiser = torch.optim.AdamW(module.parameters())
    module.out(module.words(torch.arange(width))).square().sum().backward()
    optimiser.step()
    return module, dict(module.named_parameters()), optimiser


def save(checkpoints: Checkpoints, step: int, *, is_best: bool = False, width: int = 8) -> Path:
    return checkpoints.save(*trained(width), Position(step=step), {"name": "tiny"}, is_best=is_best)


def test_what_is_saved_is_restored(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, ALONE)
    module, parameters, optimiser = trained()
    position = Position(step=7, epoch=1, index=3, tokens=99, seconds=1.5, best=0.25, best_step=6)
    path = checkpoints.save(module, parameters, optimiser, position, {"name": "tiny"})

    other, other_parameters, other_optimiser = trained()
    recipes: list[object] = []
    assert checkpoints.restore(other, other_parameters, other_optimiser, recipes.append) == position
    assert recipes == [{"name": "tiny"}]
    assert torch.equal(other.words.weight, module.words.weight)
    assert other.out.weight is other.words.weight
    moments = [one.state[one.param_groups[0]["params"][0]] for one in (optimiser, other_optimiser)]
    assert moments[0].keys() == moments[1].keys() == {"step", "exp_avg", "exp_avg_sq"}
    assert all(torch.equal(moments[0][name], moments[1][name]) for name in moments[0])
    with safe_open(path, framework="pt") as file:
        assert json.loads(file.metadata()["state"])["recipe"] == {"name": "tiny"}
    assert path.stat().st_mode & 0o777 == 0o644


def test_the_last_two_and_the_best_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, ALONE, keep=2)
    for step in range(1, 7):
        save(checkpoints, step, is_best=step in (1, 3))
    names = sorted(path.name for path in (tmp_path / FOLDER).iterdir())
    steps = [3, 5, 6]
    assert names == [POINTER_FILE, *(f"step-{step:08d}.safetensors" for step in steps)]
    pointer = read_pointer(tmp_path / FOLDER)
    assert pointer is not None
    assert (pointer.latest, pointer.best) == ("step-00000006.safetensors", "step-00000003.safetensors")
    assert load_weights(Tied(), tmp_path).step == 3
    assert load_weights(Tied(), tmp_path, best=False).step == 6


@contextmanager
def room_for(num_bytes: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size: a write fails as on a full disk, with another number."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_the_earlier_checkpoint(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, ALONE)
    save(checkpoints, 1, width=64)
    before = {path.name: path.read_bytes() for path in (tmp_path / FOLDER).iterdir()}
    with (
        room_for(20_000),
        pytest.raises(TrainingError, match=r"^step-00000002.safetensors: no checkpoint written") as told,
    ):
        save(checkpoints, 2, width=64)
    assert "File too large" in str(told.value)
    assert "\n" not in str(told.value)
    assert {path.name: path.read_bytes() for path in (tmp_path / FOLDER).iterdir()} == before
    assert load_weights(Tied(64), tmp_path).step == 1


@pytest.mark.parametrize("broken", ["fsync", "replace", "pointer"])
def test_a_disk_that_fills_up_late_leaves_the_earlier_checkpoint(
    broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = Checkpoints(tmp_path, ALONE)
    save(checkpoints, 1)

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28))

    if broken == "pointer":
        monkeypatch.setattr("prima.train.engine.checkpoint.write_json", fail)
    elif broken == "fsync":
        monkeypatch.setattr("prima.files.durable.os.fsync", fail)
    else:
        monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(TrainingError, match="No space left on device"):
        save(checkpoints, 2)
    monkeypatch.undo()
    assert sorted(path.name for path in (tmp_path / FOLDER).iterdir()) == [POINTER_FILE, "step-00000001.safetensors"]
    assert load_weights(Tied(), tmp_path).step == 1


def test_a_crash_before_the_pointer_leaves_the_earlier_checkpoint(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, ALONE)
    save(checkpoints, 1)
    pointer = (tmp_path / FOLDER / POINTER_FILE).read_bytes()
    save(checkpoints, 2)
    (tmp_path / FOLDER / POINTER_FILE).write_bytes(pointer)
    (tmp_path / FOLDER / ".step-00000003.safetensors").write_bytes(b"half")
    assert load_weights(Tied(), tmp_path).step == 1
    save(checkpoints, 3)  # and what was left behind is cleared away
    assert sorted(path.name for path in (tmp_path / FOLDER).iterdir())[1:] == [
        "step-00000001.safetensors",
        "step-00000003.safetensors",
    ]


def test_another_network_is_refused(tmp_path: Path) -> None:
    save(Checkpoints(tmp_path, ALONE), 1)
    with pytest.raises(TrainingError, match=r"another network \(2 tensors differ, the first is out.weight\)"):
        load_weights(Tied(9), tmp_path)


def test_no_run_and_a_damaged_pointer_are_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="found no checkpoint"):
        load_weights(Tied(), tmp_path)
    save(Checkpoints(tmp_path, ALONE), 1)
    (tmp_path / FOLDER / POINTER_FILE).write_text('{"latest": "step')
    with pytest.raises(TrainingError, match="damaged pointer"):
        load_weights(Tied(), tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    save(Checkpoints(tmp_path, ALONE), 1).unlink()
    with pytest.raises(TrainingError, match=r"step-00000001.safetensors: found no whole checkpoint"):
        load_weights(Tied(), tmp_path)
