"""At which age and in which sex a diagnosis is met, and how often, relative to the others.

Rounded from textbook figures (Osborn's Brain, 2nd ed. 2017) and, for tumors, Ostrom et al., CBTRUS report, Neuro-
Oncology 2021;23:iii1.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from prima.simulate.people.case import Sex


@dataclass(frozen=True, kw_only=True)
class AgePrior:
    """How often a diagnosis is met.

    Args:
        weight: relative frequency among the imaged.
        ages: age in years → relative frequency at that age; straight lines between, the end values beyond.
        female: share of women and girls.
    """

    weight: float
    ages: tuple[tuple[float, float], ...]
    female: float = 0.5


_ADULT = ((17.9, 0.0), (18.0, 0.4), (40.0, 0.8), (65.0, 1.0), (90.0, 0.6))
_YOUNG = ((0.0, 0.3), (8.0, 1.0), (20.0, 1.0), (45.0, 0.7), (90.0, 0.3))
_OLD = ((30.0, 0.0), (50.0, 0.2), (65.0, 0.7), (80.0, 1.0))
_CHILD = ((0.5, 0.4), (6.0, 1.0), (12.0, 0.8), (17.9, 0.4), (18.0, 0.0))
_FROM_BIRTH = ((0.0, 1.0), (5.0, 0.8), (30.0, 0.4), (80.0, 0.15))
_ANY = ((0.0, 0.6), (90.0, 1.0))
_STROKE = ((17.0, 0.05), (40.0, 0.2), (70.0, 1.0), (90.0, 1.0))


def _prior(weight: float, ages: tuple[tuple[float, float], ...], female: float = 0.5) -> AgePrior:
    return AgePrior(weight=weight, ages=ages, female=female)


AGE_PRIORS: dict[str, AgePrior] = {
    "cyst_arachnoid_cyst": _prior(1.4, _ANY, 0.4),
    "cyst_colloid_cyst": _prior(0.3, ((10.0, 0.1), (30.0, 1.0), (60.0, 0.8), (90.0, 0.3))),
    "developmental_dandy_walker_malformation": _prior(0.15, _FROM_BIRTH, 0.55),
    "developmental_dysgenesis_corpus_callosum": _prior(0.3, _FROM_BIRTH, 0.45),
    "developmental_heterotopia": _prior(0.3, _YOUNG, 0.6),
    "infectious_brain_abscess": _prior(0.4, _ANY, 0.35),
    "infectious_viral_encephalitis": _prior(0.4, _ANY),
    "inflammatory_multiple_sclerosis": _prior(
        4.0, ((10.0, 0.0), (18.0, 0.3), (32.0, 1.0), (50.0, 0.8), (75.0, 0.3)), 0.72
    ),
    "inflammatory_neurosarcoid": _prior(0.3, ((18.0, 0.1), (38.0, 1.0), (60.0, 0.6), (85.0, 0.1)), 0.58),
    "sellar_craniopharyngioma": _prior(0.3, ((2.0, 0.2), (9.0, 1.0), (20.0, 0.3), (58.0, 0.8), (80.0, 0.2))),
    "sellar_pituitary_adenoma": _prior(2.0, ((12.0, 0.0), (20.0, 0.4), (45.0, 1.0), (80.0, 0.6)), 0.57),
    "sellar_rathkes_cleft_cyst": _prior(0.5, ((10.0, 0.2), (40.0, 1.0), (80.0, 0.5)), 0.66),
    "spine_syrinx": _prior(0.3, _YOUNG, 0.52),
    "structural_brain_herniation": _prior(0.6, _ANY),
    "structural_cephaloceles": _prior(0.15, _FROM_BIRTH, 0.55),
    "structural_cerebral_atrophy": _prior(8.0, _OLD),
    "structural_chiari_malformation": _prior(1.2, _YOUNG, 0.62),
    "structural_edema": _prior(6.0, _ANY),
    "structural_encephalomalacia": _prior(4.0, _ANY),
    "structural_mass_effect": _prior(6.0, _ANY),
    "structural_midline_shift": _prior(2.5, _ANY),
    "surgical_catheter": _prior(1.8, _ANY),
    "surgical_craniotomy": _prior(5.0, _ANY),
    "surgical_resection_cavity": _prior(3.5, _ANY),
    "trauma_brain_contusion": _prior(0.5, _ANY, 0.35),
    "trauma_diffuse_axonal_injury": _prior(0.4, ((2.0, 0.2), (20.0, 1.0), (45.0, 0.6), (80.0, 0.2)), 0.3),
    "trauma_subdural_hematoma": _prior(1.5, ((0.0, 0.3), (20.0, 0.3), (60.0, 0.7), (80.0, 1.0)), 0.35),
    "tumor_adult_brain_metastasis": _prior(3.5, ((17.9, 0.0), (30.0, 0.15), (62.0, 1.0), (85.0, 0.6))),
    "tumor_adult_glioma": _prior(0.6, _ADULT, 0.43),
    "tumor_adult_high_grade_glioma": _prior(2.0, ((17.9, 0.0), (30.0, 0.2), (62.0, 1.0), (85.0, 0.5)), 0.41),
    "tumor_adult_low_grade_glioma": _prior(
        0.9, ((17.9, 0.0), (20.0, 0.6), (36.0, 1.0), (60.0, 0.3), (80.0, 0.1)), 0.44
    ),
    "tumor_adult_lymphoma": _prior(0.4, ((17.9, 0.0), (40.0, 0.3), (66.0, 1.0), (85.0, 0.7)), 0.45),
    "tumor_adult_meningioma": _prior(3.0, ((17.9, 0.0), (30.0, 0.15), (65.0, 1.0), (90.0, 0.9)), 0.7),
    "tumor_adult_pineal_tumor": _prior(0.15, ((17.9, 0.0), (20.0, 1.0), (40.0, 0.7), (80.0, 0.2)), 0.5),
    "tumor_adult_schwannoma": _prior(1.2, ((17.9, 0.0), (25.0, 0.3), (52.0, 1.0), (80.0, 0.5)), 0.53),
    "tumor_pediatric_brainstem_glioma": _prior(0.3, _CHILD),
    "tumor_pediatric_ependymoma": _prior(0.2, ((0.5, 0.8), (4.0, 1.0), (12.0, 0.4), (17.9, 0.2), (18.0, 0.0)), 0.43),
    "tumor_pediatric_germ_cell_tumor": _prior(0.15, ((2.0, 0.1), (13.0, 1.0), (17.9, 0.8), (18.0, 0.0)), 0.28),
    "tumor_pediatric_medulloblastoma": _prior(0.4, _CHILD, 0.37),
    "tumor_pediatric_pilocytic_astrocytoma": _prior(0.5, _CHILD),
    "vascular_hemorrhagic_intracranial_hemorrhage": _prior(2.5, _STROKE, 0.45),
    "vascular_hemorrhagic_intraventricular_hemorrhage": _prior(0.8, _STROKE),
    "vascular_hemorrhagic_subarachnoid_hemorrahage": _prior(1.0, ((17.0, 0.1), (52.0, 1.0), (85.0, 0.7)), 0.6),
    "vascular_ischemic_lacunar_stroke": _prior(3.0, _STROKE, 0.46),
    "vascular_ischemic_large_vessel_stroke": _prior(3.0, _STROKE, 0.49),
    "vascular_ischemic_moyamoya": _prior(0.25, ((3.0, 0.5), (8.0, 1.0), (20.0, 0.5), (42.0, 1.0), (75.0, 0.1)), 0.67),
    "vascular_ischemic_small_vessel_disease": _prior(14.0, _OLD, 0.53),
    "vascular_malformation_arteriovenous_malformation": _prior(0.5, ((3.0, 0.2), (30.0, 1.0), (70.0, 0.3)), 0.48),
    "vascular_malformation_cavernoma": _prior(0.9, ((3.0, 0.3), (35.0, 1.0), (80.0, 0.5))),
    "vascular_malformation_cerebral_aneurysm": _prior(1.5, ((17.0, 0.05), (55.0, 1.0), (85.0, 0.6)), 0.68),
    "ventricular_intracranial_hypotension": _prior(0.4, ((14.0, 0.1), (42.0, 1.0), (75.0, 0.4)), 0.63),
    "ventricular_ventriculomegaly": _prior(4.0, ((0.0, 0.9), (15.0, 0.4), (50.0, 0.4), (80.0, 1.0))),
}


def frequency(diagnosis: str, age_years: float, sex: Sex) -> float:
    """Relative frequency of a diagnosis at an age, in a sex; 0 where it is not met by definition.

    Example:
        >>> frequency("tumor_pediatric_medulloblastoma", 30, "M")
        0.0
        >>> frequency("tumor_adult_meningioma", 60, "F") > frequency("tumor_adult_meningioma", 60, "M")
        True
    """
    prior = AGE_PRIORS[diagnosis]
    ages = prior.ages
    value = ages[0][1] if age_years <= ages[0][0] else ages[-1][1]
    for (young, low), (old, high) in itertools.pairwise(ages):
        if young < age_years <= old or (age_years == old and old != young):
            value = low + (high - low) * (age_years - young) / (old - young)
    return prior.weight * value * 2 * (prior.female if sex == "F" else 1 - prior.female)
