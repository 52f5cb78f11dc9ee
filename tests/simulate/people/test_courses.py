"""Findings over time: what an operation, recovery and the passing of the acute do to them."""

from __future__ import annotations

import numpy as np
import pytest

from prima.simulate.people.case import Lesion
from prima.simulate.people.courses import SECONDARY, State, next_state

TUMOR = "tumor_adult_high_grade_glioma"
STROKE = "vascular_ischemic_large_vessel_stroke"
CONTUSION = "trauma_brain_contusion"


def lesion(diagnosis, *, seed=1, side="left", site="frontal_wm", size_mm=40.0, stage=None):
    return Lesion(
        diagnosis=diagnosis, site=site, side=side, size_mm=size_mm, degree=0.8, subtlety=1, stage=stage, seed=seed
    )


def sample(diagnosis):
    made = (lesion(diagnosis, seed=99, side="right", site="parietal_cortex", stage="recent"),)
    if diagnosis != "surgical_resection_cavity":
        return made
    return (*made, lesion("surgical_craniotomy", seed=99, side="right", site="parietal_cortex"))


START = State(
    lesions=(
        lesion(TUMOR),
        lesion("structural_edema"),
        lesion("structural_mass_effect", size_mm=0.0),
        lesion("cyst_arachnoid_cyst", seed=2, side="right"),
    )
)


def many(course, main, start=START, count=200):
    return [next_state(start, course, main, sample=sample, rng=np.random.default_rng(seed)) for seed in range(count)]


def names(state):
    return {item.diagnosis for item in state.lesions}


def test_an_operation_leaves_a_cavity_where_the_tumor_was():
    after = [state for state in many("operable", TUMOR) if state.operated]
    assert 90 < len(after) < 150
    for state in after:
        (cavity,) = (item for item in state.lesions if item.diagnosis == "surgical_resection_cavity")
        assert (cavity.side, cavity.site, cavity.course) == ("left", "frontal_cortex", "postoperative")
        (flap,) = (item for item in state.lesions if item.diagnosis == "surgical_craniotomy")
        assert (flap.side, flap.site, flap.course) == ("left", "frontal_cortex", "postoperative")
        assert "structural_mass_effect" not in names(state)
        assert "structural_mass_effect" in state.gone
        assert ("cyst_arachnoid_cyst" in names(state)) and "cyst_arachnoid_cyst" not in state.gone
        residual = [item for item in state.lesions if item.diagnosis == TUMOR]
        assert bool(residual) == (TUMOR not in state.gone)
        assert all(item.size_mm == 20 and item.course == "smaller" for item in residual)
    assert {bool(TUMOR in state.gone) for state in after} == {True, False}


def test_of_several_metastases_one_is_removed():
    name = "tumor_adult_brain_metastasis"
    start = State(lesions=(lesion(name, size_mm=30), lesion("structural_edema"), lesion(name, seed=2, size_mm=9)))
    for state in many("operable", name, start, 20):
        assert name in names(state)
        assert state.operated == ("structural_edema" in state.gone)
        sizes = [item.size_mm for item in state.lesions if item.diagnosis == name]
        assert not state.operated or sorted(sizes) in ([9], [9, 15])


def test_what_lies_deep_is_reached_from_where_the_way_leads():
    deep = State(lesions=(lesion("cyst_colloid_cyst", site="foramen_of_monro", side="midline", size_mm=12),))
    for state in many("operable", "cyst_colloid_cyst", deep, 20):
        cavity = [item for item in state.lesions if item.diagnosis == "surgical_resection_cavity"]
        assert [(item.site, item.side) for item in cavity] == [("parietal_cortex", "right")] * state.operated


def test_nobody_is_operated_twice():
    first = next(state for state in many("operable", TUMOR) if state.operated and TUMOR in names(state))
    for state in many("operable", TUMOR, first):
        assert sum(item.diagnosis == "surgical_resection_cavity" for item in state.lesions) == 1


def test_what_was_not_operated_stays_or_grows():
    after = [state for state in many("operable", TUMOR) if not state.operated]
    courses = {item.course for state in after for item in state.lesions if item.diagnosis == TUMOR}
    assert courses == {"unchanged", "larger"}
    assert all(names(state) == names(START) and not state.gone for state in after)


@pytest.mark.parametrize("course", ["resolving", "treated"])
def test_what_resolves_takes_its_effects_along(course):
    after = many(course, TUMOR)
    vanished = [state for state in after if TUMOR not in names(state)]
    assert 50 < len(vanished) < 130
    assert all(TUMOR in state.gone for state in vanished)
    assert not [state for state in after if names(state) & SECONDARY]
    assert all("cyst_arachnoid_cyst" in names(state) for state in after)


def test_an_infarct_turns_chronic_and_leaves_a_hole():
    start = State(
        lesions=(lesion(STROKE, stage="acute"), lesion("structural_midline_shift", size_mm=0.0, stage="acute"))
    )
    for state in many("evolving", STROKE, start, 20):
        assert names(state) == {STROKE, "structural_encephalomalacia"}
        assert {item.stage for item in state.lesions if item.diagnosis == STROKE} == {"chronic"}
        assert {item.side for item in state.lesions} == {"left"}
        again = many("evolving", STROKE, state, 1)[0]
        assert len(again.lesions) == 2


def test_a_contusion_becomes_encephalomalacia():
    for state in many("evolving", CONTUSION, State(lesions=(lesion(CONTUSION, stage="hemorrhagic"),)), 20):
        assert names(state) == {"structural_encephalomalacia"}
        assert state.gone == (CONTUSION,)


def test_new_plaques_beside_the_old():
    start = State(lesions=tuple(lesion("inflammatory_multiple_sclerosis", seed=seed) for seed in range(5)))
    counts = [len(state.lesions) for state in many("relapsing", "inflammatory_multiple_sclerosis", start)]
    assert set(counts) == {5, 6}


def test_what_is_static_is_unchanged():
    for state in many("static", TUMOR, count=5):
        assert names(state) == names(START)
        assert {item.course for item in state.lesions} == {"unchanged"}
