"""The journal of a run, and where else its numbers go."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import pytest

from prima.errors import MissingDependencyError, TrainingError
from prima.train.engine.journal import Journal, open_mirror, read_journal


def test_lines_after_the_checkpoint_are_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "run" / "journal.jsonl"
    with Journal(path, last_step=0) as journal:
        journal.write("start", 0, device="cpu")
        for step in range(1, 6):
            journal.write("step", step, loss=1 / step)
            if step % 2 == 0:
                journal.write("measure", step, values={"loss": 1.0})
    path.write_bytes(path.read_bytes() + b'{"kind": "step", "st')  # the process ended in the middle of a line
    with Journal(path, last_step=4) as journal:
        journal.write("start", 4, device="cpu")
        journal.write("step", 5, loss=0.25)
    assert [line["step"] for line in read_journal(path)] == [1, 2, 3, 4, 5]
    assert [line["step"] for line in read_journal(path, "measure")] == [2, 4]
    assert [line["step"] for line in read_journal(path, "start")] == [0, 4]
    assert read_journal(path)[-1]["loss"] == 0.25


def test_a_number_that_is_not_finite_is_no_json(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.jsonl", last_step=0) as journal, pytest.raises(ValueError, match="not JSON"):
        journal.write("step", 1, loss=float("nan"))


def test_a_full_disk_is_named_and_the_line_cut_off_later(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Journal(path, last_step=0) as journal:
        journal.write("step", 1, loss=1.0)
        try:  # as on a full disk: a part of the line fits
            resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 9, before[1]))
            with pytest.raises(TrainingError, match=r"journal\.jsonl: no line written"):
                journal.write("step", 2, loss=1.0)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not path.read_bytes().endswith(b"\n")
    with Journal(path, last_step=2):
        assert [line["step"] for line in read_journal(path)] == [1]


def test_a_rank_without_a_file_writes_nothing() -> None:
    with Journal(None, last_step=0) as journal:
        journal.write("step", 1, loss=1.0)
        journal.sync()


@pytest.mark.parametrize(
    ("kind", "module", "remedy"),
    [("tensorboard", "torch.utils.tensorboard", "pip install tensorboard"), ("wandb", "wandb", "pip install wandb")],
)
def test_a_missing_package_is_named_with_its_install_line(
    kind: str, module: str, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependencyError, match=remedy):
        open_mirror(kind, tmp_path)  # type: ignore[arg-type]
