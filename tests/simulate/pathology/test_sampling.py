"""Sampling of lesions: every diagnosis, every subtlety, with its consequences and labels."""

from __future__ import annotations

import numpy as np
import pytest

from prima.simulate.anatomy.sites import SITES
from prima.simulate.pathology import AGE_PRIORS, PATTERNS, displacement_mm, frequency, labels_of, sample_lesions
from prima.simulate.pathology.pattern import MIDLINE_SITES, SHEETS
from prima.study.ontology import DIAGNOSIS_NAMES, IMPLICATIONS, with_implied


def drawn(diagnosis, subtlety, seed=5, age=None):
    age = age or (9.0 if "pediatric" in diagnosis else 50.0)
    rng = np.random.default_rng([seed, subtlety])
    return sample_lesions(diagnosis, age_years=age, sex="F", subtlety=subtlety, rng=rng)


def test_all_52_are_there_at_places_that_exist():
    assert tuple(PATTERNS) == DIAGNOSIS_NAMES
    assert set(AGE_PRIORS) == set(DIAGNOSIS_NAMES)
    for pattern in PATTERNS.values():
        assert set(pattern.sites) <= set(SITES), pattern.diagnosis
        assert {site for site in pattern.sites if not SITES[site].paired} <= MIDLINE_SITES | set(SHEETS), (
            pattern.diagnosis
        )
        assert pattern.signature and pattern.source and pattern.contrasts
        assert {rule.diagnosis for rule in pattern.consequences} <= set(DIAGNOSIS_NAMES)


@pytest.mark.parametrize("subtlety", [1, 2, 3])
@pytest.mark.parametrize("diagnosis", DIAGNOSIS_NAMES)
def test_the_diagnosis_asked_for_is_drawn_and_the_same_each_time(diagnosis, subtlety):
    for seed in range(3):
        for age in (9.0, 50.0):
            lesions = drawn(diagnosis, subtlety, seed, age)
            assert lesions == drawn(diagnosis, subtlety, seed, age)
            assert diagnosis in labels_of(lesions)
            for lesion in lesions:
                assert lesion.site in SITES and 0 < lesion.degree <= 1 and lesion.size_mm >= 0
                assert (lesion.side in ("left", "right")) <= (lesion.site not in MIDLINE_SITES)


def test_implications_hold():
    for diagnosis in DIAGNOSIS_NAMES:
        for seed in range(8):
            labels = labels_of(drawn(diagnosis, 1, seed))
            assert labels == with_implied(labels)
            for rule in IMPLICATIONS:
                if rule.when is None and rule.premise in labels:
                    assert rule.consequence in labels


def test_a_tumor_alone_implies_no_mass_effect():
    found = [labels_of(drawn("tumor_adult_low_grade_glioma", 3, seed)) for seed in range(20)]
    assert all("structural_mass_effect" not in labels and "tumor_adult_glioma" in labels for labels in found)
    assert any("structural_midline_shift" in labels_of(drawn("tumor_adult_high_grade_glioma", 1, s)) for s in range(20))


def test_conditional_implications():
    contusions = [drawn("trauma_brain_contusion", 2, seed) for seed in range(30)]
    for lesions in contusions:
        bleeds = lesions[0].stage == "hemorrhagic" or len(lesions) > 1
        assert bleeds or "vascular_hemorrhagic_intracranial_hemorrhage" not in labels_of(lesions)
    assert {lesions[0].stage for lesions in contusions} == {"hemorrhagic", "not hemorrhagic"}
    cavities = [labels_of(drawn("surgical_resection_cavity", 3, seed)) for seed in range(30)]
    assert {"surgical_craniotomy" in labels for labels in cavities} == {True, False}


@pytest.mark.parametrize("diagnosis", DIAGNOSIS_NAMES)
def test_subtlety_orders_size_and_degree(diagnosis):
    def mean(subtlety):
        found = [
            lesion for seed in range(12) for lesion in drawn(diagnosis, subtlety, seed) if lesion.diagnosis == diagnosis
        ]
        return np.mean([x.size_mm for x in found]), np.mean([x.degree for x in found])

    (size_1, degree_1), (size_2, degree_2), (size_3, degree_3) = map(mean, (1, 2, 3))
    assert degree_1 > degree_2 > degree_3
    assert size_1 == 0 or size_1 > size_3
    assert size_1 >= size_2 * 0.95 and size_2 >= size_3 * 0.95


def test_what_never_stands_alone_comes_with_a_cause_and_what_it_needs():
    for seed in range(10):
        names = [lesion.diagnosis for lesion in drawn("structural_brain_herniation", 2, seed)]
        assert {"structural_mass_effect", "structural_midline_shift", "structural_brain_herniation"} <= set(names)
        assert len(set(names)) >= 4
        lesions = drawn("structural_midline_shift", 2, seed)
        shift = next(lesion for lesion in lesions if lesion.diagnosis == "structural_midline_shift")
        assert shift.side in ("left", "right") and 3 <= displacement_mm(shift) <= 13


def test_bad_input():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="unknown diagnosis 'flu'"):
        sample_lesions("flu", age_years=5, sex="F", subtlety=1, rng=rng)
    with pytest.raises(ValueError, match="subtlety"):
        sample_lesions("spine_syrinx", age_years=5, sex="F", subtlety=4, rng=rng)


def test_frequency_knows_age_and_sex():
    assert all(frequency(name, 10, "F") == 0 for name in DIAGNOSIS_NAMES if name.startswith("tumor_adult"))
    assert all(frequency(name, 40, "M") == 0 for name in DIAGNOSIS_NAMES if name.startswith("tumor_pediatric"))
    assert frequency("inflammatory_multiple_sclerosis", 32, "F") > frequency("inflammatory_multiple_sclerosis", 32, "M")
    assert all(sum(frequency(name, age, "F") for name in DIAGNOSIS_NAMES) > 0 for age in (0, 17, 18, 50, 95))
