"""Which diagnoses an order asks about: what a report then denies by name, and what a history puts as a question."""

from __future__ import annotations

import re
from functools import cache

from prima.simulate.people.case import Case
from prima.simulate.people.conditions import BY_DIAGNOSIS
from prima.study.ontology import DIAGNOSIS_NAMES

_ASKED: tuple[tuple[str, str], ...] = (
    (r"pituitar|prolactin|visual field|amenorrh", "sellar_ tumor_pediatric_germ_cell"),
    (r"\biac\b|hearing|tinnitus|vertigo|facial palsy", "schwannoma tumor_adult_meningioma"),
    (r"\bms\b|numbness|optic neuritis|paresthes", "multiple_sclerosis neurosarcoid spine_syrinx"),
    (r"facial numbness|cranial neurop", "neurosarcoid schwannoma lymphoma"),
    (r"seizure|epilep", "heterotopia cavernoma low_grade_glioma arteriovenous encephalitis encephalomalacia"),
    (r"fever|infect", "infectious_ hypotension"),
    (r"trauma|injury|fall\b|collision", "trauma_ subarachnoid structural_brain_herniation encephalomalacia"),
    (r"worst headache|sudden severe", "subarachnoid aneurysm arteriovenous intraventricular"),
    (r"headache", "colloid chiari hypotension aneurysm trauma_subdural cyst_arachnoid"),
    (r"upright|positional", "hypotension chiari"),
    (r"arm weakness|weakness and numbness", "spine_syrinx chiari"),
    (r"memory|cognitive|forget", "atrophy ventriculomegaly small_vessel"),
    (r"gait|incontinence|unstead|dizz", "ventriculomegaly chiari small_vessel dandy_walker"),
    (r"mass\b|tumor|deficit", "tumor_adult_glioma high_grade metastasis lymphoma meningioma"),
    (r"diplopia|double vision", "pineal aneurysm neurosarcoid tumor_pediatric_brainstem"),
    (r"vomit|ataxia", "medulloblastoma ependymoma pilocytic brainstem colloid pineal germ_cell"),
    (r"development|macroceph", "callosum dandy_walker heterotopia cyst_arachnoid cephalocele"),
    (r"rhinorrhea|leak", "cephalocele"),
    (r"stroke|weakness|aphasia|droop|\btia\b", "lacunar moyamoya intraventricular arteriovenous"),
    (r"alter|confus|alertness", "encephalitis structural_brain_herniation hypotension"),
    (r"post ?operat|surgery|shunt|drain", "intraventricular trauma_subdural abscess"),
    (r"follow|surveillance", "metastasis tumor_adult_glioma resection_cavity craniotomy surgical_catheter"),
)


def asked_about(case: Case) -> tuple[str, ...]:
    """Released names of what the words of the order bring to mind, at this age.

    Example:
        >>> _asked_by("clear rhinorrhea")
        ('structural_cephaloceles',)
    """
    words = f"{case.visit.indication} {case.visit.description}".lower()
    return tuple(name for name in _asked_by(words) if of_this_age(name, case.age_years))


def of_this_age(diagnosis: str, age_years: float) -> bool:
    """Whether a diagnosis of children or of adults alone fits the age."""
    child = BY_DIAGNOSIS[diagnosis].child
    return child is None or child == (age_years < 18)


@cache
def _asked_by(words: str) -> tuple[str, ...]:
    parts = [part for pattern, names in _ASKED if re.search(pattern, words) for part in names.split()]
    return tuple(name for name in DIAGNOSIS_NAMES if any(part in name for part in parts))
