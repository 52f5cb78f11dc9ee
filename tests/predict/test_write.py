import json
from dataclasses import replace
from importlib.resources import files

import jsonschema
import pytest

from prima.errors import PrimaError, UsageError
from prima.predict.write import check_writable, write_study_results
from prima.study import Findings, read_findings

SCHEMA = json.loads(files("prima.study").joinpath("findings.schema.json").read_text("utf-8"))


@pytest.mark.parametrize(
    "name", ["explained_findings", "untrained_findings", "unanswered_findings", "refused_findings"]
)
def test_both_files_and_the_schema(examples, tmp_path, name):
    findings: Findings = getattr(examples, name)()
    folder = write_study_results(findings, {}, tmp_path / "out")
    assert folder == tmp_path / "out" / findings.study_uid
    assert sorted(path.name for path in folder.iterdir()) == ["findings.json", "report.html"]
    values = json.loads((folder / "findings.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(SCHEMA).validate(values)
    assert read_findings(folder / "findings.json") == findings
    assert values["study"]["num_series_used"] + values["study"]["num_series_excluded"] == len(findings.series)
    assert "<!DOCTYPE html>" in (folder / "report.html").read_text("utf-8")


def test_writing_again_replaces(examples, tmp_path):
    findings = examples.refused_findings()
    write_study_results(replace(findings, description="before"), {}, tmp_path)
    folder = write_study_results(replace(findings, description="after"), {}, tmp_path)
    assert json.loads((folder / "findings.json").read_text("utf-8"))["study"]["description"] == "after"
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("uid", ["", "..", ".", "../1", "1..2", "1.2.", "a", "1/2", "1\n", "1" * 65, "1.2\x00", "²"])
def test_a_uid_that_is_none_writes_nothing(examples, tmp_path, uid):
    with pytest.raises(PrimaError, match="study UID"):
        write_study_results(replace(examples.refused_findings(), study_uid=uid), {}, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_number_that_is_not_finite_writes_nothing(examples, tmp_path):
    findings = examples.calibrated_findings()
    bad = replace(findings, diagnoses=(replace(findings.diagnoses[0], logit=float("nan")),))
    with pytest.raises(PrimaError, match="not finite"):
        write_study_results(bad, {}, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_text_of_any_alphabet_and_broken_text(examples, tmp_path):
    findings = replace(examples.refused_findings(), description="脳MRI \udcff Schädel")
    folder = write_study_results(findings, {}, tmp_path)
    assert json.loads((folder / "findings.json").read_text("utf-8"))["study"]["description"] == "脳MRI ? Schädel"
    assert "脳MRI ? Schädel" in (folder / "report.html").read_text("utf-8")


def test_a_folder_that_cannot_be_written(examples, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(UsageError, match="cannot be written"):
        write_study_results(examples.refused_findings(), {}, tmp_path / "out")


def test_an_interrupted_write_leaves_the_earlier_result(examples, tmp_path, monkeypatch):
    findings = examples.refused_findings()
    folder = write_study_results(replace(findings, description="before"), {}, tmp_path)

    def full_disk(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(UsageError, match="No space left"):
        write_study_results(replace(findings, description="after"), {}, tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["findings.json", "report.html"]
    assert "before" in (folder / "report.html").read_text("utf-8")


def test_a_place_that_cannot_be_written_is_found_before_the_work(tmp_path):
    (tmp_path / "file").write_text("")
    check_writable(tmp_path / "not" / "yet" / "there")
    assert not (tmp_path / "not").exists()
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UsageError, match="found a file in the way"):
            check_writable(out)
