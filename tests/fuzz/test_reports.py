"""Damaged reports through every carrier and the labeller; `benchmarks/fuzz_reports.py` runs as many as one likes."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "fuzz_reports.py"
MUTANTS = 1500
MEGABYTES = 512


@pytest.fixture(scope="module")
def fuzzing() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz_reports", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fuzz_reports"] = module
    spec.loader.exec_module(module)
    return module


def resident_mb() -> float:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1024**2


def test_damaged_reports_end_as_reports_or_problems(fuzzing: ModuleType) -> None:
    before = resident_mb()
    result = fuzzing.fuzz(MUTANTS, seed=7)
    assert result.failures == []
    assert result.outcomes["mutants"] == MUTANTS
    assert result.outcomes["reports"] > MUTANTS // 4
    assert result.outcomes["problems"] > MUTANTS // 10
    assert result.slowest_s < fuzzing.SECONDS
    assert resident_mb() - before < MEGABYTES


def test_the_same_seed_makes_the_same_mutants(fuzzing: ModuleType) -> None:
    assert list(fuzzing.mutants(20, 3)) == list(fuzzing.mutants(20, 3))
    assert list(fuzzing.mutants(20, 3)) != list(fuzzing.mutants(20, 4))
