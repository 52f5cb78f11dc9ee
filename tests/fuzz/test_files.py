"""Damaged files through every reader; `benchmarks/fuzz_files.py` runs as many as one likes."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

MUTANTS = 320


@pytest.fixture(scope="module")
def fuzzing() -> ModuleType:
    return importlib.import_module("fuzz_files")


def test_every_kind_is_read_when_it_is_whole(fuzzing: ModuleType, tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    for kind in fuzzing.kinds(made):
        for index, (name, content) in enumerate(kind.seeds):
            place = tmp_path / kind.name / str(index)
            place.mkdir(parents=True)
            (place / name).write_bytes(content)
            assert kind.read(place / name)


@pytest.mark.filterwarnings("ignore")
def test_damaged_files_end_in_a_result_or_in_one_line(fuzzing: ModuleType) -> None:
    result = fuzzing.fuzz(MUTANTS, seed=11)
    assert result.failures == []
    assert result.outcomes.total() == MUTANTS
    assert max(result.slowest.values()) < fuzzing.SECONDS
