"""Plans: the same case in any order, chosen patients, contradictions refused in one line, and plan.json."""

from __future__ import annotations

import re
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import date
from functools import partial
from multiprocessing import get_context

import pytest

from prima.errors import UsageError
from prima.simulate.people.effects import Bias, parse_bias
from prima.simulate.plan.cases import case_at, cases, without_lesions
from prima.simulate.plan.plan import DEFAULT_START, PLAN_VERSION, make_plan
from prima.simulate.plan.plan_file import plan_from_json, plan_to_json, read_plan
from prima.simulate.plan.schedule import schedule
from prima.simulate.scanner.protocols import PROTOCOLS
from prima.simulate.scanner.scanners import SCANNERS
from prima.study.ontology import DIAGNOSIS_NAMES


def test_cases_do_not_depend_on_order_or_worker():
    plan = make_plan(num_studies=60, seed=5)
    inward = [case_at(plan, index) for index in reversed(range(60))][::-1]
    schedule.cache_clear()
    assert inward == list(cases(plan))
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as worker:
        assert list(worker.map(partial(case_at, plan), (59, 0, 31))) == [inward[59], inward[0], inward[31]]


def test_another_seed_makes_other_people():
    first, second = (case_at(make_plan(num_studies=20, seed=seed), 0) for seed in (0, 1))
    assert first.study_uid != second.study_uid
    assert first.person != second.person


def test_identifiers():
    plan = make_plan(num_studies=300, seed=2)
    made = list(cases(plan))
    assert len({case.study_uid for case in made}) == len({case.accession for case in made}) == 300
    assert all(re.fullmatch(r"2\.25\.[1-9]\d{1,38}", case.study_uid) and len(case.study_uid) <= 64 for case in made)
    assert all(len(case.accession) <= 16 for case in made)  # value representation SH
    assert [case.index for case in made] == list(range(300))
    assert [case.visit.scanned for case in made] == sorted(case.visit.scanned for case in made)
    assert {case.scanner for case in made} <= SCANNERS.keys()
    assert {case.protocol for case in made} <= PROTOCOLS.keys()
    assert all(case.visit.description == PROTOCOLS[case.protocol].study_description for case in made)


@pytest.mark.parametrize("name", DIAGNOSIS_NAMES)
def test_each_diagnosis_can_be_asked_for_at_each_subtlety(name):
    for subtlety in (1, 2, 3):
        plan = make_plan(num_studies=2, only=[name], subtlety=subtlety)
        for case in cases(plan):
            assert name in case.labels
            assert subtlety in {lesion.subtlety for lesion in case.lesions if lesion.diagnosis == name}
            assert case.prior_index is None
            assert not case.absent_now
            assert ("tumor_adult" not in name) or case.age_years >= 18
            assert ("tumor_pediatric" not in name) or case.age_years < 18


def test_several_chosen_diagnoses_come_equally_often():
    names = ["cyst_colloid_cyst", "spine_syrinx"]
    made = list(cases(make_plan(num_studies=10, only=[*names, "spine_syrinx"])))
    assert [sum(name in case.labels for case in made) for name in names] == [5, 5]


def test_normal_patients_on_a_chosen_scanner():
    plan = make_plan(num_studies=8, normal=True, scanner="vida_1")
    assert all(case.normal and case.scanner == "vida_1" and case.priority == "none" for case in cases(plan))
    assert plan.drift is None


def test_the_same_patient_without_the_lesion():
    case = case_at(make_plan(num_studies=1, only=["surgical_resection_cavity"]), 0)
    healthy = without_lesions(case)
    assert healthy.normal
    assert not healthy.referrals
    assert replace(healthy, lesions=case.lesions, labels=case.labels, priority=case.priority) == replace(
        case, referrals=()
    )
    assert "surgical_resection_cavity" not in without_lesions(case, ["surgical_resection_cavity"]).labels


def test_prevalence_on_request():
    plan = make_plan(num_studies=400, prevalence={"vascular_ischemic_moyamoya": 0.25, "tumor_adult_lymphoma": 0.0})
    shares = dict(plan.shares)
    assert shares["vascular_ischemic_moyamoya"] == 0.25
    assert sum(shares.values()) == pytest.approx(1)
    conditions = [slot.condition for slot in schedule(plan)]
    assert 99 <= conditions.count("vascular_ischemic_moyamoya") <= 101
    assert "tumor_adult_lymphoma" not in conditions


@pytest.mark.parametrize("days", [1, 2, 30, 800])
def test_any_length_of_time(days):
    plan = make_plan(num_studies=50, days=days, start=date(2023, 9, 30))  # begins on a Saturday
    assert all(plan.start <= case.visit.scanned.date() <= plan.last for case in cases(plan))
    assert (plan.drift is None) == (days < 60)


def test_one_study():
    assert case_at(make_plan(num_studies=1), 0).visit.scanned.year == DEFAULT_START.year


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"num_studies": 0}, "at least 1"),
        ({"num_studies": -3}, "at least 1"),
        ({"days": 0}, "at least 1"),
        ({"only": ["glioblastoma"]}, "unknown"),
        ({"only": ["meningioma"]}, "did you mean tumor_adult_meningioma"),
        ({"only": ["normal"]}, "not a diagnosis"),
        ({"prevalence": {"flu": 0.1}}, "unknown"),
        ({"prevalence": {"normal": 1.2}}, "from 0 to 1"),
        ({"prevalence": {"normal": 0.7, "spine_syrinx": 0.4}}, "sum to 1 at most"),
        ({"only": ["spine_syrinx"], "normal": True}, "contradict"),
        ({"only": ["spine_syrinx"], "prevalence": {"spine_syrinx": 0.5}}, "contradict"),
        ({"normal": True, "subtlety": 2}, "no lesion"),
        ({"normal": True, "bias": Bias(attribute="sex", group="F")}, "normal study has none"),
        ({"subtlety": 1, "bias": Bias(attribute="sex", group="F")}, "contradicts"),
        ({"subtlety": 4}, "1 (plain), 2 (moderate) or 3 (subtle)"),
        ({"scanner": "toaster"}, "known are"),
        ({"scanner": "vida_1", "drift_on": date(2024, 6, 1)}, "contradict"),
        ({"drift_on": date(2020, 1, 1)}, "outside the plan"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(wishes, words):
    with pytest.raises(UsageError) as refusal:
        make_plan(**({"num_studies": 10} | wishes))
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "text", ["height=tall", "sex=X", "insurance=Medicaid:2", "insurance=Medicaid:much", "rural", ""]
)
def test_a_bias_that_cannot_be_is_refused(text):
    with pytest.raises(UsageError):
        parse_bias(text)


def test_a_bias_of_rural_people():
    assert parse_bias("rural=yes") == Bias(attribute="rural", group="yes", strength=0.6)
    plan = make_plan(num_studies=100, bias=parse_bias("rural=yes:0.9"))
    assert all(("bias" in case.effects) == case.person.rural for case in cases(plan))


def test_plan_json_is_the_plan(tmp_path):
    plan = make_plan(num_studies=30, seed=9, bias=parse_bias("sex=F"), start=date(2022, 2, 3))
    (tmp_path / "plan.json").write_text(plan_to_json(plan))
    again = read_plan(tmp_path / "plan.json")
    assert again == plan
    assert case_at(again, 7) == case_at(plan, 7)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-20],
        lambda text: "[]",
        lambda text: text.replace("openprima", "other"),
        lambda text: text.replace(f'"version": "{PLAN_VERSION}"', '"version": "0"'),
        lambda text: text.replace('"seed"', '"sead"'),
        lambda text: text.replace("2024-01-01", "yesterday"),
    ],
)
def test_a_damaged_plan_json_is_refused(change):
    text = plan_to_json(make_plan(num_studies=3))
    assert change(text) != text
    with pytest.raises(UsageError, match=r"plan\.json"):
        plan_from_json(change(text))


def test_a_missing_plan_json_is_refused(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        read_plan(tmp_path / "plan.json")
