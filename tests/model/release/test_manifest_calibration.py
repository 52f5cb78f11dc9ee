"""Calibration in a manifest: it survives writing and reading, and one that cannot be meant is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from prima.errors import ReleaseError
from prima.model.release.calibration import HeadCalibration, PriorityCalibration
from prima.model.release.folder import load_release, packaged_release
from prima.model.release.manifest import Manifest, uncalibrated

HEAD = HeadCalibration(
    kind="isotonic",
    logits=(-3.0, 0.0, 2.0),
    log_odds=(-5.0, -1.0, 2.0),
    low=(-7.0, -2.0, 1.0),
    high=(-4.0, 0.0, 4.0),
    target="ppv=0.5",
    reached=True,
    threshold=0.4,
    abstain_low=0.3,
    abstain_high=0.5,
    sensitivity=0.7,
    specificity=0.9,
    ppv=0.55,
    alerts=0.1,
    abstained=0.02,
    num_positives=20,
    num_negatives=380,
    num_patients=350,
)
PRIORITY = PriorityCalibration(slope=0.5, offsets=(0.5, 0.0, 0.0, -0.5), num_studies=(5, 5, 5, 5), num_patients=20)


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    """The packaged one's networks, all calibrated."""
    plain = load_release(packaged_release()).manifest
    assert plain.priority is not None
    return replace(
        plain,
        calibrated=True,
        diagnoses=tuple(replace(head, calibration=HEAD) for head in plain.diagnoses),
        referrals=tuple(replace(head, calibration=HEAD) for head in plain.referrals),
        priority=replace(plain.priority, calibration=PRIORITY),
    )


def test_what_was_written_is_what_is_read(manifest: Manifest) -> None:
    assert Manifest.from_text(manifest.to_text()) == manifest
    assert uncalibrated((*manifest.diagnoses, *manifest.referrals), manifest.priority) == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: values["diagnoses"][3].update(calibration=None), "found 'calibrated' but no calibration of "),
        (lambda values: values["priority"].update(calibration=None), "no calibration of priority"),
        (lambda values: values["diagnoses"][0]["calibration"].update(kind="beta"), "expected 'platt' or 'isotonic'"),
        (lambda values: values["diagnoses"][0]["calibration"].update(low=[0, 1]), "other lengths than the knots"),
        (lambda values: values["diagnoses"][0]["calibration"].update(logits=[0, 0, 1]), "knots that do not ascend"),
        (lambda values: values["diagnoses"][0]["calibration"].update(log_odds=[0, -1, 1]), "a curve that descends"),
        (lambda values: values["diagnoses"][0]["calibration"].update(threshold=1.5), "no probability"),
        (lambda values: values["diagnoses"][0]["calibration"].update(abstain_low=0.6), "no probability"),
        (lambda values: values["diagnoses"][0]["calibration"].update(threshold=float("nan")), "found nan"),
        (lambda values: values["diagnoses"][0]["calibration"].pop("alerts"), r"missing or unknown fields \(alerts\)"),
        (lambda values: values["priority"]["calibration"].update(offsets=[0, 0, 0]), "a calibration of other levels"),
        (lambda values: values["priority"]["calibration"].update(slope=0), "a calibration of other levels"),
    ],
)
def test_a_calibration_that_cannot_be_meant_is_refused(
    manifest: Manifest, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    values = json.loads(manifest.to_text())
    change(values)
    with pytest.raises(ReleaseError, match=message):
        Manifest.from_text(json.dumps(values))


def test_a_curve_is_straight_between_knots_and_constant_beyond() -> None:
    told = HEAD.probabilities([-100, -3, -1.5, 1, 2, 100])
    expected = 1 / (1 + np.exp(-np.array([-5, -5, -3, 0.5, 2, 2])))
    assert told[:, 0] == pytest.approx(expected)
    assert (told[:, 1] < told[:, 0]).all() and (told[:, 0] < told[:, 2]).all()


def test_decisions_at_the_ends_of_the_band() -> None:
    assert [HEAD.decide(one) for one in (0.0, 0.2999, 0.3, 0.4, 0.4999, 0.5, 1.0)] == [
        *(False, False, None, None, None, True, True)
    ]
    never = replace(HEAD, abstain_low=0.4, abstain_high=0.4)
    assert [never.decide(one) for one in (0.3999, 0.4)] == [False, True]
