"""A richer archive to learn from: most studies show more than one finding, and a protocol says less of what is seen.

A study costs ten times what a finding in it does, so a study may also get what another patient of a similar age has,
with the words of that order. And it may be scanned again on another of the usual scanners with another of the usual
protocols. The scanner and the protocol of the drift are never used.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from prima.simulate.pathology.implied import labels_of
from prima.simulate.people.case import Case
from prima.simulate.plan.cases import case_at, stages_of
from prima.simulate.plan.plan import Plan
from prima.simulate.scanner.protocols import PROTOCOLS, USUAL_PROTOCOLS
from prima.simulate.scanner.scanners import USUAL_SCANNERS
from prima.study.triage import priority_and_referrals

_STREAM = 77
_MOST_TRIES = 200


@dataclass(frozen=True, kw_only=True)
class Enrichment:
    """How often a study is changed.

    Args:
        second_patient: share of the studies that also get the findings of another patient, where one fits.
        rescanned: share of the studies whose scanner and protocol are drawn anew.
    """

    second_patient: float = 0.65
    rescanned: float = 0.5


def enriched(case: Case, plan: Plan, enrichment: Enrichment) -> Case:
    """A case of a plan with another patient's findings and order added, and on another scanner; both by chance.

    Args:
        case: of the plan; the same case is changed in the same way each time.
        plan: where other patients are looked for. They differ in every diagnosis, and in age by at most two years and a
            tenth.
        enrichment: how often.
    """
    random = np.random.default_rng((plan.seed, case.index, _STREAM))
    if random.random() < enrichment.second_patient:
        for index in random.integers(plan.num_studies, size=_MOST_TRIES):
            other = case_at(plan, int(index))
            if other.lesions and _similar_age(case, other) and not set(other.labels) & set(case.labels):
                case = with_findings_of(case, other)
                break
    if random.random() < enrichment.rescanned:
        scanner, protocol = (str(random.choice(names)) for names in (USUAL_SCANNERS, USUAL_PROTOCOLS))
        visit = replace(case.visit, description=PROTOCOLS[protocol].study_description)
        case = replace(case, scanner=scanner, protocol=protocol, visit=visit)
    return case


def _similar_age(case: Case, other: Case) -> bool:
    return abs(other.age_years - case.age_years) < 2 + 0.1 * case.age_years


def with_findings_of(case: Case, other: Case) -> Case:
    """A case that also has another's findings, with labels, priority and referrals of both; its order asks for both."""
    lesions = case.lesions + other.lesions
    labels = tuple(sorted(labels_of(lesions)))
    priority, referrals = priority_and_referrals(labels, age_years=case.age_years, stages=stages_of(lesions))
    indication = other.visit.indication if case.normal else f"{case.visit.indication}. {other.visit.indication}"
    return replace(
        case,
        lesions=lesions,
        labels=labels,
        priority=priority,
        referrals=referrals,
        visit=replace(case.visit, indication=indication),
    )
