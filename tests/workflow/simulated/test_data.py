"""The data of the demo release: what is drawn, and that its sides share no patient."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prima.errors import UsageError
from prima.simulate.scanner.scanners import USUAL_SCANNERS
from prima.workflow.simulated import demo_data

SIDES = ("train", "validation", "test")


def test_no_patient_and_no_study_is_on_two_sides() -> None:
    cases = [demo_data(side).case(index) for side in SIDES for index in range(0, 800, 40)]
    sides = [{case.person.patient_id for case in cases[start : start + 20]} for start in (0, 20, 40)]
    assert len(set.union(*sides)) == sum(map(len, sides)) > 50
    assert len({case.study_uid for case in cases}) == len(cases)


def test_the_drifted_scanner_is_in_the_test_year_alone() -> None:
    cases = {side: [demo_data(side).case(index) for index in range(30)] for side in SIDES}
    drifted = {side for side in SIDES if any(case.effects["drift"] for case in cases[side])}
    assert drifted == {"test"}
    assert {case.scanner for case in cases["train"]} <= set(USUAL_SCANNERS)


def test_a_test_study_is_known_by_the_truth_and_written_by_others() -> None:
    assert [demo_data(side, labels="reports").labels for side in SIDES] == ["reports", "reports", "truth"]
    assert [demo_data(side).writers for side in SIDES] == ["dev", "dev", "heldout"]


def test_the_hash_tells_whatever_decides_the_studies() -> None:
    train = demo_data("train")
    others = (
        demo_data("train", labels="reports"), replace(train, enrichment=None), replace(train, copies=0),
        replace(train, spacing_mm=(2.0,)), demo_data("test"), demo_data("test", test_seed=901),
    )  # fmt: skip
    assert len({train.sha256, *(data.sha256 for data in others)}) == 7
    assert demo_data("train").sha256 == train.sha256


def test_more_studies_than_there_are_is_an_error() -> None:
    assert demo_data("validation").first_studies() == range(1000)
    with pytest.raises(UsageError, match=r"^validation: found 1001 studies asked for, expected at most 1000$"):
        demo_data("validation").first_studies(1001)
