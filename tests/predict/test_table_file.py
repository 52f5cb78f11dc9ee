"""The predictions table: nothing lost, nothing half written, nothing in it that names a patient."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pyarrow import parquet

from prima.cli.main import run
from prima.errors import MissingDependencyError, ReleaseError, UsageError
from prima.model.engine.engine import Engine
from prima.model.release.folder import Release, load_release, packaged_release
from prima.model.release.manifest import HeadRecord
from prima.model.release.untrained import TINY_SIZES, write_untrained_release
from prima.predict.run import Outcome
from prima.predict.table_columns import FIXED, columns_of, row_of, urgency
from prima.predict.table_file import SPOOL_SUFFIX, PredictionTable
from prima.simulate.phantom.write import write_phantom_study
from prima.study import Findings, Priority
from prima.study.ontology import DIAGNOSIS_NAMES, SERVICES
from prima.tables.columns import referral_column

MODE = "image+names+indication"
PATH = Path("/data/DOE_JOHN")


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A release with the heads of the ontology."""
    folder = tmp_path_factory.mktemp("release") / "tiny"
    return load_release(write_untrained_release(folder, TINY_SIZES, name="tiny", seed=1))


@pytest.fixture
def findings(examples: Any) -> Findings:
    """Findings with heads of the release alone."""
    made: Findings = replace(examples.calibrated_findings(), input=str(PATH))
    known = {service.name for service in SERVICES}
    return replace(made, referrals=tuple(finding for finding in made.referrals if finding.name in known))


def outcomes(findings: Findings, examples: Any) -> Iterator[Outcome]:
    refused = replace(examples.refused_findings(), study_uid="1.2.3", input=str(PATH))
    yield Outcome(status="done", where=PATH, findings=findings, study_uid=findings.study_uid)
    unanswered = replace(examples.unanswered_findings(), study_uid="1.2.2", input=str(PATH))
    yield Outcome(status="unanswered", where=PATH, findings=unanswered, message=unanswered.reason, study_uid="1.2.2")
    yield Outcome(status="refused", where=PATH, findings=refused, message=refused.reason, study_uid="1.2.3")
    yield Outcome(status="failed", where=PATH, message=f"{PATH}: cannot be read: not found")
    yield Outcome(status="failed", where=PATH, message="broken", study_uid="1.2.4")


def table(path: Path, release: Release, **settings: Any) -> PredictionTable:
    return PredictionTable(path, release, MODE, settings)


def test_one_row_for_each_study_and_each_input_that_gave_none(findings, examples, release, tmp_path) -> None:
    path = tmp_path / "new" / "p.parquet"
    with table(path, release) as rows:
        for outcome in outcomes(findings, examples):
            rows.add(outcome)
        assert not path.exists()
    found = pl.read_parquet(path)
    assert found.columns == list(columns_of(release.manifest))
    assert found["status"].to_list() == ["done", "unanswered", "refused", "failed", "failed"]
    assert found["study_uid"].to_list() == [findings.study_uid, "1.2.2", "1.2.3", None, "1.2.4"]
    assert found["reason"].to_list()[1:] == [
        "unlike the studies this release has seen: no findings are given",
        "no series of the study can be used", "the input: cannot be read: not found", "broken",
    ]  # fmt: skip
    assert [path.name for path in path.parent.iterdir()] == ["p.parquet"]
    assert found["input"].to_list() == [str(PATH)] * 5
    assert not [name for name, column in found.to_dict().items() if name != "input" and "DOE" in str(column.to_list())]
    assert found.row(1, named=True)["familiarity"] > found.row(1, named=True)["familiarity_limit"]
    assert findings.description.encode() not in path.read_bytes()


def test_the_row_says_what_the_findings_say(findings, examples, release, tmp_path) -> None:
    with table(tmp_path / "p.parquet", release) as rows:
        rows.add(next(outcomes(findings, examples)))
    (row,) = pl.read_parquet(tmp_path / "p.parquet").to_dicts()
    assert len(findings.diagnoses) == len(DIAGNOSIS_NAMES)
    named = [(finding.name, finding) for finding in findings.diagnoses]
    named += [(referral_column(finding.name), finding) for finding in findings.referrals]
    assert len(named) > len(DIAGNOSIS_NAMES)
    for name, finding in named:
        assert row[name] == finding.probability
        assert row[f"{name}__logit"] == finding.logit
        assert (row[f"{name}__low"], row[f"{name}__high"]) == finding.interval
        assert row[f"{name}__present"] is finding.present
    assert row["tumor_adult_lymphoma__present"] is None
    assert row["referral_neuro_oncology"] == pytest.approx(1 / (1 + math.exp(-1.4)))
    assert [row[f"priority_{level}"] for level in ("none", "low", "medium", "high")] == [0.04, 0.11, 0.23, 0.62]
    assert row["priority"] == "high"
    assert row["priority_score"] == pytest.approx((0.11 + 2 * 0.23 + 3 * 0.62) / 3)
    used = [entry for entry in findings.series if entry.status == "used"]
    assert (row["num_series_used"], row["num_series_excluded"]) == (len(used), len(findings.series) - len(used))
    assert row["seconds"] == 6.93
    assert (row["release"], row["release_sha256"]) == (findings.release.name, findings.release.sha256)


def test_without_calibration_there_is_no_probability_and_the_urgency_comes_from_logits(examples) -> None:
    row = row_of(examples.untrained_findings())
    assert all(row[name] is None and row[f"{name}__low"] is None for name in DIAGNOSIS_NAMES)
    assert row["priority_high"] is None
    shares = [math.exp(value) for value in (-0.2, 0.31, 0.74, -1.1)]
    assert row["priority_score"] == pytest.approx(sum(n * share for n, share in enumerate(shares)) / 3 / sum(shares))


def test_urgency_grows_with_the_level() -> None:
    levels = ["none", "low", "medium", "high"]
    sure = [
        urgency(Priority(level=one, logits={}, probabilities={k: float(k == one) for k in levels})) for one in levels
    ]
    assert sure == [0, pytest.approx(1 / 3), pytest.approx(2 / 3), 1]


def test_an_interrupted_call_is_resumed(findings, examples, release, tmp_path) -> None:
    path = tmp_path / "p.parquet"
    given = list(outcomes(findings, examples))
    with pytest.raises(KeyboardInterrupt), table(path, release) as rows:
        for outcome in given:
            rows.add(outcome)
        raise KeyboardInterrupt
    assert not path.exists()
    with (tmp_path / f"p.parquet{SPOOL_SUFFIX}").open("ab") as spool:
        spool.write(b'{"study_uid": "1.2.5", "sta')  # the power went while a line was written
    with table(path, release) as rows:
        assert rows.done == {findings.study_uid, "1.2.2", "1.2.3"}
        assert rows.counts == {"done": 1, "unanswered": 1, "refused": 1}
        rows.add(replace(given[0], findings=replace(findings, study_uid="1.2.4"), study_uid="1.2.4"))
    found = pl.read_parquet(path)
    assert found["study_uid"].to_list() == [findings.study_uid, "1.2.2", "1.2.3", "1.2.4"]
    assert found["status"].to_list() == ["done", "unanswered", "refused", "done"]


def test_other_options_are_another_table(findings, examples, release, tmp_path) -> None:
    path = tmp_path / "p.parquet"
    with pytest.raises(ZeroDivisionError), table(path, release, dtype="float32"):
        raise ZeroDivisionError
    with pytest.raises(UsageError, match=r"found rows of another release or other options in p\.parquet\.rows"):
        table(path, release, dtype="bfloat16")
    with table(path, release, dtype="float32"):
        pass
    assert pl.read_parquet(path).height == 0


def test_two_processes_do_not_fill_one_table(release, tmp_path) -> None:
    with table(tmp_path / "p.parquet", release), pytest.raises(UsageError, match="another process fills it"):
        table(tmp_path / "p.parquet", release)


def test_a_place_that_cannot_be_written_is_said_before_the_work(release, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="choose another place"):
        table(tmp_path / "file" / "p.parquet", release)
    with pytest.raises(UsageError, match="found a folder"):
        table(tmp_path, release)


def test_a_full_disk_at_the_end_keeps_the_rows(findings, examples, release, tmp_path, monkeypatch) -> None:
    path = tmp_path / "p.parquet"

    class Full(parquet.ParquetWriter):
        def write_table(self, *arguments: Any, **options: Any) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(parquet, "ParquetWriter", Full)
    with pytest.raises(UsageError, match="No space left on device"), table(path, release) as rows:
        rows.add(next(outcomes(findings, examples)))
    assert [path.name for path in tmp_path.iterdir()] == [f"p.parquet{SPOOL_SUFFIX}"]
    monkeypatch.undo()
    with table(path, release) as rows:
        assert rows.done == {findings.study_uid}
    assert pl.read_parquet(path).height == 1


def test_without_pyarrow_it_is_one_line(release, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'openprima\[archive\]'"):
        table(tmp_path / "p.parquet", release)
    assert not list(tmp_path.iterdir())


def test_heads_that_would_share_a_column_are_named(release) -> None:
    for name in FIXED:
        with pytest.raises(ReleaseError, match=f"two heads for the column '{name}"):
            columns_of(replace(release.manifest, diagnoses=(HeadRecord(name=name, mlp=0, column=0, offset=0.0),)))


def test_a_name_in_csv_gives_csv_with_the_same_values(findings, examples, release, tmp_path) -> None:
    for name in ("p.csv", "p.parquet"):
        with table(tmp_path / name, release) as rows:
            for outcome in outcomes(findings, examples):
                rows.add(outcome)
    found, expected = pl.read_csv(tmp_path / "p.csv"), pl.read_parquet(tmp_path / "p.parquet")
    assert found.columns == expected.columns
    assert found["study_uid"].to_list() == expected["study_uid"].to_list()
    assert found["status"].to_list() == expected["status"].to_list()
    name = DIAGNOSIS_NAMES[0]
    assert found[f"{name}__logit"].to_list() == expected[f"{name}__logit"].to_list()


def test_another_ending_is_refused_before_the_work(release, tmp_path) -> None:
    with pytest.raises(UsageError, match=r"expected a name that ends in \.parquet or \.csv"):
        table(tmp_path / "p.xlsx", release)


def test_the_verb_fills_it_and_resumes(tmp_path, monkeypatch, capsys) -> None:
    for seed in (1, 2):
        write_phantom_study(tmp_path / f"study{seed}", seed=seed)
    studies = [str(tmp_path / f"study{seed}" / "series_06") for seed in (1, 2)]
    out = tmp_path / "p.parquet"
    call = [
        "predict",
        "--scores-anyway",
        *studies,
        str(tmp_path / "absent"),
        "--out",
        str(tmp_path / "out"),
        "--table",
        str(out),
    ]
    answered: list[str] = []
    outputs = Engine.outputs

    def break_off(self: Engine, *arguments: Any, **options: Any) -> Any:
        if len(answered) == 1:
            answered.append("interrupted")
            raise KeyboardInterrupt
        answered.append("done")
        return outputs(self, *arguments, **options)

    monkeypatch.setattr(Engine, "outputs", break_off)
    assert run([*call, "--json"]) == 130
    assert not out.exists()
    assert run(call) == 1
    assert answered == ["done", "interrupted", "done"]
    assert "table: 3 rows in" in capsys.readouterr().err
    found = pl.read_parquet(out)
    assert found["status"].to_list() == ["done", "done", "failed"]
    assert found["release"].unique().to_list() == [load_release(packaged_release()).manifest.name]
