"""From a plan and an index to one case, in any order and on any worker."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from functools import lru_cache

import numpy as np

from prima.simulate.geometry.streams import seed_of, stream
from prima.simulate.pathology.implied import labels_of
from prima.simulate.people.case import Case, Lesion, Visit
from prima.simulate.people.conditions import BY_DIAGNOSIS, NORMAL
from prima.simulate.people.operations import Place, choose_place, on_weekend, order_time, report_time
from prima.simulate.people.population import PersonAndAge, draw, make_patient
from prima.simulate.plan.equipment import choose_indication, protocol_of, words_of
from prima.simulate.plan.findings import state_at
from prima.simulate.plan.plan import Plan
from prima.simulate.plan.schedule import Slot, schedule
from prima.simulate.scanner.protocols import PROTOCOLS
from prima.study.triage import priority_and_referrals

_NAMESPACE = uuid.UUID("0f3b5d0e-6a8f-5be0-9f51-3f4c1f1f7f0a")


def case_at(plan: Plan, index: int) -> Case:
    """The study with an index, 0 to `plan.num_studies` - 1; studies are numbered in the order of their scans.

    Example:
        >>> from prima.simulate.plan.plan import make_plan
        >>> plan = make_plan(num_studies=5, normal=True)
        >>> case_at(plan, 3) == case_at(plan, 3), case_at(plan, 3).normal
        (True, True)
    """
    slot = schedule(plan)[index]
    first = schedule(plan)[slot.earlier[0]] if slot.earlier else slot
    condition = BY_DIAGNOSIS[slot.condition]
    patient = make_patient(plan.seed, slot.person, condition, first_year=_year(first.scanned))
    age = patient.first_age_years + (slot.scanned - first.scanned).days / 365.25
    state = state_at(plan, slot, patient)
    labels = tuple(sorted(labels_of(state.lesions)))
    priority, referrals = priority_and_referrals(labels, age_years=age, stages=stages_of(state.lesions))
    visit, scanner, protocol, effects = _visit(plan, index, slot, patient, age=age)
    if plan.bias is not None and plan.bias.applies_to(patient.person):
        effects["bias"] = plan.bias.strength
    return Case(
        index=index,
        seed=plan.seed,
        study_uid=f"2.25.{uuid.uuid5(_NAMESPACE, f'{_digest(plan)}/{index}').int}",
        accession=f"A{seed_of(_digest(plan), index, 'accession') % 10**10:010d}",
        person=patient.person,
        age_years=round(age, 2),
        visit=visit,
        scanner=scanner,
        protocol=protocol,
        lesions=state.lesions,
        labels=labels,
        absent_now=tuple(name for name in state.gone if name not in labels),
        priority=priority,
        referrals=referrals,
        prior_index=slot.earlier[-1] if slot.earlier else None,
        effects=effects,
    )


def cases(plan: Plan) -> Iterator[Case]:
    """Every study of a plan, by time."""
    return (case_at(plan, index) for index in range(plan.num_studies))


def stages_of(lesions: Iterable[Lesion]) -> dict[str, str]:
    """The stage of each diagnosis that has one; of several lesions, that of the first."""
    stages: dict[str, str] = {}
    for lesion in lesions:
        if lesion.stage is not None:
            stages.setdefault(lesion.diagnosis, lesion.stage)
    return stages


def without_lesions(case: Case, diagnoses: Iterable[str] | None = None) -> Case:
    """The same patient, scanner and noise without some diagnoses and what they imply, or without any (None)."""
    drop = {lesion.diagnosis for lesion in case.lesions} if diagnoses is None else set(diagnoses)
    lesions = tuple(lesion for lesion in case.lesions if lesion.diagnosis not in drop)
    labels = tuple(sorted(labels_of(lesions)))
    priority, referrals = priority_and_referrals(labels, age_years=case.age_years, stages=stages_of(lesions))
    return replace(case, lesions=lesions, labels=labels, priority=priority, referrals=referrals)


def _visit(
    plan: Plan, index: int, slot: Slot, patient: PersonAndAge, *, age: float
) -> tuple[Visit, str, str, dict[str, float]]:
    rng = stream(plan.seed, index, "visit")
    rural_home = patient.person.rural
    place = choose_place(plan.places, patient_class=slot.patient_class, rural_home=rural_home, rng=rng)
    key = choose_indication(
        BY_DIAGNOSIS[slot.condition].indication,
        normal=slot.condition == NORMAL,
        visit=slot.visit,
        typical_of_all=_typical_symptoms(),
        rng=rng,
    )
    words = words_of(key, sex=patient.person.sex, age_years=age)
    scanner, protocol, new = _machine(plan, place, key, slot.scanned, age_years=age, rng=rng)
    weekend = on_weekend(slot.scanned)
    visit = Visit(
        site=place.name,
        patient_class=slot.patient_class,
        ordered=order_time(slot.scanned, slot.patient_class, rng),
        scanned=slot.scanned,
        reported=report_time(slot.scanned, slot.patient_class, place, plan.turnaround, rng),
        description=PROTOCOLS[protocol].study_description,
        indication=words[int(rng.integers(len(words)))],
    )
    effects = {
        "report_odds": plan.turnaround.odds(rural=place.rural, weekend=weekend),
        "rural_site": float(place.rural),
        "weekend": float(weekend),
        "drift": float(new),
    }
    return visit, scanner, protocol, effects


def _machine(
    plan: Plan, place: Place, indication: str, scanned: datetime, *, age_years: float, rng: np.random.Generator
) -> tuple[str, str, bool]:
    """Scanner, protocol, and whether they are those that were never seen before the drift."""
    scanner = draw(dict(place.scanners), rng)
    protocol = protocol_of(indication, age_years=age_years, rng=rng)
    replaced = rng.random()
    drift = plan.drift
    if drift and place.name == drift.site and scanned.date() >= drift.on and replaced < drift.share:
        return drift.scanner, drift.protocol, True
    return plan.scanner or scanner, protocol, False


def _year(moment: datetime) -> float:
    return moment.year + (moment.timetuple().tm_yday - 1) / 365.25


@lru_cache(maxsize=1)
def _typical_symptoms() -> dict[str, float]:
    shares: dict[str, float] = {}
    for row in BY_DIAGNOSIS.values():
        if row.diagnosis != NORMAL:
            shares[row.indication] = shares.get(row.indication, 0.0) + row.per_mille
    return shares


@lru_cache(maxsize=4)
def _digest(plan: Plan) -> str:
    return uuid.uuid5(_NAMESPACE, repr(plan)).hex
