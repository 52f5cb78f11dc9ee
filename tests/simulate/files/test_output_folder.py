"""Whose folder it is, and workers that fail."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from prima.errors import PrimaError, UsageError
from prima.simulate.files.output_folder import claim
from prima.simulate.plan.plan import make_plan
from prima.simulate.plan.plan_file import read_plan
from prima.simulate.workers import carry_out

PLAN = make_plan(num_studies=2, seed=3)
MAKING = {"spacing_mm": 2.0, "writers": "dev", "negatives": 0}


def test_a_folder_is_taken_once_and_known_again(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    claim(out, PLAN, MAKING)
    before = (out / "plan.json").read_bytes()
    claim(out, PLAN, MAKING)
    assert (out / "plan.json").read_bytes() == before
    assert read_plan(out / "plan.json") == PLAN


def test_a_plan_that_was_begun_otherwise_is_refused_in_words(tmp_path: Path) -> None:
    claim(tmp_path, PLAN, MAKING)
    with pytest.raises(UsageError, match=r"begun with spacing_mm 2.0, .* and spacing_mm 1.0, .* is asked for"):
        claim(tmp_path, PLAN, MAKING | {"spacing_mm": 1.0})
    with pytest.raises(UsageError, match="something else"):
        claim(tmp_path, make_plan(num_studies=3, seed=3), MAKING)


@pytest.mark.parametrize("name", ["notes.txt", ".hidden", "plan.json"])
@pytest.mark.parametrize("content", [b"mine", b"[1]", b"{}", b"\xff\xfe"])
def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match="expected an empty folder"):
        claim(tmp_path, PLAN, MAKING)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [(name, content)]


def test_what_is_no_folder_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(UsageError, match="cannot be used"):
            claim(out, PLAN, MAKING)


def test_a_plan_that_was_cut_off_while_it_was_written_is_written_again(tmp_path: Path) -> None:
    (tmp_path / ".plan.json.00000000-1-00000000.unfinished").mkdir()
    os.utime(tmp_path / ".plan.json.00000000-1-00000000.unfinished", (1e9, 1e9))
    claim(tmp_path, PLAN, MAKING)
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]


def test_the_first_job_that_fails_stops_the_rest(tmp_path: Path) -> None:
    jobs = [partial(os.mkdir, tmp_path / name) for name in ("a", "a", "b")]
    with pytest.raises(FileExistsError):
        list(carry_out(jobs, workers=1))
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_worker_that_the_system_ends_is_one_line() -> None:
    with pytest.raises(PrimaError, match="fewer --workers"):
        list(carry_out([partial(os._exit, 9)] * 2, workers=2))
