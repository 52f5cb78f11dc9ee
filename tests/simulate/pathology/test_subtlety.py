"""The three grades of each diagnosis: what is subtler changes the picture less."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import median

import numpy as np
import pytest
import torch

from prima.simulate.anatomy.build_head import build_head
from prima.simulate.anatomy.head import TISSUE_NAMES
from prima.simulate.anatomy.regions import region_map
from prima.simulate.pathology import PATTERNS, displacement_mm, paint_lesions, sample_lesions, shape_hooks
from prima.simulate.scanner.physics import signal, signals
from prima.simulate.scanner.series_roles import ROLES, sequence_for
from prima.simulate.scanner.tissues import TISSUE
from prima.study.ontology import DIAGNOSIS_NAMES

SEEDS = 5
ROLE_OF = {
    "T1": "t1_ax", "T2": "t2_ax", "FLAIR": "flair_ax", "DWI": "dwi", "ADC": "dwi", "SWI": "swi", "TOF": "tof",
    "T1C": "t1_ax_c",
}  # fmt: skip
MOVED = {
    "structural_midline_shift", "structural_mass_effect", "structural_brain_herniation",
    "structural_chiari_malformation", "ventricular_intracranial_hypotension",
}  # fmt: skip
WIDENED = {"ventricular_ventriculomegaly": "ventricles", "structural_cerebral_atrophy": "csf_spaces"}
PAINTED = [name for name in DIAGNOSIS_NAMES if name not in MOVED and name not in WIDENED]


def own_lesions(diagnosis, subtlety, seed):
    """The lesions of the diagnosis itself, and the age of the patient."""
    age = 9.0 if "pediatric" in diagnosis else 50.0
    rng = np.random.default_rng([seed, subtlety])
    drawn = sample_lesions(diagnosis, age_years=age, sex="F", subtlety=subtlety, rng=rng)
    own = [lesion for lesion in drawn if lesion.diagnosis == diagnosis]
    stages = PATTERNS[diagnosis].stages
    if sum(stages.values()) > 0:  # grades are compared at one stage
        own = [replace(lesion, stage=max(stages, key=lambda name: stages[name])) for lesion in own]
    return tuple(own), age


def picture(head, contrast):
    """[z, y, x] signal of one contrast against that of brain, at 3 T."""
    role = ROLES[ROLE_OF[contrast]]
    sequence = sequence_for(role, 3.0, b_value=1000.0 if contrast in {"DWI", "ADC"} else 0.0)
    table = signals(sequence, [TISSUE[name] for name in TISSUE_NAMES], 3.0)
    image = torch.tensordot(table, head.fractions, dims=1)
    for part in head.painted:
        image[part.box] += part.fraction * signal(sequence, part.tissue, 3.0)
    return image.abs() / float(table[1:3].abs().mean())


@pytest.mark.parametrize("diagnosis", PAINTED)
def test_what_is_subtler_changes_the_picture_less(diagnosis, healthy, case_of):
    """Change of signal, squared and summed over the head (how much there is to detect), on the telling contrasts."""
    contrasts = PATTERNS[diagnosis].contrasts
    ages = {own_lesions(diagnosis, 1, 0)[1]}
    before = {contrast: picture(healthy(*ages), contrast) for contrast in contrasts}
    found = {contrast: [] for contrast in contrasts}
    for subtlety in (1, 2, 3):
        changes = {contrast: [] for contrast in contrasts}
        for seed in range(SEEDS):
            lesions, age = own_lesions(diagnosis, subtlety, seed)
            head = healthy(age)
            paint_lesions(head, case_of(lesions, age_years=age))
            for contrast in contrasts:
                changes[contrast].append(float((picture(head, contrast) - before[contrast]).square().sum()) ** 0.5)
        for contrast in contrasts:
            found[contrast].append(median(changes[contrast]))
    for contrast, (plain, moderate, subtle) in found.items():
        assert plain > moderate > subtle > 0, (contrast, found)


@pytest.mark.parametrize("diagnosis", sorted(MOVED))
def test_what_is_subtler_moves_less(diagnosis):
    plain, moderate, subtle = (
        median(max(displacement_mm(lesion) for lesion in own_lesions(diagnosis, grade, seed)[0]) for seed in range(20))
        for grade in (1, 2, 3)
    )
    assert plain > moderate + 1 > subtle + 2 > 3


@pytest.mark.parametrize("diagnosis", sorted(WIDENED))
def test_what_is_subtler_widens_less(diagnosis, healthy, case_of):
    usual = float(region_map(healthy(50.0), WIDENED[diagnosis]).sum())
    ratios = []
    for subtlety in (1, 2, 3):
        found = []
        for seed in range(3):
            case = case_of(own_lesions(diagnosis, subtlety, seed)[0])
            head = build_head(case, spacing_mm=4.0, shape_hooks=shape_hooks(case))
            paint_lesions(head, case)
            found.append(float(region_map(head, WIDENED[diagnosis]).sum()) / usual)
        ratios.append(median(found))
    plain, moderate, subtle = ratios
    assert plain > 1.1 * moderate and moderate > 1.1 * subtle and subtle > 1.2 and math.isfinite(plain)
