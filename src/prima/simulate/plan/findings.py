"""What is in a person's head at each study: the condition, what comes with it, and how both change over time."""

from __future__ import annotations

import numpy as np

from prima.simulate.geometry.streams import stream
from prima.simulate.pathology.sampling import sample_lesions
from prima.simulate.people.case import Lesion
from prima.simulate.people.conditions import (
    ASSOCIATED,
    BY_DIAGNOSIS,
    INCIDENTAL,
    INCIDENTAL_IN_CHILDREN,
    NORMAL,
    Condition,
    wear_probability,
)
from prima.simulate.people.courses import State, next_state
from prima.simulate.people.population import PersonAndAge, draw
from prima.simulate.plan.plan import Plan
from prima.simulate.plan.schedule import Slot

GEOMETRIC = frozenset(
    {
        "structural_brain_herniation",
        "structural_cerebral_atrophy",
        "structural_mass_effect",
        "structural_midline_shift",
        "vascular_ischemic_small_vessel_disease",
        "ventricular_intracranial_hypotension",
        "ventricular_ventriculomegaly",
    }
)
"""Findings that a head has once at most; a second cause of one adds nothing to it."""


def state_at(plan: Plan, slot: Slot, patient: PersonAndAge) -> State:
    """What is in the head at this visit: the person's first state, changed once for each visit since."""
    condition = BY_DIAGNOSIS[slot.condition]
    if condition.diagnosis == NORMAL:
        return State()

    def sample(diagnosis: str, *key: int | str) -> tuple[Lesion, ...]:
        rng = stream(plan.seed, "person", slot.person, "lesion", diagnosis, *key)
        return sample_lesions(
            diagnosis,
            age_years=patient.first_age_years,
            sex=patient.person.sex,
            subtlety=_subtlety(plan, patient, rng),
            rng=rng,
        )

    rng = stream(plan.seed, "person", slot.person, "findings")
    lesions: tuple[Lesion, ...] = ()
    for diagnosis in (condition.diagnosis, *(_company(condition, patient, rng) if plan.life else ())):
        present = {lesion.diagnosis for lesion in lesions}
        if diagnosis not in present:
            lesions += tuple(new for new in sample(diagnosis) if new.diagnosis not in present & GEOMETRIC)
    state = State(lesions=lesions)
    for visit in range(1, slot.visit + 1):
        state = next_state(
            state,
            condition.course,
            condition.diagnosis,
            sample=lambda diagnosis, visit=visit: sample(diagnosis, visit),  # type: ignore[misc]
            rng=stream(plan.seed, "person", slot.person, "course", visit),
        )
    return state


def _company(condition: Condition, patient: PersonAndAge, rng: np.random.Generator) -> list[str]:
    """Diagnoses that come with a condition, with age, or by chance."""
    company = [name for name, chance in ASSOCIATED.get(condition.diagnosis, ()) if rng.random() < chance]
    worn = zip(
        ("vascular_ischemic_small_vessel_disease", "structural_cerebral_atrophy"),
        wear_probability(patient.first_age_years),
        strict=True,
    )
    company += [name for name, chance in worn if rng.random() < chance]
    adult = patient.first_age_years >= 18
    chances = [(name, chance, rng.random()) for name, chance in INCIDENTAL]
    return company + [
        name for name, chance, point in chances if point < chance and (adult or name in INCIDENTAL_IN_CHILDREN)
    ]


def _subtlety(plan: Plan, patient: PersonAndAge, rng: np.random.Generator) -> int:
    """1 plain, 2 moderate, 3 subtle; two numbers are drawn whatever the plan says, so that streams stay aligned."""
    level = int(draw({str(level): share for level, share in enumerate(plan.subtlety_shares, start=1)}, rng))
    made_subtle = rng.random()
    if plan.bias is not None and plan.bias.applies_to(patient.person) and made_subtle < plan.bias.strength:
        return 3
    return level
