"""Who is scanned when: the table of visits of a plan, from its seed alone, without any pathology.

Conditions are dealt to studies by systematic sampling, so that every condition has its share of the studies to within
one; studies of a condition are dealt to persons, and the persons' visits are sorted by time. That a table of the whole
plan comes first is what lets any worker make any case in any order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

import numpy as np

from prima.simulate.geometry.streams import stream
from prima.simulate.people.case import PatientClass
from prima.simulate.people.conditions import BY_DIAGNOSIS, NORMAL, PATIENT_CLASSES, Condition
from prima.simulate.people.operations import scan_time
from prima.simulate.people.population import draw
from prima.simulate.plan.plan import Plan

LEAST_GAP_DAYS = 20
"""A person is scanned at most once in so many days of the plan."""

FOLLOW_UP_OUTPATIENT = 0.8


@dataclass(frozen=True, kw_only=True)
class Slot:
    """One study before anything is known of it but who, what for and when.

    Args:
        person: number of the person in the plan.
        condition: "normal" or a released name.
        visit: 0 for the person's first study, then 1, 2, …
        earlier: indices of the person's studies before this one, oldest first.
    """

    person: int
    condition: str
    visit: int
    patient_class: PatientClass
    scanned: datetime
    earlier: tuple[int, ...]


@lru_cache(maxsize=4)
def schedule(plan: Plan) -> tuple[Slot, ...]:
    """All studies of a plan in the order of their scans."""
    rng = stream(plan.seed, "schedule")
    persons = _deal_persons(plan, rng)
    visits = [
        (*_visit(plan, condition, visit, day, rng), person, condition.diagnosis)
        for person, (condition, count) in enumerate(persons)
        for visit, day in enumerate(np.sort(rng.uniform(0, plan.days, count)))
    ]
    visits.sort(key=lambda row: (row[0], row[2]))
    earlier: dict[int, tuple[int, ...]] = {}
    slots = []
    for index, (scanned, patient_class, person, condition_name) in enumerate(visits):
        before = earlier.get(person, ())
        earlier[person] = (*before, index)
        slots.append(
            Slot(
                person=person,
                condition=condition_name,
                visit=len(before),
                patient_class=patient_class,
                scanned=scanned,
                earlier=before,
            )
        )
    return tuple(slots)


def condition_counts(plan: Plan, rng: np.random.Generator) -> dict[str, int]:
    """How many studies each condition gets: its share to within one, by one random start and equal steps.

    Example:
        >>> from prima.simulate.plan.plan import make_plan
        >>> plan = make_plan(num_studies=1000)
        >>> counts = condition_counts(plan, np.random.default_rng(0))
        >>> total = sum(share for _, share in plan.shares)
        >>> all(abs(counts[name] - 1000 * share / total) < 1 for name, share in plan.shares)
        True
    """
    order = rng.permutation(len(plan.shares))
    names = [plan.shares[place][0] for place in order]
    edges = np.cumsum([plan.shares[place][1] for place in order])
    points = (rng.random() + np.arange(plan.num_studies)) / plan.num_studies * edges[-1]
    counts = np.bincount(np.minimum(np.searchsorted(edges, points, side="right"), len(names) - 1), minlength=len(names))
    return {name: int(count) for name, count in zip(names, counts, strict=True)}


def _deal_persons(plan: Plan, rng: np.random.Generator) -> list[tuple[Condition, int]]:
    """Each person's condition and number of studies, in random order."""
    most = 1 + plan.days // LEAST_GAP_DAYS if plan.life else 1
    persons: list[tuple[Condition, int]] = []
    for name, total in sorted(condition_counts(plan, rng).items()):
        condition, left = BY_DIAGNOSIS[name], total
        while left:
            drawn = 1 + int(rng.poisson(condition.visits - 1)) if plan.life else 1
            count = min(drawn, most, left, 6)
            persons.append((condition, count))
            left -= count
    return [persons[place] for place in rng.permutation(len(persons))]


def _visit(
    plan: Plan, condition: Condition, visit: int, day: float, rng: np.random.Generator
) -> tuple[datetime, PatientClass]:
    shares: dict[str, float] = {str(kind): share for kind, share in PATIENT_CLASSES[condition.course].items()}
    if visit or condition.diagnosis == NORMAL:
        shares = {"outpatient": FOLLOW_UP_OUTPATIENT, "emergency": 0.1, "inpatient": 0.1}
    if condition.diagnosis == NORMAL:
        shares = {"outpatient": 0.62, "emergency": 0.28, "inpatient": 0.10}
    patient_class: PatientClass = draw(shares, rng)  # type: ignore[assignment]
    on = plan.start + timedelta(days=int(day))
    return scan_time(on, patient_class, first=plan.start, last=plan.last, rng=rng), patient_class
