"""`prima evaluate` from tables to files, by its exit statuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from prima.cli.main import DONE, NOTHING_DONE, USAGE, run
from prima.study.ontology import DIAGNOSIS_NAMES

FAST = ("--replicates", "100")
SOME = DIAGNOSIS_NAMES[:6]


@pytest.fixture
def tables(tmp_path: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A perfect diagnosis, a worthless one, and some between; 240 studies of 120 patients."""
    n = 240
    stream = np.random.default_rng(0)
    uids = [f"1.2.{number}" for number in range(n)]
    labels = {name: stream.random(n) < 0.2 for name in SOME}
    scores = {name: np.clip(0.3 + 0.2 * labels[name] + stream.normal(0, 0.15, n), 0, 1) for name in SOME}
    scores[SOME[0]], scores[SOME[1]] = labels[SOME[0]] * 0.9, np.full(n, 0.2)
    level = stream.integers(4, size=n)
    words = [("none", "low", "medium", "high")[number] for number in level]
    told = pl.DataFrame(
        {
            "study_uid": uids,
            "release": ["demo"] * n,
            **scores,
            **{f"{name}__present": column > 0.4 for name, column in scores.items()},
            "priority": words,
            "priority_score": level / 3,
        }
    )
    facts = {"patient": [str(number // 2) for number in range(n)], "scanner": ["x", "y"] * (n // 2)}
    so = pl.DataFrame({"study_uid": uids, **facts, **labels, "priority": words})
    return told, so


@pytest.fixture
def paths(tables: tuple[pl.DataFrame, pl.DataFrame], tmp_path: Path) -> tuple[str, str]:
    told, so = tmp_path / "predictions.parquet", tmp_path / "labels.csv"
    tables[0].write_parquet(told)
    tables[1].write_csv(so)
    return str(told), str(so)


def test_a_table_for_people_and_files_for_all(
    paths: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    out = tmp_path / "out"
    words = ["evaluate", paths[0], "--truth", paths[1], "--out", str(out), "--by", "scanner", "--against", paths[0]]
    assert run([*words, *FAST]) == DONE
    shown = capsys.readouterr().out
    assert "Arachnoid cyst" in shown
    assert "1.000 [1.000, 1.000]" in shown
    assert "0.500 [0.500, 0.500]" in shown
    assert "Evaluation of demo" in shown
    assert "By scanner" in shown
    assert "6 diagnoses: no clear difference" in shown
    assert "it does not diagnose" in shown
    assert {path.suffix for path in out.iterdir()} == {".json", ".md", ".csv", ".svg"}


def test_json_is_all_there_is_on_stdout(paths: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", paths[0], "--truth", paths[1], "--json", "--only", SOME[0], *FAST]) == DONE
    found = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in found["diagnoses"]] == [SOME[0]]
    assert found["means"]["auroc"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert found["priority"]["high"]["value"] == 1.0
    assert found["resampling"]["replicates"] == 100


def test_the_same_seed_gives_the_same_bytes(paths: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    shown = []
    for seed in ("3", "3", "4"):
        assert run(["evaluate", paths[0], "--truth", paths[1], "--json", "--seed", seed, *FAST]) == DONE
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1] != shown[2]


def test_a_study_without_a_partner_is_status_1(
    tables: tuple[pl.DataFrame, pl.DataFrame], paths: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    tables[1].tail(239).write_csv(paths[1])
    assert run(["evaluate", paths[0], "--truth", paths[1], *FAST]) == 1
    shown = capsys.readouterr().out
    assert "without truth" in shown
    assert "1: 1.2.0" in shown


def test_a_missing_column_is_wrong_usage_and_writes_nothing(
    tables: tuple[pl.DataFrame, pl.DataFrame],
    paths: tuple[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tables[1].drop(SOME[2]).write_csv(paths[1])
    assert run(["evaluate", paths[0], "--truth", paths[1], "--out", str(tmp_path / "out"), *FAST]) == USAGE
    told = capsys.readouterr()
    assert told.out == ""
    assert f"missing column {SOME[2]}" in told.err
    assert told.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_empty_class_is_named_and_nothing_evaluable_is_status_3(
    tables: tuple[pl.DataFrame, pl.DataFrame], paths: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    tables[1].with_columns(pl.lit(value=False).alias(SOME[0])).write_csv(paths[1])
    assert run(["evaluate", paths[0], "--truth", paths[1], *FAST]) == DONE
    assert f"{SOME[0]} (no positive study)" in capsys.readouterr().out
    assert run(["evaluate", paths[0], "--truth", paths[1], "--only", SOME[0], *FAST]) == NOTHING_DONE
    assert "can be evaluated (no positive study)" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_status_3(paths: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "absent.parquet", "--truth", paths[1]]) == NOTHING_DONE
    assert "absent.parquet: no such file" in capsys.readouterr().err
    assert run(["evaluate", paths[0], "--truth", "absent"]) == NOTHING_DONE
    assert "--truth absent: no such file or folder; give a table of labels or" in capsys.readouterr().err
