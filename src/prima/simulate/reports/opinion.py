"""What a report is going to say of each diagnosis: present, uncertain, historical, absent, or nothing.

Rates: a visible finding of the highest subtlety is hedged in 12 % of reports and a plainer one in 1 %; 4 % of reports
hedge about something that is not there; a differential names others as uncertain at the writer's own rate. Findings of
the structural and surgical groups are never hedged. Whatever is visible is always told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from prima.simulate.case import Case, Lesion
from prima.simulate.reports.written import Stance
from prima.study.ontology import DIAGNOSIS_NAMES, IMPLICATIONS

HEDGED_WHEN_SUBTLE = 0.12
HEDGED_WHEN_PLAIN = 0.01
HEDGED_WITHOUT_CAUSE = 0.04

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
_MIMICS = (
    *("vascular_ischemic_lacunar_stroke", "vascular_malformation_cerebral_aneurysm", "tumor_adult_brain_metastasis"),
    *("vascular_malformation_cavernoma", "inflammatory_multiple_sclerosis", "tumor_adult_meningioma"),
    *("vascular_hemorrhagic_subarachnoid_hemorrahage", "sellar_pituitary_adenoma", "developmental_heterotopia"),
    *("tumor_adult_low_grade_glioma", "tumor_adult_schwannoma", "trauma_subdural_hematoma"),
)
_USUALLY_DENIED = {
    "vascular_hemorrhagic_intracranial_hemorrhage": 14.0,
    "vascular_ischemic_large_vessel_stroke": 14.0,
    "structural_mass_effect": 12.0,
    "structural_midline_shift": 9.0,
    "ventricular_ventriculomegaly": 8.0,
    "structural_brain_herniation": 4.0,
    "trauma_subdural_hematoma": 3.0,
    "structural_edema": 3.0,
    "vascular_malformation_cerebral_aneurysm": 2.5,
    "tumor_adult_brain_metastasis": 2.5,
    "structural_chiari_malformation": 2.0,
    "inflammatory_multiple_sclerosis": 2.0,
    "vascular_malformation_arteriovenous_malformation": 2.0,
}
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
    "tumor_pediatric_ependymoma": ("tumor_pediatric_medulloblastoma",),
    "tumor_adult_pineal_tumor": ("tumor_pediatric_germ_cell_tumor",),
}
_FAMILIES = (
    ("glioma", "astrocytoma", "ependymoma", "medulloblastoma"),
    ("stroke", "encephalomalacia"),
    ("hemorr", "hematoma", "contusion", "axonal", "cavernoma", "aneurysm", "arteriovenous"),
    ("sellar_",),
    ("small_vessel", "multiple_sclerosis"),
    ("cyst_", "dandy_walker"),
    ("ventriculomegaly", "atrophy"),
    ("surgical_", "structural_cephaloceles"),
    ("lymphoma", "metastasis"),
    ("pineal", "germ_cell"),
    ("hypotension", "chiari", "herniation", "syrinx"),
)
_SWELLING = ("glioma", "metastasis", "abscess", "encephalitis", "stroke", "hemorr", "contusion", "lymphoma", "hematoma")


@dataclass(frozen=True, kw_only=True)
class Opinion:
    """What is said of each diagnosis, and of which lesions.

    Args:
        told: diagnoses with lesions of their own (or none to be found): each gets its sentence, present or uncertain.
        implied: consequence → the diagnoses whose mention says it too.
        historical: of the past. denied: said to be absent. mimics: hedged though not there.
    """

    lesions: dict[str, tuple[Lesion, ...]]
    told: dict[str, Stance]
    implied: dict[str, tuple[str, ...]]
    historical: tuple[str, ...]
    denied: tuple[str, ...]
    mimics: tuple[str, ...]


def form_opinion(case: Case, denials: tuple[int, int], random: np.random.Generator) -> Opinion:
    """Decides what the report of a case says."""
    lesions: dict[str, tuple[Lesion, ...]] = {}
    for lesion in case.lesions:
        if lesion.diagnosis in case.labels:
            lesions[lesion.diagnosis] = (*lesions.get(lesion.diagnosis, ()), lesion)
    implied = {
        label: premises
        for label in case.labels
        if label not in lesions and (premises := tuple(sorted(_premises(label) & set(case.labels))))
    }
    told: dict[str, Stance] = {}
    for label in sorted(case.labels, key=lambda name: (_rank(name), name)):
        if label not in implied:
            told[label] = "uncertain" if _hedged(label, lesions.get(label, ()), random) else "present"
    historical = tuple(name for name in case.absent_now if name not in case.labels and name in DIAGNOSIS_NAMES)
    said = {*case.labels, *historical}
    mimics: tuple[str, ...] = ()
    if random.random() < HEDGED_WITHOUT_CAUSE:
        possible = [name for name in _MIMICS if not _close({name}, said)]
        mimics = (str(random.choice(possible)),) if possible else ()
    denied = _denied({*said, *mimics}, denials, random)
    return Opinion(lesions=lesions, told=told, implied=implied, historical=historical, denied=denied, mimics=mimics)


def _rank(label: str) -> int:
    """The order of telling: what is urgent, what is large, its consequences, and minor things last."""
    if label in MINOR:
        return 99
    if label in CONSEQUENCES:
        return 50
    return next((place for place, word in enumerate(_FIRST) if word in label), len(_FIRST))


def _hedged(label: str, lesions: tuple[Lesion, ...], random: np.random.Generator) -> bool:
    chance = float(random.random())
    if label.startswith(_NEVER_HEDGED) or not lesions:
        return False
    subtle = min(lesion.subtlety for lesion in lesions) >= 3
    return chance < (HEDGED_WHEN_SUBTLE if subtle else HEDGED_WHEN_PLAIN)


def _premises(consequence: str) -> set[str]:
    return {rule.premise for rule in IMPLICATIONS if rule.when is None and rule.consequence == consequence}


def _denied(said: set[str], denials: tuple[int, int], random: np.random.Generator) -> tuple[str, ...]:
    possible = [name for name in DIAGNOSIS_NAMES if not _close({name}, said)]
    if any(word in name for name in said for word in _SWELLING) and "structural_edema" in possible:
        possible.remove("structural_edema")
    weights = np.array([_USUALLY_DENIED.get(name, 0.08) for name in possible])
    number = min(int(random.integers(denials[0], denials[1] + 1)), len(possible))
    picked = random.choice(len(possible), size=number, replace=False, p=weights / weights.sum())
    return tuple(possible[place] for place in picked)


def _close(names: Iterable[str], said: Iterable[str]) -> bool:
    """Whether saying no to one would sit badly beside what is said of the others."""
    ours, theirs = set(names), set(said)
    for rule in IMPLICATIONS:
        if rule.consequence in ours and rule.premise in theirs:
            return True
    return bool(ours & theirs) or any(
        any(word in name for name in ours for word in family)
        and any(word in name for name in theirs for word in family)
        for family in _FAMILIES
    )
