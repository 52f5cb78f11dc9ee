"""What a report is going to say of each diagnosis: present, uncertain, historical, absent, or nothing.

Rates stand in `effects.ReadingErrors`: what is missed, what is hedged, what is suspected without cause. A differential
names others as uncertain at the rate of the writer. What a report denies are the usual things, and what the order asked
about.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from prima.simulate.pathology.sampling import sample_lesions
from prima.simulate.people.case import Case, Lesion
from prima.simulate.people.effects import ReadingErrors
from prima.simulate.reports.asked import of_this_age
from prima.simulate.reports.denials import close_to, denials_of
from prima.simulate.reports.written import Stance
from prima.study.ontology import DIAGNOSIS_NAMES, IMPLICATIONS

CONTUSION = "trauma_brain_contusion"
CONSEQUENCES = (
    "structural_edema",
    "structural_mass_effect",
    "structural_midline_shift",
    "structural_brain_herniation",
)
MINOR = (
    *("structural_cerebral_atrophy", "vascular_ischemic_small_vessel_disease", "surgical_craniotomy", "spine_syrinx"),
    *("structural_encephalomalacia", "cyst_arachnoid_cyst", "surgical_catheter", "developmental_heterotopia"),
)
_FIRST = (
    "hemorr",
    "herniation",
    "large_vessel",
    "subdural",
    "contusion",
    "abscess",
    "encephalitis",
    "tumor_",
    "stroke",
)
_NEVER_HEDGED = (*CONSEQUENCES, "surgical_", "structural_cerebral_atrophy", "ventricular_ventriculomegaly")
_OFTEN_SUSPECTED = (
    *("vascular_ischemic_lacunar_stroke", "vascular_malformation_cerebral_aneurysm", "tumor_adult_brain_metastasis"),
    *("vascular_malformation_cavernoma", "inflammatory_multiple_sclerosis", "tumor_adult_meningioma"),
    *("vascular_hemorrhagic_subarachnoid_hemorrahage", "sellar_pituitary_adenoma", "tumor_adult_low_grade_glioma"),
)
DIFFERENTIALS: dict[str, tuple[str, ...]] = {
    "tumor_adult_high_grade_glioma": ("tumor_adult_lymphoma", "tumor_adult_brain_metastasis"),
    "tumor_adult_low_grade_glioma": ("infectious_viral_encephalitis",),
    "tumor_adult_brain_metastasis": ("infectious_brain_abscess", "tumor_adult_lymphoma"),
    "tumor_adult_lymphoma": ("tumor_adult_brain_metastasis", "inflammatory_multiple_sclerosis"),
    "infectious_brain_abscess": ("tumor_adult_brain_metastasis",),
    "tumor_adult_schwannoma": ("tumor_adult_meningioma",),
    "tumor_adult_meningioma": ("tumor_adult_schwannoma",),
    "sellar_pituitary_adenoma": ("sellar_rathkes_cleft_cyst",),
    "sellar_rathkes_cleft_cyst": ("sellar_craniopharyngioma", "sellar_pituitary_adenoma"),
    "sellar_craniopharyngioma": ("sellar_rathkes_cleft_cyst",),
    "inflammatory_multiple_sclerosis": ("inflammatory_neurosarcoid",),
    "inflammatory_neurosarcoid": ("tumor_adult_lymphoma",),
    "infectious_viral_encephalitis": ("tumor_adult_low_grade_glioma",),
    "tumor_pediatric_medulloblastoma": ("tumor_pediatric_ependymoma",),
    "tumor_pediatric_ependymoma": ("tumor_pediatric_medulloblastoma", "tumor_pediatric_brainstem_glioma"),
    "tumor_pediatric_pilocytic_astrocytoma": ("tumor_pediatric_ependymoma", "tumor_pediatric_medulloblastoma"),
    "tumor_pediatric_germ_cell_tumor": ("sellar_craniopharyngioma", "tumor_pediatric_pilocytic_astrocytoma"),
    "tumor_pediatric_brainstem_glioma": ("tumor_pediatric_pilocytic_astrocytoma",),
    "tumor_adult_pineal_tumor": ("tumor_adult_meningioma", "tumor_adult_brain_metastasis"),
    "vascular_malformation_cavernoma": ("vascular_malformation_arteriovenous_malformation",),
    "vascular_hemorrhagic_intracranial_hemorrhage": (
        *("vascular_malformation_cavernoma", "vascular_malformation_arteriovenous_malformation"),
        "tumor_adult_brain_metastasis",
    ),
    "vascular_ischemic_small_vessel_disease": ("inflammatory_multiple_sclerosis",),
    "ventricular_intracranial_hypotension": ("structural_chiari_malformation", "trauma_subdural_hematoma"),
    "cyst_arachnoid_cyst": ("developmental_dandy_walker_malformation",),
}


@dataclass(frozen=True, kw_only=True)
class Opinion:
    """What is said of each diagnosis, and of which lesions.

    Args:
        lesions: of each diagnosis that is told or added.
        stances: diagnoses with lesions of their own, or with none to be found: each gets its sentence.
        implied: consequence → the diagnoses whose mention says it too.
        historical: of the past. denied: said to be absent.
        suspected: hedged though not there → a lesion such as it might have been.
        missed: visible and not told. added: those of them that an addendum tells.
    """

    lesions: dict[str, tuple[Lesion, ...]]
    stances: dict[str, Stance]
    implied: dict[str, tuple[str, ...]]
    historical: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    suspected: dict[str, Lesion] = field(default_factory=dict)
    missed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()


def form_opinion(case: Case, denials: tuple[int, int], reading: ReadingErrors, random: np.random.Generator) -> Opinion:
    """Decides what the report of a case says."""
    lesions: dict[str, tuple[Lesion, ...]] = {}
    for lesion in case.lesions:
        if lesion.diagnosis in case.labels:
            lesions[lesion.diagnosis] = (*lesions.get(lesion.diagnosis, ()), lesion)
    chances = {label: random.random(3) for label in case.labels}
    missed = {
        label
        for label, label_lesions in lesions.items()
        if _can_be_missed(case, label_lesions) and chances[label][0] < reading.missed[_subtlety(label_lesions) - 1]
    }
    added = {label for label in missed if chances[label][1] < reading.added}
    seen = {label for label in lesions if label not in missed or label in added}
    implied: dict[str, tuple[str, ...]] = {}
    for label in case.labels:
        premises = _premises(label) & set(lesions)
        if label not in lesions and premises:
            if premises & seen:
                implied[label] = tuple(sorted(premises & seen))
            else:
                missed.add(label)
    stances: dict[str, Stance] = {}
    for label in sorted(case.labels, key=lambda name: (rank_of(name), name)):
        if label not in implied and label not in missed:
            blood = any(label in premises for premises in implied.values()) and label == CONTUSION
            hedged = not blood and _hedged(label, lesions.get(label, ()), reading, float(chances[label][2]))
            stances[label] = "uncertain" if hedged else "present"
    historical = tuple(name for name in case.absent_now if name not in case.labels and name in DIAGNOSIS_NAMES)
    mentioned = {*stances, *implied, *historical}
    suspected = _suspected(case, mentioned, random) if random.random() < reading.suspected else {}
    return Opinion(
        lesions={label: label_lesions for label, label_lesions in lesions.items() if label in seen},
        stances=stances,
        implied=implied,
        historical=historical,
        denied=denials_of(case, {*mentioned, *suspected}, denials, random),
        suspected=suspected,
        missed=tuple(sorted(missed)),
        added=tuple(sorted(added)),
    )


def rank_of(label: str) -> int:
    """The order of telling: what is urgent, what is large, its consequences, and minor things last.

    Example:
        >>> rank_of("vascular_hemorrhagic_subarachnoid_hemorrahage") < rank_of("surgical_craniotomy")
        True
    """
    if label in MINOR:
        return 99
    if label in CONSEQUENCES:
        return 50
    return next((place for place, word in enumerate(_FIRST) if word in label), len(_FIRST))


def can_be_hedged(label: str) -> bool:
    """Whether readers are ever in doubt about it: consequences, surgery, ventricles and sulci are plain to see."""
    return not label.startswith(_NEVER_HEDGED)


def _subtlety(lesions: tuple[Lesion, ...]) -> int:
    return min(lesion.subtlety for lesion in lesions)


def _can_be_missed(case: Case, lesions: tuple[Lesion, ...]) -> bool:
    if any(lesion.course != "new" or lesion.diagnosis.startswith("surgical_") for lesion in lesions):
        return False
    return not set(CONSEQUENCES) & set(case.labels)


def _hedged(label: str, lesions: tuple[Lesion, ...], reading: ReadingErrors, chance: float) -> bool:
    return bool(lesions) and can_be_hedged(label) and chance < reading.hedged[_subtlety(lesions) - 1]


def _premises(consequence: str) -> set[str]:
    """What implies it; whether the condition of an implication holds is in the labels already."""
    return {rule.premise for rule in IMPLICATIONS if rule.consequence == consequence}


def _suspected(case: Case, mentioned: set[str], random: np.random.Generator) -> dict[str, Lesion]:
    possible = [
        name
        for name in DIAGNOSIS_NAMES
        if can_be_hedged(name) and not close_to({name}, mentioned) and of_this_age(name, case.age_years)
    ]
    if not possible:
        return {}
    weights = np.array([3.0 if name in _OFTEN_SUSPECTED else 1.0 for name in possible])
    name = possible[int(random.choice(len(possible), p=weights / weights.sum()))]
    made = sample_lesions(name, age_years=case.age_years, sex=case.person.sex, subtlety=3, rng=random)
    return {name: next(lesion for lesion in made if lesion.diagnosis == name)}
