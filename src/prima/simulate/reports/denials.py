"""What a report denies: the usual things, and what the order asked about; nothing that is close to what it tells."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from prima.simulate.people.case import Case
from prima.simulate.reports.asked import asked_about, of_this_age
from prima.study.ontology import DIAGNOSIS_NAMES, IMPLICATIONS

_DENIED_IF_ASKED = 4.0
_DENIED_SELDOM = 0.08
_OF_ANOTHER_AGE = 0.03
_USUALLY_DENIED = {  # in the order in which reports list them
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


def denials_of(
    case: Case, mentioned: set[str], denials: tuple[int, int], random: np.random.Generator
) -> tuple[str, ...]:
    """Released names that a report says no to, the usual ones first.

    Args:
        mentioned: what it says something else of.
        denials: fewest and most.
    """
    possible = [name for name in DIAGNOSIS_NAMES if not close_to({name}, mentioned)]
    if any(word in name for name in mentioned for word in _SWELLING) and "structural_edema" in possible:
        possible.remove("structural_edema")
    indicated = asked_about(case)
    weights = np.array([_weight(name, indicated, case.age_years) for name in possible])
    count = min(int(random.integers(denials[0], denials[1] + 1)), len(possible))
    picked = random.choice(len(possible), size=count, replace=False, p=weights / weights.sum())
    usual = list(_USUALLY_DENIED)
    return tuple(
        sorted(
            (possible[place] for place in picked),
            key=lambda name: usual.index(name) if name in usual else len(usual),
        )
    )


def _weight(name: str, indicated: tuple[str, ...], age_years: float) -> float:
    weight = _USUALLY_DENIED.get(name, _DENIED_SELDOM) + _DENIED_IF_ASKED * (name in indicated)
    return weight if of_this_age(name, age_years) else _OF_ANOTHER_AGE


def close_to(names: Iterable[str], mentioned: Iterable[str]) -> bool:
    """Whether saying no to one would sit badly beside what is said of the others.

    Example:
        >>> close_to(["trauma_subdural_hematoma"], ["vascular_hemorrhagic_intracranial_hemorrhage"])
        True
    """
    candidates, mentioned_names = set(names), set(mentioned)
    for rule in IMPLICATIONS:
        if rule.consequence in candidates and rule.premise in mentioned_names:
            return True
    return bool(candidates & mentioned_names) or any(
        any(word in name for name in candidates for word in family)
        and any(word in name for name in mentioned_names for word in family)
        for family in _FAMILIES
    )
