"""From logits to findings: what is called, what is not, and a priority that agrees with both."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prima.model.engine.outputs import findings_of, notes_on, priority_of
from prima.model.release.calibration import HeadCalibration, PriorityCalibration
from prima.model.release.manifest import HeadRecord, PriorityRecord
from prima.study.ontology import LEVELS

STROKE, CYST = "vascular_ischemic_large_vessel_stroke", "cyst_arachnoid_cyst"
CALIBRATION = HeadCalibration(
    kind="platt", logits=(-4.0, 4.0), log_odds=(-4.0, 4.0), low=(-5.0, 3.0), high=(-3.0, 5.0), target="ppv=0.5",
    reached=True, threshold=0.3, abstain_low=0.25, abstain_high=0.4, sensitivity=0.9, specificity=0.8, ppv=0.5,
    alerts=0.2, abstained=0.02, num_positives=50, num_negatives=450, num_patients=480,
)  # fmt: skip
LOGITS = dict(zip(LEVELS, (3.0, 1.0, 2.0, 0.0), strict=True))


def record(calibration: HeadCalibration | None, name: str = STROKE) -> HeadRecord:
    return HeadRecord(name=name, mlp=0, column=0, offset=0.0, calibration=calibration)


def test_a_threshold_that_labelled_studies_gave_calls() -> None:
    (finding,) = findings_of({STROKE: 2.0}, [record(CALIBRATION)])
    assert (finding.threshold, finding.threshold_source, finding.present) == (0.3, "validation", True)


def test_a_threshold_that_they_could_not_give_does_not() -> None:
    unreached = replace(CALIBRATION, threshold=None, abstain_low=0.0, abstain_high=0.0, reached=False)
    older = replace(CALIBRATION, threshold=0.5, abstain_low=0.5, abstain_high=0.5, reached=False, alerts=0.0)
    for calibration in (unreached, older):
        (finding,) = findings_of({STROKE: 9.0}, [record(calibration)])
        assert (finding.threshold, finding.threshold_source, finding.present) == (None, "none", None)
        assert finding.probability is not None and finding.interval is not None


def test_a_head_without_support_gives_a_score_alone() -> None:
    empty: dict[str, tuple[float, ...]] = dict.fromkeys(("logits", "log_odds", "low", "high"), ())
    none = replace(
        CALIBRATION, kind="none", **empty, threshold=None, abstain_low=0.0, abstain_high=0.0, num_positives=3
    )
    none.check("head")
    (finding,) = findings_of({STROKE: 9.0}, [record(none)])
    assert (finding.probability, finding.interval, finding.threshold, finding.present) == (None, None, None, None)
    assert finding.logit == 9.0


@pytest.mark.parametrize("calibrated", [False, True])
def test_a_priority_does_not_contradict_what_is_flagged(calibrated: bool) -> None:
    softmax = PriorityCalibration(slope=1.0, offsets=(0.0,) * 4, num_studies=(9,) * 4, num_patients=36)
    levels = PriorityRecord(mlp=0, levels=LEVELS, column=0, calibration=softmax if calibrated else None)
    assert priority_of(LOGITS, levels).level == "none"  # type: ignore[union-attr]
    assert priority_of(LOGITS, levels, [STROKE]).level == "medium"  # type: ignore[union-attr]
    assert priority_of(LOGITS | {"low": 2.5}, levels, [STROKE, CYST]).level == "low"  # type: ignore[union-attr]
    assert priority_of({"none": 1.0}, None, [STROKE]).level == "none"  # type: ignore[union-attr]


def test_notes_count_what_is_not_called() -> None:
    manifest = type("Manifest", (), {"diagnoses": (), "referrals": (), "demonstrates": False, "mode": "image"})()
    silent = replace(findings_of({STROKE: 1.0})[0], threshold=None, present=None)
    called = findings_of({CYST: 1.0})[0]
    (note,) = notes_on([silent, called], manifest, "image")
    assert note == "1 of 2 findings are not called: too few positive studies for a threshold"
