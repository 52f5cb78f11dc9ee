"""`prima embed` on the command line, and its predictions table against that of `prima predict`."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from prima.archive.store.layout import Archive
from prima.archive.store.tables import append
from prima.cli.main import run
from prima.model.release.untrained import TINY_SIZES, write_untrained_release
from prima.simulate.phantom.write import write_phantom_study

FLOAT32 = ["--dtype", "float32", "--device", "cpu"]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_untrained_release(tmp_path_factory.mktemp("release") / "tiny", TINY_SIZES, name="tiny", seed=1)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One phantom study of one series in a cohort."""
    top = tmp_path_factory.mktemp("site")
    write_phantom_study(top / "export", seed=1)
    folder = top / "archive"
    assert run(["ingest", str(top / "export" / "series_06"), str(folder)]) == 0
    (study,) = Archive.open(folder).study_uids()
    row: dict[str, Any] = {
        "report_id": "R1", "study_uid": study, "accession": "A1", "patient_id": "PHANTOM-1", "report_status": "final",
        "filed_at": datetime(2024, 6, 1), "text": "IMPRESSION: Normal.", "source": "test",
    }  # fmt: skip
    append(Archive.open(folder), "reports", [row])
    assert run(["curate", str(folder), "--test-from", "2026-01-01", "--min-series", "1"]) == 0
    return folder


def test_embed_and_its_table(archive: Path, release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = [str(archive), "--release", str(release), *FLOAT32]
    assert run(["embed", *given]) == 3
    assert "run prima tokenize" in capsys.readouterr().err
    assert run(["tokenize", *given]) == 0
    capsys.readouterr()
    table = tmp_path / "embedded.parquet"
    assert run(["embed", *given, "--table", str(table), "--out", str(tmp_path / "tables"), "--json"]) == 0
    printed = capsys.readouterr()
    told = json.loads(printed.out)
    assert (told["embedded"], told["left_out"], told["trained"]) == (1, 0, False)
    assert "table: 1 rows in" in printed.err
    assert pl.read_parquet(told["studies"]).height == pl.read_parquet(told["series"]).height == 1
    export = str(archive.parent / "export" / "series_06")
    predicted = tmp_path / "predicted.parquet"
    options = ["--release", str(release), "--out", str(tmp_path / "out"), "--table", str(predicted), *FLOAT32]
    assert run(["predict", export, *options]) == 0
    (first,), (second,) = pl.read_parquet(table).to_dicts(), pl.read_parquet(predicted).to_dicts()
    assert list(first) == list(second)
    assert second.pop("seconds") > 0
    assert first.pop("seconds") is None
    assert (first.pop("input"), second.pop("input")) == (None, export)
    assert {name: value for name, value in first.items() if not isinstance(value, float)} == {
        name: value for name, value in second.items() if not isinstance(value, float)
    }
    numbers = {name: value for name, value in first.items() if isinstance(value, float)}
    assert len(numbers) > 52
    assert numbers == pytest.approx({name: second[name] for name in numbers}, abs=1e-5)
