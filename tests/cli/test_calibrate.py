"""`prima calibrate`: from two tables to a release with probabilities, and what it says when they do not fit."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from prima.archive.store.layout import Archive
from prima.archive.store.tables import append
from prima.cli import main as cli
from prima.errors import UsageError
from prima.model.release.folder import load_release, packaged_release
from prima.model.release.untrained import TINY_SIZES, write_untrained_release
from prima.simulate.phantom.write import write_phantom_study
from prima.study.ontology import DIAGNOSIS_NAMES, LEVELS, SERVICES
from prima.workflow.calibrate import tables_of_archive, what_to_calibrate

NUM = 150
REFERRALS = tuple(f"referral_{service.name}" for service in SERVICES)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_untrained_release(tmp_path_factory.mktemp("release") / "plain", TINY_SIZES, name="plain")


@pytest.fixture
def tables(tmp_path: Path, release: Path) -> tuple[Path, Path]:
    """Predictions in another order than the truth, three of them refused, and a study that is in one table only."""
    random = np.random.default_rng(1)
    truth = {name: random.random(NUM) < 0.2 for name in (*DIAGNOSIS_NAMES, *REFERRALS)}
    level = random.integers(0, 4, NUM)
    uids = [f"1.2.{number}" for number in range(NUM)]
    labels = pl.DataFrame(
        {"study_uid": uids, "patient": [f"p{number // 2}" for number in range(NUM)], **truth}
    ).with_columns(priority=pl.Series([LEVELS[one] for one in level]))
    logits = {f"{name}__logit": 2.0 * present + random.standard_normal(NUM) for name, present in truth.items()}
    logits |= {f"priority_{name}__logit": (level == n) + random.standard_normal(NUM) for n, name in enumerate(LEVELS)}
    status = ["refused" if number < 3 else "done" for number in range(NUM)]
    said = pl.DataFrame({"study_uid": uids, "status": status, **logits}).with_columns(
        release_sha256=pl.lit(load_release(release).sha256)
    )
    said = pl.concat([said[::-1], said[:1].with_columns(study_uid=pl.lit("9.9"), status=pl.lit("done"))])
    labels.write_csv(tmp_path / "labels.csv")
    said.write_parquet(tmp_path / "predictions.parquet")
    return tmp_path / "labels.csv", tmp_path / "predictions.parquet"


def calibrate(*arguments: object) -> int:
    return cli.run(["calibrate", *map(str, arguments)])


def test_two_tables_to_a_calibrated_release(
    release: Path, tables: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new"
    assert calibrate(release, *tables, "--out", out, "--target", "alerts=0.1", "--json") == 0
    output = capsys.readouterr()
    values = json.loads(output.out)
    assert (values["num_studies"], values["num_patients"], values["calibrated"]) == (NUM - 3, 74, True)
    assert len(values["heads"]) == 52 + len(REFERRALS)
    assert all(head["alerts"] <= 0.1 for head in values["heads"].values())
    assert "4 of 151 predicted studies have no label or no prediction" in output.err
    manifest = load_release(out, verify=True).manifest
    assert manifest.calibrated and manifest.name == "new"
    assert manifest.priority is not None and manifest.priority.calibration is not None
    assert manifest.priority.calibration.slope > 0.5
    (labels, predictions) = tables
    assert calibrate(out, labels, predictions, "--out", tmp_path / "again") == 0, (
        "the logits are those of the new one too"
    )


def test_a_label_that_is_missing_is_named_and_the_status_is_1(
    release: Path, tables: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels, predictions = tables
    pl.read_csv(labels).drop(DIAGNOSIS_NAMES[7], "priority", "patient").write_csv(labels)
    assert calibrate(release, labels, predictions, "--out", tmp_path / "new") == 1
    output = capsys.readouterr()
    assert f"not calibrated, no label: {DIAGNOSIS_NAMES[7]}, priority" in output.err
    assert "no column patient in either table" in output.err
    assert f"release written: {tmp_path / 'new'}" in output.out
    assert not load_release(tmp_path / "new").manifest.calibrated
    assert calibrate(release, labels, predictions, "--out", tmp_path / "less", "--drop-uncalibrated") == 1
    assert load_release(tmp_path / "less").manifest.calibrated


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ("target", 2, "found 'often', expected sensitivity=0.9"),
        ("other release", 2, "found predictions of release ffffffffffff…"),
        ("no study", 2, "none of its 151 studies is done and in"),
        ("not a label", 2, "expected true, false or nothing"),
        ("no table", 3, "no such file"),
        ("no logits", 2, "found no logit of a head of the release"),
        ("no archive", 3, "found no archive.json"),
    ],
)
def test_what_does_not_fit_is_one_line(
    release: Path,
    tables: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: str,
    status: int,
    message: str,
) -> None:
    labels, predictions = tables
    said = pl.read_parquet(predictions)
    if change == "other release":
        said.with_columns(release_sha256=pl.lit("f" * 64)).write_parquet(predictions)
    elif change == "no study":
        pl.read_csv(labels).with_columns(study_uid="7." + pl.col("study_uid")).write_csv(labels)
    elif change == "not a label":
        pl.read_csv(labels).with_columns(pl.lit(0.5).alias(DIAGNOSIS_NAMES[0])).write_csv(labels)
    elif change == "no table":
        labels.unlink()
    elif change == "no logits":
        said.select("study_uid", "status").write_parquet(predictions)
    arguments: list[object] = [release, labels, predictions]
    if change == "no archive":
        arguments = [release, tmp_path]
    target = "often" if change == "target" else "ppv=0.5"
    assert calibrate(*arguments, "--out", tmp_path / "new", "--target", target) == status
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("prima: ") and output.err.count("\n") == 1 and message in output.err
    assert not (tmp_path / "new").exists()


def test_the_validation_side_of_an_archive(release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_phantom_study(tmp_path / "export", seed=1)
    archive, out = tmp_path / "archive", tmp_path / "new"
    tokens = ["--release", str(release), "--dtype", "float32", "--device", "cpu"]
    assert cli.run(["ingest", str(tmp_path / "export" / "series_06"), str(archive)]) == 0
    opened = Archive.open(archive)
    (study,) = opened.study_uids()
    report = {
        "report_id": "R1", "study_uid": study, "accession": "A1", "patient_id": "PHANTOM-1", "report_status": "final",
        "filed_at": datetime(2024, 6, 1), "text": "IMPRESSION: Meningioma.", "source": "test",
    }  # fmt: skip
    append(opened, "reports", [report])
    assert (
        cli.run(["curate", str(archive), "--test-from", "2026-01-01", "--validation", "0.999", "--min-series", "1"])
        == 0
    )
    assert calibrate(release, archive, "--out", out) == 2
    assert "run prima label" in capsys.readouterr().err
    assert cli.run(["label", str(archive)]) == 0
    assert calibrate(release, archive, "--out", out, *tokens[2:]) == 3
    assert "run prima tokenize" in capsys.readouterr().err
    assert cli.run(["tokenize", str(archive), *tokens]) == 0
    capsys.readouterr()
    found = tables_of_archive(load_release(release), archive, dtype="float32", device="cpu")
    assert (len(found.labels), found.labels.patients, found.notes) == (1, ("PHANTOM-1",), ())
    column = found.labels.diagnosis_names.index("tumor_adult_meningioma")
    assert found.labels.diagnoses[0, column] == 1 and np.isfinite(found.logits.diagnoses).all()
    assert calibrate(release, archive, "--out", out, *tokens[2:]) == 2, "nothing is calibrated on one study"
    assert "found 1 labelled study, at most 0 with and without a finding, expected 5" in capsys.readouterr().err
    assert not out.exists()


def test_wrong_usage_is_status_2(release: Path, tables: tuple[Path, Path]) -> None:
    assert calibrate() == 2
    assert what_to_calibrate([Path("a.csv"), Path("b.csv")]) == (packaged_release(), Path("a.csv"), Path("b.csv"))
    assert what_to_calibrate([release, Path("archive")]) == (release, Path("archive"), None)
    with pytest.raises(UsageError, match=r"nowhere: found no release\.json"):
        what_to_calibrate([Path("nowhere"), Path("a.csv"), Path("b.csv")])
    with pytest.raises(UsageError, match="found 4 paths"):
        what_to_calibrate([release, *[Path("a.csv")] * 3])
    assert calibrate(release, *tables) == 2, "--out is needed"
