"""The gate in front of a release: what is no brain is left out with its reason, or used with keep_all."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from prima.predict.run import Outcome, PredictOptions, predict_studies
from prima.simulate.negatives import make_negative, plan_negative
from prima.simulate.negatives.files import write_negative
from prima.simulate.phantom.write import write_phantom_study


@pytest.fixture(scope="module")
def orange(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One series of a fruit whose headers call it a brain."""
    plans = (plan_negative(9001, index) for index in range(3000))
    found = next(plan for plan in plans if plan.subkind == "orange" and plan.labelled == "brain")
    folder = tmp_path_factory.mktemp("orange")
    write_negative(make_negative(replace(found, roles=found.roles[:1], words=found.words[:1])), folder)
    return folder


def predicted(folder: Path, out: Path, *, keep_all: bool = False) -> Outcome:
    (outcome,) = predict_studies([folder], PredictOptions(scores_anyway=True, out=out, keep_all=keep_all))
    return outcome


def test_a_fruit_that_calls_itself_a_brain_is_refused(orange: Path, tmp_path: Path) -> None:
    outcome = predicted(orange, tmp_path)
    assert outcome.status == "refused"
    assert outcome.message is not None
    assert outcome.message.startswith("no series can be used (1 not the brain: looks like ")
    assert outcome.folder is not None
    findings = json.loads((outcome.folder / "findings.json").read_text())
    (series,) = findings["series"]
    assert (series["status"], series["reason"]) == ("excluded", "not_brain")
    assert series["detail"].endswith(" is needed)")
    assert findings["diagnoses"] == []
    assert "Not the brain" in (outcome.folder / "report.html").read_text()


def test_keep_all_switches_the_gate_off(orange: Path, tmp_path: Path) -> None:
    outcome = predicted(orange, tmp_path, keep_all=True)
    assert outcome.status == "done"


def test_a_fruit_beside_a_brain_is_left_out_alone(orange: Path, tmp_path: Path) -> None:
    write_phantom_study(tmp_path / "both", seed=3)
    for number in (1, 2, 3, 4, 5, 7, 8):
        shutil.rmtree(tmp_path / "both" / f"series_{number:02d}")
    adopt(orange, tmp_path / "both")
    outcome = predicted(tmp_path / "both", tmp_path / "out")
    assert outcome.status == "done"
    assert outcome.findings is not None
    found = {series.status: series.reason for series in outcome.findings.series}
    assert found == {"used": None, "excluded": "not_brain"}


def adopt(folder: Path, study: Path) -> None:
    """Copy images of another study into a study, as if they belonged to it."""
    import pydicom

    uid = pydicom.dcmread(next(study.rglob("*.dcm"))).StudyInstanceUID
    for number, path in enumerate(sorted(folder.rglob("*.dcm"))):
        dataset = pydicom.dcmread(path)
        dataset.StudyInstanceUID = uid
        dataset.save_as(study / f"other_{number:04d}.dcm")
