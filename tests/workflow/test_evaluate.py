"""Predictions against an archive: the cohort's studies, what reports leave open, and what is not there yet."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from prima.archive.store.layout import Archive
from prima.archive.store.tables import append
from prima.cli.main import run
from prima.errors import UsageError
from prima.study.ontology import DIAGNOSIS_NAMES
from prima.workflow.evaluate import evaluate_on, labels_of_archive

NUM = 40
FIRST, SECOND = DIAGNOSIS_NAMES[:2]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Labels of 40 studies of 20 patients; the last is not in the cohort, the first report leaves SECOND open."""
    archive = Archive.open_or_make(tmp_path / "archive")
    uids = [f"1.2.{index}" for index in range(NUM)]
    rows = [
        {"study_uid": uid, "patient_id": f"P{index // 2}", "study_date": date(2024, 1, 1), "model": "ab"[index % 2]}
        for index, uid in enumerate(uids)
    ]
    append(archive, "studies", rows)
    (archive.root / "labels").mkdir()
    labels = {FIRST: [index % 4 == 0 for index in range(NUM)], SECOND: [index % 5 == 0 for index in range(NUM)]}
    pl.DataFrame({"study_uid": uids, "report_id": uids, "priority": ["low"] * NUM, **labels}).write_parquet(
        archive.root / "labels" / "studies.parquet"
    )
    pl.DataFrame(
        {"study_uid": uids[:2], "diagnosis": [SECOND, FIRST], "assertion": ["uncertain", "absent"]}
    ).write_parquet(archive.root / "labels" / "labels.parquet")
    archive.cohort.mkdir(exist_ok=True)
    split = ["test" if index % 2 else "train" for index in range(NUM - 1)] + [None]
    pl.DataFrame({"study_uid": uids, "split": split}).write_parquet(archive.cohort / "cohort.parquet")
    scores = np.random.default_rng(0).random((2, NUM))
    named = {name: scores[row] for row, name in enumerate((FIRST, SECOND))}
    pl.DataFrame({"study_uid": uids, "release": ["x"] * NUM, **named}).write_csv(tmp_path / "predictions.csv")
    return archive.root


def test_the_cohort_is_the_truth_and_what_is_open_is_empty(archive: Path) -> None:
    truth = labels_of_archive(archive)
    assert truth["study_uid"].to_list() == [f"1.2.{index}" for index in range(NUM - 1)]
    assert truth[SECOND].to_list()[:6] == [None, False, False, False, False, True]
    assert truth[FIRST].to_list()[:5] == [True, False, False, False, True]
    assert truth["patient"].to_list()[:3] == ["P0", "P0", "P1"]
    assert labels_of_archive(archive, ("test",)).height == NUM // 2 - 1


def test_an_archive_gives_what_its_table_gives(archive: Path, tmp_path: Path) -> None:
    labels_of_archive(archive).write_parquet(tmp_path / "truth.parquet")
    options = {"replicates": 100, "by": ("model",)}
    by_archive = evaluate_on(tmp_path / "predictions.csv", archive, **options)
    by_table = evaluate_on(tmp_path / "predictions.csv", tmp_path / "truth.parquet", **options)
    assert json.dumps(by_archive.to_dict()) == json.dumps(by_table.to_dict())
    assert by_archive.account is not None and by_archive.account.no_truth == (f"1.2.{NUM - 1}",)


def test_the_verb_takes_an_archive(archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", str(tmp_path / "predictions.csv"), "--truth", str(archive), "--replicates", "100"]
    assert run(words) == 1  # a prediction has no truth
    assert "Evaluation of x" in capsys.readouterr().out
    (archive / "labels" / "studies.parquet").unlink()
    assert run(words) == 2
    assert f"{archive}: found no labels, expected some; run prima label" in capsys.readouterr().err


def test_errors_name_the_archive_and_not_a_table_of_ours(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        evaluate_on(tmp_path / "predictions.csv", archive, by=("no_such_column",))
    assert str(archive) in str(error.value) or "no_such_column" in str(error.value)
    assert "labels.parquet" not in str(error.value)
    with pytest.raises(UsageError, match="--split belongs to --truth ARCHIVE"):
        evaluate_on(tmp_path / "predictions.csv", tmp_path / "predictions.csv", splits=("test",))
