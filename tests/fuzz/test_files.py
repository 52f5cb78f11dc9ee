"""Damaged files through every reader; `benchmarks/fuzz_files.py` runs as many as one likes."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from prima.cli.main import run
from prima.errors import UnreadableError
from prima.tables import read

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


def test_a_table_whose_reader_panics_ends_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Polars raises a BaseException then, as it did on a damaged parquet file; here it is raised in its place."""
    path = tmp_path / "table.parquet"
    pl.DataFrame({"study_uid": ["1.2"], "structural_edema": [True]}).write_parquet(path)

    def panics(*_: object, **__: object) -> None:
        raise pl.exceptions.PanicException("its reader gave up")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pl, "read_parquet", panics)
        with pytest.raises(UnreadableError, match="not a readable parquet table"):
            read.read_table(path)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("typer.main.get_command", panics)
        assert run(["--version"]) == 3
    assert "a table is damaged" in capsys.readouterr().err
