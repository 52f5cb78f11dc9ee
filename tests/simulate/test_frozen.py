"""The simulator is frozen at a version: what it makes changes only together with `PLAN_VERSION`.

When a test here fails and the change is meant, raise the version, run `python tests/simulate/test_frozen.py`, and
measure again whatever was measured on the simulator.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from prima.simulate.plan.cases import case_at, cases
from prima.simulate.plan.plan import PLAN_VERSION, make_plan
from prima.simulate.reports import write_report
from prima.simulate.reports.banks import Writers
from prima.simulate.scanner.appearance import AppearancePlan
from prima.simulate.study.simulate import AS_ONE, Variety, simulate_study

VERSION = "1.0"
SECOND = Variety(appearance=AppearancePlan())
TRUTH = "c0547fd65e82c7e6"
STUDIES = (0, 7, 19)
# mean and 95th percentile over all series, and voxels under any mask, on a 2 mm grid
VOXELS = {0: (126.403, 520.0, 16363), 7: (562.657, 2250.0, 0), 19: (747.948, 2553.0, 1562)}

# the same cases in version 2, which has its own appearances; without label maps, as no clone has any
VOXELS_2 = {0: (93.221, 386.0, 16363), 7: (691.719, 2661.0, 0), 19: (744.894, 2587.0, 1562)}


def truth_digest() -> str:
    """Of what is visible, where, and what the reports say, over 300 studies."""
    digest = hashlib.sha256()
    sets: tuple[Writers, ...] = ("dev", "heldout")
    for writers in sets:
        plan = make_plan(num_studies=300)
        for case in cases(plan):
            lesions = [(one.diagnosis, one.site, one.side, round(one.size_mm, 3), one.subtlety) for one in case.lesions]
            prior = None if case.prior_index is None else case_at(plan, case.prior_index)
            report = write_report(case, prior=prior, writers=writers, reading=plan.reading)
            digest.update(repr((case.labels, case.priority, lesions, case.scanner, report.text)).encode())
    return digest.hexdigest()[:16]


def voxel_facts(index: int, variety: Variety = AS_ONE) -> tuple[float, float, int]:
    torch.set_num_threads(1)
    made = simulate_study(case_at(make_plan(num_studies=300), index), spacing_mm=2, variety=variety)
    values = np.concatenate([series.volume.voxels.ravel() for series in made.study.series])
    masked = sum(int(mask.voxels.sum()) for mask in made.masks.values())
    return float(values.mean()), float(np.percentile(values, 95)), masked


def test_the_version_is_the_frozen_one() -> None:
    assert PLAN_VERSION == VERSION


def test_truth_and_reports_are_those_of_the_version() -> None:
    assert truth_digest() == TRUTH


@pytest.mark.parametrize("index", STUDIES)
def test_voxels_are_those_of_the_version(index: int) -> None:
    """To a thousandth: other processors round differently."""
    assert voxel_facts(index) == pytest.approx(VOXELS[index], rel=1e-3)


@pytest.mark.parametrize("index", STUDIES)
def test_voxels_are_those_of_version_two(index: int) -> None:
    assert voxel_facts(index, SECOND) == pytest.approx(VOXELS_2[index], rel=1e-3)


if __name__ == "__main__":
    print(truth_digest())
    for variety in (AS_ONE, SECOND):
        print({index: tuple(round(fact, 3) for fact in voxel_facts(index, variety)) for index in STUDIES})
