"""Enriched cases: two patients' findings with the labels of both, usual scanners alone, the same each time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prima.simulate.pathology.implied import labels_of
from prima.simulate.people.case import Case
from prima.simulate.plan.cases import case_at, cases, stages_of
from prima.simulate.plan.enrichment import Enrichment, enriched, with_findings_of
from prima.simulate.plan.plan import Plan, make_plan
from prima.simulate.scanner.protocols import PROTOCOLS, USUAL_PROTOCOLS
from prima.simulate.scanner.scanners import USUAL_SCANNERS
from prima.study.triage import priority_and_referrals

NEVER = Enrichment(second_patient=0.0, rescanned=0.0)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(num_studies=60, seed=4)


@pytest.fixture(scope="module")
def natural(plan: Plan) -> list[Case]:
    return list(cases(plan))


def test_nothing_changes_without_chances(plan: Plan, natural: list[Case]) -> None:
    assert [enriched(case, plan, NEVER) for case in natural] == natural


def test_a_study_gets_the_findings_of_another_patient_of_similar_age(plan: Plan, natural: list[Case]) -> None:
    always = replace(NEVER, second_patient=1.0)
    changed = [enriched(case, plan, always) for case in natural]
    richer = [(case, own) for case, own in zip(changed, natural, strict=True) if case.lesions != own.lesions]
    assert len(richer) > 40
    for case, own in richer:
        assert case.lesions[: len(own.lesions)] == own.lesions
        added = case.lesions[len(own.lesions) :]
        donors = [other for other in natural if other.lesions == added]
        assert donors
        assert abs(donors[0].age_years - own.age_years) < 2 + 0.1 * own.age_years
        assert not set(donors[0].labels) & set(own.labels)
        assert set(case.labels) == labels_of(case.lesions) >= {*own.labels, *donors[0].labels}
        assert case.visit.indication.endswith(donors[0].visit.indication)
        assert (case.person, case.study_uid, case.scanner) == (own.person, own.study_uid, own.scanner)
        expected = priority_and_referrals(case.labels, age_years=case.age_years, stages=stages_of(case.lesions))
        assert (case.priority, case.referrals) == expected


def test_a_rescanned_study_is_on_a_usual_scanner_with_a_usual_protocol(plan: Plan, natural: list[Case]) -> None:
    always = replace(NEVER, rescanned=1.0)
    changed = [enriched(case, plan, always) for case in natural]
    assert {case.scanner for case in changed} <= set(USUAL_SCANNERS)
    assert {case.protocol for case in changed} <= set(USUAL_PROTOCOLS)
    assert len({case.scanner for case in changed}) > 3
    assert all(case.visit.description == PROTOCOLS[case.protocol].study_description for case in changed)
    assert [case.lesions for case in changed] == [case.lesions for case in natural]


def test_the_same_case_is_enriched_the_same_in_any_order(plan: Plan) -> None:
    some = [9, 3, 30]
    once = [enriched(case_at(plan, index), plan, Enrichment()) for index in some]
    again = [enriched(case_at(plan, index), plan, Enrichment()) for index in reversed(some)]
    assert once == again[::-1]


def test_the_order_of_a_normal_study_is_that_of_the_findings(natural: list[Case]) -> None:
    normal = next(case for case in natural if case.normal)
    other = next(case for case in natural if case.lesions)
    assert with_findings_of(normal, other).visit.indication == other.visit.indication
