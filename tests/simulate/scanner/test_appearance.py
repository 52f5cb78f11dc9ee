"""Appearance at random: shares as planned, one study one appearance, and a lesion stays a lesion."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from prima.simulate.anatomy.build_head import build_head
from prima.simulate.people.case import Lesion
from prima.simulate.plan.cases import case_at
from prima.simulate.plan.plan import make_plan
from prima.simulate.scanner.acquire import HeadScan
from prima.simulate.scanner.appearance import (
    Appearance,
    AppearancePlan,
    draw_appearance,
    kept_series,
    on_one_grid,
    window,
)
from prima.simulate.scanner.planned import plan_study
from prima.simulate.study.simulate import AS_ONE, Variety, simulate_study

PLAIN = Appearance(
    seed=1, brain_contrast=0.0, other_contrast=0.0, texture=0.0, noise=1.0, bias=0.0, margin_mm=None, neck_mm=10.0,
    face_mm=None, pixel_mm=None, low=0.0, high=100.0, gamma=1.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def cases():
    plan = make_plan(num_studies=400, seed=9)
    return [case_at(plan, index) for index in range(400)]


def test_shares_are_those_of_the_plan(cases):
    plan = AppearancePlan()
    drawn = [draw_appearance(plan, case) for case in cases]
    altered = [one for one in drawn if one is not None]
    assert 1 - len(altered) / len(drawn) == pytest.approx(plan.as_planned, abs=0.07)
    assert np.mean([one.margin_mm is not None for one in altered]) == pytest.approx(plan.stripped, abs=0.08)
    assert np.mean([one.pixel_mm is not None for one in altered]) == pytest.approx(plan.resampled, abs=0.06)
    assert not any(one.margin_mm is not None and one.face_mm is not None for one in altered)


def test_studies_are_left_with_one_series_to_all(cases):
    counts = []
    for case in cases[:150]:
        planned = plan_study(case)
        left = kept_series(AppearancePlan(), planned)
        assert [one for one in planned.series if one.role.reason is not None] == [
            one for one in left if one.role.reason is not None
        ]
        names = {one.name for one in left}
        assert ("adc" in names) <= ("dwi" in names)
        counts.append(sum(one.role.reason is None for one in left))
    assert min(counts) == 1
    assert max(counts) >= 7
    planned = plan_study(cases[0])
    assert kept_series(AppearancePlan(few_series=0.0), planned) == planned.series


def test_contrast_is_the_same_before_and_after_the_agent(cases):
    appearance = replace(PLAIN, brain_contrast=0.1, other_contrast=0.4)
    scans = {one.name: one.scans[0] for one in plan_study(replace(cases[0], protocol="brain_with_without")).series}
    before, after, other = (scans[name].sequence for name in ("t1_ax", "t1_ax_c", "t2_ax"))
    np.testing.assert_array_equal(appearance.factors(before), appearance.factors(after))
    assert np.abs(appearance.factors(before) - appearance.factors(other)).max() > 0.05


def test_a_plain_appearance_changes_nothing(make_case):
    case = make_case()
    planned = plan_study(case)
    head = build_head(case, spacing_mm=4)
    series = next(one for one in planned.series if one.name == "t2_ax")
    (plain,) = HeadScan(head, planned).acquire(series)
    (same,) = HeadScan(head, planned, PLAIN).acquire(series)
    assert np.abs(plain.stored.astype(int) - same.stored).max() <= 1


def test_a_stripped_head_is_dark_outside_and_whole_inside(make_case):
    case = make_case(protocol="brain_without")
    planned = plan_study(case)
    head = build_head(case, spacing_mm=4)
    series = next(one for one in planned.series if one.name == "flair_ax")
    (whole,) = HeadScan(head, planned, PLAIN).acquire(series)
    (cut,) = HeadScan(head, planned, replace(PLAIN, margin_mm=2.0)).acquire(series)
    kept = cut.stored > 0
    np.testing.assert_array_equal(cut.stored[kept], whole.stored[kept])
    brain = sum(head.fraction(name) for name in ("gm", "wm", "deep_gm"))
    share = HeadScan(head, planned).resampling(series.scans[0])(brain)
    assert float((torch.from_numpy(kept)[share > 0.9]).float().mean()) > 0.97
    assert float(kept.mean()) < 0.6 * float((whole.stored > 0.1 * whole.stored.max()).mean()) + 0.2
    (faceless,) = HeadScan(head, planned, replace(PLAIN, face_mm=70.0)).acquire(series)
    solid = whole.stored > 0.15 * whole.stored.max()
    assert 0.75 < float((faceless.stored[solid] > 0).mean()) < 1
    assert float((faceless.stored[(share > 0.9).numpy()] > 0).mean()) > 0.97


def test_one_grid_is_one_grid(cases):
    planned = on_one_grid(plan_study(cases[0]), replace(PLAIN, pixel_mm=1.2))
    used = [scan for one in planned.series if one.role.reason is None for scan in one.scans]
    assert {(scan.shape, scan.affine.matrix.tobytes()) for scan in used} == {
        (used[0].shape, used[0].affine.matrix.tobytes())
    }
    assert {one.role.reason for one in planned.series} == {one.role.reason for one in plan_study(cases[0]).series}


def test_a_window_cuts_the_ends_off():
    image = torch.arange(1000.0).view(10, 10, 10)
    cut = window(image.clone(), replace(PLAIN, low=5.0, high=95.0))
    assert float(cut.min()) == 0
    assert float((cut == cut.max()).float().mean()) == pytest.approx(0.05, abs=0.01)


def test_version_two_makes_other_studies_of_the_same_cases(make_case):
    glioma = Lesion(
        diagnosis="tumor_adult_high_grade_glioma", site="frontal_wm", side="left", size_mm=45.0, degree=0.8, subtlety=1,
        seed=5,
    )  # fmt: skip
    variety = Variety(appearance=AppearancePlan(as_planned=0.0))
    assert (variety.version, AS_ONE.version) == (2, 1)
    shown = 0
    for index in range(2):
        case = make_case(index=index, lesions=(glioma,))
        one = simulate_study(case, spacing_mm=6)
        other = simulate_study(case, spacing_mm=6, variety=variety)
        assert other.masks.keys() == one.masks.keys()
        assert len(other.study.series) <= len(one.study.series)
        assert other.study.study_uid == one.study.study_uid
        again = simulate_study(case, spacing_mm=6, variety=variety)
        for first, second in zip(other.study.series, again.study.series, strict=True):
            np.testing.assert_array_equal(first.volume.voxels, second.volume.voxels)
        shown += sum(entry.cnr > 1 for entry in other.visibility)
    assert shown > 0
