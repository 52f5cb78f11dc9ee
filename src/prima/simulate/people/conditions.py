"""What brings people to the scanner: each condition's share of studies, ages, sexes and course.

The shares are chosen for learning, not copied from an archive: rare diagnoses are lifted so that none is rarer than
one study in a hundred in a year of 2,000 studies (treatment and follow-up take some away), and about 40 % of studies
show nothing. Ages and sex ratios follow textbooks in rounded form
(Osborn, Hedlund, Salzman: Osborn's Brain, 3rd ed. 2024; tumors: Ostrom et al., CBTRUS report, Neuro-Oncology 2023;
multiple sclerosis: Walton et al., Mult Scler 2020). What accompanies a condition is drawn on top of these shares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from prima.simulate.people.case import PatientClass

Course = Literal["static", "progressive", "relapsing", "evolving", "resolving", "operable", "treated", "postoperative"]
Modes = tuple[tuple[float, float, float], ...]
NORMAL = "normal"


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One reason to be in the archive.

    Args:
        diagnosis: released name, or "normal".
        per_mille: share of studies, in thousandths; a plan may change it.
        ages: modes of the age at the first study as (weight, mean, standard deviation) in years.
        child: whether it is only diagnosed in children (under 18 years), or only in adults; None: in both.
        female: share of women.
        course: how it changes from one study to the next.
        visits: mean number of studies of one person within a year.
        indication: what the order says when it does not speak of general symptoms.
    """

    diagnosis: str
    per_mille: float
    ages: Modes
    female: float
    course: Course
    visits: float
    indication: str
    child: bool | None = None


def _modes(ages: tuple[float, float] | Modes) -> Modes:
    return tuple(mode for mode in ages if isinstance(mode, tuple)) or ((1.0, *ages),)


def _row(  # noqa: PLR0917 - a row of a table
    diagnosis: str,
    per_mille: float,
    ages: tuple[float, float] | Modes,
    female: float,
    course: Course,
    visits: float,
    indication: str,
    *,
    child: bool | None = None,
) -> Condition:
    return Condition(
        diagnosis=diagnosis,
        per_mille=per_mille,
        ages=_modes(ages),
        female=female,
        course=course,
        visits=visits,
        indication=indication,
        child=child,
    )


CONDITIONS: tuple[Condition, ...] = (
    _row(NORMAL, 385, ((0.12, 9, 5), (0.88, 47, 18)), 0.56, "static", 1.1, "headache"),
    _row("cyst_arachnoid_cyst", 11, (35, 22), 0.40, "static", 1.2, "headache"),
    _row("cyst_colloid_cyst", 15, (42, 14), 0.50, "operable", 1.3, "headache"),
    _row("developmental_dandy_walker_malformation", 13, (7, 7), 0.55, "static", 1.2, "developmental_delay"),
    _row("developmental_dysgenesis_corpus_callosum", 13, (12, 11), 0.45, "static", 1.2, "developmental_delay"),
    _row("developmental_heterotopia", 13, (23, 14), 0.55, "static", 1.2, "seizure"),
    _row("infectious_brain_abscess", 15, (45, 18), 0.35, "resolving", 1.4, "infection"),
    _row("infectious_viral_encephalitis", 15, (45, 20), 0.50, "resolving", 1.3, "infection"),
    _row("inflammatory_multiple_sclerosis", 17, (40, 12), 0.74, "relapsing", 1.8, "demyelination"),
    _row("inflammatory_neurosarcoid", 13, (44, 11), 0.58, "relapsing", 1.6, "cranial_nerve"),
    _row("sellar_craniopharyngioma", 12, ((0.45, 10, 4), (0.55, 50, 13)), 0.50, "progressive", 1.4, "pituitary"),
    _row("sellar_pituitary_adenoma", 11, (48, 16), 0.58, "progressive", 1.4, "pituitary"),
    _row("sellar_rathkes_cleft_cyst", 12, (42, 15), 0.65, "static", 1.3, "pituitary"),
    _row("spine_syrinx", 11, (35, 18), 0.50, "static", 1.2, "weakness"),
    _row("structural_brain_herniation", 10, (60, 17), 0.45, "static", 1.1, "altered_mental_status"),
    _row("structural_cephaloceles", 12, ((0.4, 3, 3), (0.6, 45, 13)), 0.60, "static", 1.2, "csf_leak"),
    _row("structural_cerebral_atrophy", 6, (74, 9), 0.55, "progressive", 1.2, "memory_loss"),
    _row("structural_chiari_malformation", 14, (27, 14), 0.65, "static", 1.3, "headache"),
    _row("structural_edema", 2, (52, 18), 0.50, "resolving", 1.2, "altered_mental_status"),
    _row("structural_encephalomalacia", 7, (57, 17), 0.45, "static", 1.2, "seizure"),
    _row("structural_mass_effect", 2, (55, 18), 0.48, "resolving", 1.2, "headache"),
    _row("structural_midline_shift", 2, (58, 18), 0.45, "resolving", 1.2, "altered_mental_status"),
    _row("surgical_catheter", 13, ((0.35, 8, 5), (0.65, 55, 17)), 0.48, "postoperative", 1.3, "shunt"),
    _row("surgical_craniotomy", 5, (55, 16), 0.50, "postoperative", 1.2, "postoperative"),
    _row("surgical_resection_cavity", 5, (54, 16), 0.48, "postoperative", 1.4, "postoperative"),
    _row("trauma_brain_contusion", 17, (42, 20), 0.30, "evolving", 1.3, "trauma"),
    _row("trauma_diffuse_axonal_injury", 12, (32, 14), 0.28, "static", 1.2, "trauma"),
    _row("trauma_subdural_hematoma", 14, (69, 14), 0.38, "resolving", 1.4, "trauma"),
    _row("tumor_adult_brain_metastasis", 16, (62, 11), 0.53, "operable", 1.8, "tumor", child=False),
    _row("tumor_adult_glioma", 2, (52, 14), 0.44, "operable", 1.6, "seizure", child=False),
    _row("tumor_adult_high_grade_glioma", 16, (60, 12), 0.42, "operable", 2.0, "tumor", child=False),
    _row("tumor_adult_low_grade_glioma", 16, (40, 11), 0.44, "operable", 1.7, "seizure", child=False),
    _row("tumor_adult_lymphoma", 19, (63, 11), 0.45, "treated", 1.7, "tumor", child=False),
    _row("tumor_adult_meningioma", 14, (60, 13), 0.70, "operable", 1.5, "headache", child=False),
    _row("tumor_adult_pineal_tumor", 14, (37, 12), 0.50, "operable", 1.3, "diplopia", child=False),
    _row("tumor_adult_schwannoma", 15, (52, 13), 0.52, "operable", 1.4, "hearing_loss", child=False),
    _row("tumor_pediatric_brainstem_glioma", 12, (7, 3), 0.50, "static", 1.5, "diplopia", child=True),
    _row("tumor_pediatric_ependymoma", 15, (6, 4), 0.43, "operable", 1.5, "vomiting", child=True),
    _row("tumor_pediatric_germ_cell_tumor", 16, (13, 3), 0.25, "treated", 1.4, "diplopia", child=True),
    _row("tumor_pediatric_medulloblastoma", 15, (7.5, 4), 0.38, "operable", 1.5, "vomiting", child=True),
    _row("tumor_pediatric_pilocytic_astrocytoma", 16, (9, 4), 0.50, "operable", 1.5, "vomiting", child=True),
    _row("vascular_hemorrhagic_intracranial_hemorrhage", 10, (66, 13), 0.45, "evolving", 1.3, "stroke"),
    _row("vascular_hemorrhagic_intraventricular_hemorrhage", 13, (62, 15), 0.47, "resolving", 1.3, "stroke"),
    _row("vascular_hemorrhagic_subarachnoid_hemorrahage", 13, (54, 13), 0.60, "resolving", 1.4, "thunderclap"),
    _row("vascular_ischemic_lacunar_stroke", 13, (66, 11), 0.45, "evolving", 1.2, "stroke"),
    _row("vascular_ischemic_large_vessel_stroke", 16, (69, 13), 0.50, "evolving", 1.3, "stroke"),
    _row("vascular_ischemic_moyamoya", 12, ((0.4, 9, 4), (0.6, 41, 10)), 0.66, "static", 1.3, "stroke"),
    _row("vascular_ischemic_small_vessel_disease", 7, (70, 10), 0.52, "progressive", 1.2, "memory_loss"),
    _row("vascular_malformation_arteriovenous_malformation", 14, (36, 14), 0.48, "operable", 1.3, "seizure"),
    _row("vascular_malformation_cavernoma", 11, (40, 15), 0.52, "operable", 1.2, "seizure"),
    _row("vascular_malformation_cerebral_aneurysm", 7, (56, 12), 0.68, "static", 1.3, "headache"),
    _row("ventricular_intracranial_hypotension", 15, (43, 12), 0.63, "resolving", 1.3, "orthostatic_headache"),
    _row("ventricular_ventriculomegaly", 6, ((0.3, 3, 3), (0.7, 72, 9)), 0.48, "static", 1.3, "gait"),
)

BY_DIAGNOSIS: dict[str, Condition] = {row.diagnosis: row for row in CONDITIONS}

ASSOCIATED: dict[str, tuple[tuple[str, float], ...]] = {
    "spine_syrinx": (("structural_chiari_malformation", 0.3),),
    "developmental_dandy_walker_malformation": (("developmental_dysgenesis_corpus_callosum", 0.15),),
    "developmental_dysgenesis_corpus_callosum": (("developmental_heterotopia", 0.2),),
    "structural_brain_herniation": (("structural_midline_shift", 0.5),),
    "structural_cerebral_atrophy": (("vascular_ischemic_small_vessel_disease", 0.4),),
    "trauma_brain_contusion": (("trauma_subdural_hematoma", 0.2), ("trauma_diffuse_axonal_injury", 0.1)),
    "trauma_diffuse_axonal_injury": (("trauma_brain_contusion", 0.15),),
    "vascular_hemorrhagic_subarachnoid_hemorrahage": (("vascular_malformation_cerebral_aneurysm", 0.4),),
    "vascular_ischemic_lacunar_stroke": (("vascular_ischemic_small_vessel_disease", 0.6),),
    "vascular_ischemic_moyamoya": (("vascular_ischemic_lacunar_stroke", 0.2), ("structural_encephalomalacia", 0.2)),
}
"""What comes with a condition, and how often, besides what pathology itself brings along (edema, mass effect, a syrinx
with a Chiari malformation, large ventricles behind a mass)."""

INCIDENTAL: tuple[tuple[str, float], ...] = (
    ("cyst_arachnoid_cyst", 0.016),
    ("sellar_pituitary_adenoma", 0.010),
    ("sellar_rathkes_cleft_cyst", 0.010),
    ("vascular_malformation_cerebral_aneurysm", 0.014),
    ("vascular_malformation_cavernoma", 0.008),
    ("tumor_adult_meningioma", 0.012),
    ("structural_encephalomalacia", 0.012),
)
"""Findings met by chance in people who were scanned for something else that was found, and how often; in children only
those of `INCIDENTAL_IN_CHILDREN`."""

INCIDENTAL_IN_CHILDREN = frozenset({"cyst_arachnoid_cyst", "vascular_malformation_cavernoma"})


def wear_probability(age_years: float) -> tuple[float, float]:
    """Chance of visible small-vessel disease and of atrophy beside another finding, logistic in age.

    Example:
        >>> [round(value, 2) for value in wear_probability(40)], [round(value, 2) for value in wear_probability(80)]
        ([0.01, 0.0], [0.49, 0.35])
    """
    small_vessel = 0.65 / (1 + 2.718281828459045 ** (-(age_years - 71) / 8))
    atrophy = 0.55 / (1 + 2.718281828459045 ** (-(age_years - 76) / 7))
    return small_vessel, atrophy


PATIENT_CLASSES: dict[Course, dict[PatientClass, float]] = {
    "static": {"outpatient": 0.70, "emergency": 0.18, "inpatient": 0.12},
    "progressive": {"outpatient": 0.72, "emergency": 0.14, "inpatient": 0.14},
    "relapsing": {"outpatient": 0.80, "emergency": 0.10, "inpatient": 0.10},
    "evolving": {"outpatient": 0.15, "emergency": 0.50, "inpatient": 0.35},
    "resolving": {"outpatient": 0.20, "emergency": 0.45, "inpatient": 0.35},
    "operable": {"outpatient": 0.55, "emergency": 0.20, "inpatient": 0.25},
    "treated": {"outpatient": 0.50, "emergency": 0.20, "inpatient": 0.30},
    "postoperative": {"outpatient": 0.60, "emergency": 0.15, "inpatient": 0.25},
}
"""Where a first study of such a condition is ordered; a follow-up is an outpatient study four times in five."""
