"""The one way from a study to its findings: alike in one go or series by series, and what is withheld is withheld."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from prima.errors import UnreadableError
from prima.model.engine.engine import Engine
from prima.model.engine.prepare import PreparedSeries
from prima.model.engine.reading import StudyReading, TakeSeries
from prima.model.packaging.probe_study import probe_study
from prima.model.release.folder import load_release, packaged_release
from prima.study import Excluded, Patient, Series, Study
from prima.tokens.precision import choose_precision

PRECISION = choose_precision("cpu", "float32")


@pytest.fixture(scope="module")
def engine() -> Engine:
    """Of the packaged release, which answers the probe, unlike as it is to what it has seen."""
    release = load_release(packaged_release())
    without_check = replace(release, manifest=replace(release.manifest, familiarity=None))
    return Engine(without_check, PRECISION, keep_all=True)


def give(study: Study, take: TakeSeries) -> Study:
    for series in study.series:
        take(series)
    return study


def test_a_study_read_series_by_series_gives_what_a_whole_one_gives(engine: Engine) -> None:
    study = probe_study()
    reading = StudyReading()
    reading.run(lambda take: give(study, take), engine.prepare_series)
    findings = engine.findings(reading)
    logits = engine.outputs(engine.tokens(engine.prepare(study))).logits
    assert {one.name: one.logit for one in findings.diagnoses} == logits.diagnoses
    assert {one.name: one.logit for one in findings.referrals} == logits.referrals
    assert findings.priority is not None and findings.priority.logits == logits.priority
    assert [entry.num_foreground for entry in findings.series] == [
        series.patches.num_kept for series in engine.prepare(study).series
    ]
    assert engine.predict(study).diagnoses == findings.diagnoses


def test_encoding_begins_before_the_study_is_read(engine: Engine) -> None:
    """The second series is only given once the first has been taken by whoever computes."""
    study = probe_study()
    first_taken: list[PreparedSeries] = []
    reading = StudyReading()

    def read(take: TakeSeries) -> Study:
        take(study.series[0])
        first_taken.append(next(iter(reading)))
        for series in study.series[1:]:
            take(series)
        return study

    reading.run(read, engine.prepare_series)
    assert first_taken[0].series_uid == study.series[0].series_uid
    assert [series.series_uid for series in reading] == [series.series_uid for series in study.series[1:]]
    assert len(reading.study().series) == 3


def test_what_ends_the_reading_is_raised_to_whoever_asks_for_the_study(engine: Engine) -> None:
    reading = StudyReading()

    def read(take: TakeSeries) -> Study:
        take(probe_study().series[0])
        raise UnreadableError("Zyxwvut")

    reading.run(read, engine.prepare_series)
    assert len(list(reading)) == 1
    with pytest.raises(UnreadableError, match="Zyxwvut"):
        reading.study()
    with pytest.raises(UnreadableError, match="Zyxwvut"):
        engine.findings(reading)


def test_a_series_that_cannot_be_prepared_fails_the_study() -> None:
    def fail(series: Series) -> Excluded:
        raise UnreadableError(f"Zyxwvut {series.number}")

    reading = StudyReading()
    reading.run(lambda take: give(probe_study(), take), fail)
    assert list(reading) == []
    with pytest.raises(UnreadableError, match="Zyxwvut 1"):
        reading.study()


def test_the_gate_is_asked_and_its_refusals_stand_in_the_completeness_statement() -> None:
    engine = Engine(load_release(packaged_release()), PRECISION)
    study = probe_study()
    noise = np.random.default_rng(0).integers(0, 1000, study.series[0].volume.voxels.shape).astype(np.int16)
    wrong = replace(study.series[0], volume=replace(study.series[0].volume, voxels=noise))
    findings = engine.predict(replace(study, series=(wrong,)))
    assert (findings.status, findings.diagnoses, findings.priority) == ("refused", (), None)
    assert findings.reason is not None and "no series can be used (1 not the brain" in findings.reason
    assert [(entry.status, entry.reason) for entry in findings.series] == [("excluded", "not_brain")]


def test_image_only_withholds_all_text() -> None:
    release = load_release(packaged_release())
    study = probe_study()
    series = tuple(replace(one, description="Q") for one in study.series)
    patient = Patient(age_years=63, sex="F")
    other = replace(study, description="MRI BRAIN WO", indication="Seizure", patient=patient, series=series)
    image_only = Engine(release, PRECISION, image_only=True, keep_all=True, scores_anyway=True)
    with_text = Engine(release, PRECISION, keep_all=True, scores_anyway=True)
    assert (image_only.mode, with_text.mode) == ("image", release.manifest.mode)
    assert image_only.predict(study).diagnoses == image_only.predict(other).diagnoses
    assert with_text.predict(study).diagnoses != with_text.predict(other).diagnoses


def test_values_that_are_not_finite_refuse_the_study() -> None:
    engine = Engine(load_release(packaged_release()), PRECISION, keep_all=True)
    with torch.no_grad():
        engine.reader.vision.series_project.bias.fill_(torch.nan)
    findings = engine.predict(probe_study())
    assert findings.status == "refused"
    assert findings.reason is not None and "is not finite, expected a number" in findings.reason
