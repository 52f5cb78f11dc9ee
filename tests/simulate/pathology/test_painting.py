"""Lesions in heads: masks, sides, displacement, enhancement; the same each time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from prima.simulate.anatomy.build_head import build_head
from prima.simulate.anatomy.regions import region_map
from prima.simulate.pathology import PATTERNS, displacement_mm, paint_lesions, sample_lesions, shape_hooks
from prima.simulate.pathology.canvas import Canvas
from prima.simulate.pathology.materials import MATERIALS
from prima.simulate.people.case import Lesion
from prima.study.ontology import DIAGNOSIS_NAMES


def drawn(diagnosis, subtlety, seed=5):
    age = 9.0 if "pediatric" in diagnosis else 50.0
    rng = np.random.default_rng([seed, subtlety])
    return sample_lesions(diagnosis, age_years=age, sex="F", subtlety=subtlety, rng=rng), age


def middle(head, mask):
    """The centre of a mask in LPS mm."""
    index = torch.nonzero(mask).double().mean(0)
    return (torch.tensor(head.grid.affine.matrix) @ torch.cat([index, torch.ones(1)]).double())[:3]


@pytest.mark.parametrize("subtlety", [1, 2, 3])
@pytest.mark.parametrize("diagnosis", DIAGNOSIS_NAMES)
def test_every_diagnosis_is_painted_with_a_mask_on_its_side(diagnosis, subtlety, healthy, case_of):
    lesions, age = drawn(diagnosis, subtlety)
    head = healthy(age)
    case = case_of(lesions, age_years=age)
    truths = paint_lesions(head, case)
    assert [truth.diagnosis for truth in truths] == [name for name in PATTERNS if name in case.labels]
    assert all(truth.mask.shape == head.grid.shape and truth.mask.dtype == torch.bool for truth in truths)
    truth = next(truth for truth in truths if truth.diagnosis == diagnosis)
    assert truth.mask.any()
    assert truth.mask_kind == PATTERNS[diagnosis].mask_kind
    total = head.fractions.sum(0)
    for part in head.painted:
        total[part.box] += part.fraction
    assert float(total.min()) > -1e-3 and float((total - 1).abs().max()) < 0.02
    sides = {lesion.side for lesion in lesions if lesion.diagnosis == diagnosis}
    if sides in ({"left"}, {"right"}) and PATTERNS[diagnosis].form != "geometry":
        x = float(middle(head, truth.mask)[0])
        assert x > 2 if sides == {"left"} else x < -2


def test_the_same_case_gives_the_same_voxels(healthy, case_of):
    lesions, age = drawn("tumor_adult_high_grade_glioma", 1)
    one, two = healthy(age), healthy(age)
    first, second = (paint_lesions(head, case_of(lesions)) for head in (one, two))
    assert torch.equal(one.fractions, two.fractions)
    assert all(torch.equal(a.mask, b.mask) for a, b in zip(first, second, strict=True))
    other, _ = drawn("tumor_adult_high_grade_glioma", 1, seed=6)
    assert not torch.equal(paint_lesions(healthy(age), case_of(other))[-1].mask, first[-1].mask)


def test_without_lesions_the_head_is_untouched(healthy, case_of):
    head = healthy(50.0)
    before = head.fractions.clone()
    assert paint_lesions(head, case_of(())) == []
    assert torch.equal(head.fractions, before) and shape_hooks(case_of(())) == []


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_midline_moves_by_what_the_truth_says(side, case_of):
    shift = Lesion(
        diagnosis="structural_midline_shift", site="frontal_wm", side=side, size_mm=0, degree=0.6, subtlety=2, seed=3
    )
    heads = [
        build_head(case_of(lesions), spacing_mm=4.0, shape_hooks=shape_hooks(case_of(lesions)))
        for lesions in ((), (shift,))
    ]
    still, moved = (float(head.at("septum_pellucidum", "midline")[0]) for head in heads)
    away = -1 if side == "left" else 1
    assert (moved - still) * away == pytest.approx(displacement_mm(shift), abs=1.5)


def test_mass_effect_pushes_outwards(case_of):
    mass = Lesion(
        diagnosis="tumor_adult_meningioma", site="frontal_wm", side="left", size_mm=40, degree=0.9, subtlety=1, seed=4
    )
    effect = replace(mass, diagnosis="structural_mass_effect", size_mm=0, degree=0.9)
    with_it, without = (
        build_head(case_of(lesions), spacing_mm=4.0, shape_hooks=shape_hooks(case_of(lesions)))
        for lesions in ((mass, effect), ())
    )
    moved = with_it.at("caudate", "left") - without.at("caudate", "left")
    outwards = without.at("caudate", "left") - without.at("frontal_wm", "left")
    along = float(moved @ outwards / outwards.norm())
    assert 0.5 < along <= displacement_mm(effect) + 0.5
    far = with_it.at("cerebellar_hemisphere", "right") - without.at("cerebellar_hemisphere", "right")
    assert float(far.norm()) < 0.3


def test_ventricles_grow_with_the_degree(case_of):
    volumes = []
    for degree in (0.0, 0.3, 0.9):
        found = Lesion(
            diagnosis="ventricular_ventriculomegaly", site="lateral_ventricle_body", side="both", size_mm=0,
            degree=degree, subtlety=1, stage="communicating",
        )  # fmt: skip
        case = case_of((found,) if degree else ())
        head = build_head(case, spacing_mm=4.0, shape_hooks=shape_hooks(case))
        volumes.append(float(region_map(head, "ventricles").sum()))
    assert volumes[1] > 1.3 * volumes[0] and volumes[2] > 2.2 * volumes[0]


@pytest.mark.parametrize("stage", ["communicating", "obstructive"])
def test_the_mask_of_wide_ventricles_holds_their_fluid(stage, case_of):
    found = Lesion(
        diagnosis="ventricular_ventriculomegaly", site="lateral_ventricle_body", side="both", size_mm=0, degree=0.8,
        subtlety=1, stage=stage, seed=2,
    )  # fmt: skip
    head = build_head(case_of((found,)), spacing_mm=3.0, shape_hooks=shape_hooks(case_of((found,))))
    mask = paint_lesions(head, case_of((found,)))[0].mask
    assert float(head.fraction("csf")[mask].mean()) > 0.85
    lateral = region_map(head, "lateral_ventricles")
    assert float(lateral[mask].sum()) > 0.8 * float(lateral.sum())


def test_the_frontal_horns_widen_past_an_evans_index_of_0_3(case_of):
    """Width of the frontal horns over that of the inner skull, as neuroradiologists call ventricles wide."""

    def evans(degree):
        found = Lesion(
            diagnosis="ventricular_ventriculomegaly", site="lateral_ventricle_body", side="both", size_mm=0,
            degree=degree, subtlety=1, stage="communicating",
        )  # fmt: skip
        case = case_of((found,) if degree else ())
        head = build_head(case, spacing_mm=2.5, shape_hooks=shape_hooks(case))
        paint_lesions(head, case)
        canvas = Canvas(head)
        _, y, z = canvas.template_points(canvas.whole)
        horns = (head.fraction("csf") > 0.5) & (canvas.ventricle_mm(canvas.whole) < 2.0)
        horns &= (y < 0) & (z > 0) & (z < 26)
        skull = canvas.depth_mm(canvas.whole) > 0
        slices = [k for k in range(head.grid.shape[0]) if bool(horns[k].any())]

        def width(values):
            across = torch.nonzero(values.any(0)).flatten()
            return float(across[-1] - across[0] + 1)

        return max(width(horns[k]) / width(skull[k]) for k in slices)

    normal, moderate, plain = evans(0.0), evans(0.5), evans(0.9)
    assert normal < 0.27 < 0.3 < moderate < plain < 0.5


SILENT = {
    "tumor_adult_low_grade_glioma", "cyst_arachnoid_cyst", "cyst_colloid_cyst", "sellar_rathkes_cleft_cyst",
    "developmental_heterotopia", "vascular_ischemic_small_vessel_disease", "spine_syrinx", "structural_edema_only",
    "vascular_ischemic_lacunar_stroke",
}  # fmt: skip
ENHANCING = {
    "tumor_adult_high_grade_glioma", "tumor_adult_meningioma", "tumor_adult_brain_metastasis", "tumor_adult_lymphoma",
    "infectious_brain_abscess", "tumor_adult_schwannoma", "inflammatory_neurosarcoid", "sellar_pituitary_adenoma",
    "tumor_pediatric_medulloblastoma", "tumor_pediatric_pilocytic_astrocytoma", "ventricular_intracranial_hypotension",
}  # fmt: skip


@pytest.mark.parametrize("diagnosis", sorted((SILENT | ENHANCING) & set(DIAGNOSIS_NAMES)))
def test_only_what_enhances_enhances(diagnosis, healthy, case_of):
    lesions, age = drawn(diagnosis, 1)
    own = tuple(lesion for lesion in lesions if lesion.diagnosis == diagnosis)
    head = healthy(age)
    paint_lesions(head, case_of(own, age_years=age))
    taken_up = max((part.tissue.enhancement for part in head.painted if float(part.fraction.max()) > 0.3), default=0.0)
    assert taken_up > 0.4 if diagnosis in ENHANCING else taken_up <= 0.1


def test_materials_follow_what_is_known_of_them():
    def at(name):
        return MATERIALS[name]

    assert at("pus").adc_um2_ms < 0.7 < at("necrosis").adc_um2_ms
    assert at("infarct_acute").adc_um2_ms < 0.6 < at("vasogenic_edema").adc_um2_ms
    assert at("blood_early_subacute").t1_ms[0] < at("blood_acute").t1_ms[0]
    assert at("blood_acute").t2_ms[0] < 60 < at("blood_late_subacute").t2_ms[0]
    assert at("hemosiderin").t2star_ms[0] < 10
    assert at("protein_cyst").t1_ms[0] < 700 < at("tumor_cyst").t1_ms[0] < at("csf_like").t1_ms[0]
    for tissue in MATERIALS.values():
        assert 0 <= tissue.enhancement <= 1 and tissue.t2star_ms[0] <= tissue.t2_ms[0] <= tissue.t1_ms[0]
