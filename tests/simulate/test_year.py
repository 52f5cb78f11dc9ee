"""A simulated year is what its plan states: prevalences, people, waiting times, bias and drift, within intervals."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pytest

from prima.simulate.geometry.streams import stream
from prima.simulate.people.case import Case
from prima.simulate.people.conditions import BY_DIAGNOSIS, CONDITIONS, NORMAL
from prima.simulate.people.effects import Bias, Turnaround
from prima.simulate.people.operations import ORDER_MEDIAN_H, on_weekend
from prima.simulate.people.population import INSURANCE_BY_AGE, RACE_ETHNICITY, RURAL_SHARE
from prima.simulate.plan.cases import cases
from prima.simulate.plan.describe import REFERENCE_SEED_OFFSET, Census, census, expected_prevalence
from prima.simulate.plan.plan import SUBTLETY_SHARES, Plan, make_plan
from prima.simulate.plan.schedule import condition_counts, schedule
from prima.simulate.scanner.scanners import DRIFT_SCANNERS
from prima.study.ontology import DIAGNOSIS_NAMES, with_implied

NUM_STUDIES, NUM_REFERENCE = 2000, 10_000
Z_OF_MANY = 3.9
"""Two-sided: 0.5 % that any of some fifty comparisons falls outside by chance."""

WEAR = {"structural_cerebral_atrophy": 1.8, "vascular_ischemic_small_vessel_disease": 1.8}
"""By how much the variance of a share exceeds the binomial one. Conditions are dealt systematically, so that it is
smaller for all but wear of age, which comes by chance and stays with a person (measured over 100 years: at most 0.9 for
the others, 0.33 on average, 1.7 and 1.1 for these two). The intervals are so wide as a sample of studies would have."""


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(num_studies=NUM_STUDIES, seed=11)


@pytest.fixture(scope="module")
def year(plan: Plan) -> tuple[Case, ...]:
    return tuple(cases(plan))


@pytest.fixture(scope="module")
def reference(plan: Plan) -> Census:
    long = replace(plan, seed=plan.seed + REFERENCE_SEED_OFFSET, num_studies=NUM_REFERENCE)
    return census(long, most=NUM_REFERENCE)


@pytest.fixture(scope="module")
def stated(reference: Census) -> dict[str, float]:
    return reference.prevalence


def outside(found: dict[str, float], stated: dict[str, float]) -> list[str]:
    """Names whose share lies outside the interval around what is stated."""

    def limit(name: str, share: float) -> float:
        variance = share * (1 - share) * (1 / NUM_STUDIES + 1 / NUM_REFERENCE)
        return Z_OF_MANY * math.sqrt(WEAR.get(name, 1.0) * variance)

    return [name for name, share in stated.items() if abs(found[name] - share) > limit(name, share)]


def first_studies(year: Iterable[Case]) -> list[Case]:
    return [case for case in year if case.prior_index is None]


def assert_share(flags: Iterable[bool], expected: float, *, z: float = Z_OF_MANY) -> None:
    values = list(flags)
    error = math.sqrt(expected * (1 - expected) / len(values))
    assert abs(np.mean(values) - expected) <= z * error + 1e-9, (np.mean(values), expected, len(values))


def common_odds_ratio(
    year: Iterable[Case],
    late: Callable[[Case], bool],
    exposed: Callable[[Case], bool],
    stratum: Callable[[Case], object],
) -> tuple[float, float, float]:
    """Mantel-Haenszel odds ratio and its 99.9 % interval (variance of Robins, Breslow and Greenland, 1986)."""
    cells: Counter[tuple[object, bool, bool]] = Counter((stratum(case), exposed(case), late(case)) for case in year)
    top = bottom = p_r = p_s_q_r = q_s = 0.0
    for key in {key for key, _, _ in cells}:
        a, b, c, d = (cells[key, e, o] for e, o in ((True, True), (True, False), (False, True), (False, False)))
        total = a + b + c + d
        r, s, p, q = a * d / total, b * c / total, (a + d) / total, (b + c) / total
        top, bottom = top + r, bottom + s
        p_r, p_s_q_r, q_s = p_r + p * r, p_s_q_r + p * s + q * r, q_s + q * s
    spread = math.sqrt(p_r / (2 * top**2) + p_s_q_r / (2 * top * bottom) + q_s / (2 * bottom**2))
    ratio = top / bottom
    return ratio, ratio * math.exp(-3.29 * spread), ratio * math.exp(3.29 * spread)


def hours(case: Case) -> float:
    return (case.visit.reported - case.visit.scanned).total_seconds() / 3600


def lateness(limit: float) -> Callable[[Case], bool]:
    """Whether a report took longer than a multiple of the median of its class."""
    medians = dict(Turnaround().median_h)
    return lambda case: hours(case) > limit * medians[case.visit.patient_class]


def rural_site(case: Case) -> bool:
    return bool(case.effects["rural_site"])


def weekend(case: Case) -> bool:
    return on_weekend(case.visit.scanned)


def test_each_condition_has_its_share_of_studies_to_within_one(plan):
    counts = condition_counts(plan, stream(plan.seed, "schedule"))
    assert all(abs(counts[name] - share * NUM_STUDIES) <= 1 for name, share in plan.shares)
    assert Counter(slot.condition for slot in schedule(plan)) == Counter(counts)


def test_prevalences_are_those_stated(year, stated):
    labels = Counter(name for case in year for name in case.labels)
    found = {name: labels[name] / NUM_STUDIES for name in DIAGNOSIS_NAMES}
    found["normal"] = sum(case.normal for case in year) / NUM_STUDIES
    assert outside(found, stated) == []


def test_what_is_stated_comes_from_another_seed(plan):
    assert (
        expected_prevalence(plan, num_studies=300)["normal"]
        != census(replace(plan, num_studies=300)).prevalence["normal"]
    )


def test_another_prevalence_is_noticed(stated):
    other = make_plan(num_studies=NUM_STUDIES, seed=11, prevalence={"inflammatory_multiple_sclerosis": 0.04})
    missed = outside(census(other).prevalence, stated)
    assert missed == ["inflammatory_multiple_sclerosis"]


def test_no_diagnosis_is_rare_and_two_fifths_are_normal(year, stated):
    assert min(stated.values()) >= 0.0115
    labels = Counter(name for case in year for name in case.labels)
    assert min(labels[name] for name in DIAGNOSIS_NAMES) >= NUM_STUDIES * 0.01
    assert 0.38 <= sum(case.normal for case in year) / NUM_STUDIES <= 0.42


def test_implications_hold(year):
    assert all(with_implied(case.labels) == frozenset(case.labels) for case in year)
    assert all(case.labels == tuple(sorted({*case.labels})) for case in year)


def test_what_orders_say_fits_who_they_are_for(year):
    for case in year:
        if case.visit.indication == "Amenorrhea":
            assert case.person.sex == "F"
            assert 14 <= case.age_years < 50
        if case.age_years < 2:
            assert not re.search(r"(?i)headache|numb|dizz|vertigo|memory|vision|aphasia", case.visit.indication)


def test_company_makes_sense(reference):
    """Over a long run: a year has too few of some to tell."""
    share = reference.together
    glioma, edema, effect = "tumor_adult_high_grade_glioma", "structural_edema", "structural_mass_effect"
    shift, wide = "structural_midline_shift", "ventricular_ventriculomegaly"
    assert 0.55 < share[glioma, edema] < 0.85
    assert share[glioma, effect] > share[glioma, shift] > 0.25
    assert share["tumor_adult_brain_metastasis", edema] > 0.8
    for calm in ("inflammatory_multiple_sclerosis", "tumor_adult_low_grade_glioma", "vascular_malformation_cavernoma"):
        assert share.get((calm, edema), 0.0) < 0.05
    assert share[shift, effect] == 1
    assert 0.3 < share["cyst_colloid_cyst", wide] < 0.7
    assert 0.25 < share["tumor_pediatric_medulloblastoma", wide] < 0.65
    assert 0.2 < share["structural_chiari_malformation", "spine_syrinx"] < 0.6
    assert (
        0.25 < share["vascular_hemorrhagic_subarachnoid_hemorrahage", "vascular_malformation_cerebral_aneurysm"] < 0.55
    )
    assert share["surgical_resection_cavity", "surgical_craniotomy"] > 0.85
    old = ("vascular_ischemic_lacunar_stroke", "vascular_ischemic_small_vessel_disease")
    assert share[old] > 0.5 > share.get(("tumor_pediatric_medulloblastoma", old[1]), 0.0)


def test_people_are_as_stated(year):
    people = {case.person.patient_id: case for case in first_studies(year)}.values()
    for name, share in RACE_ETHNICITY.items():
        assert_share((case.person.race_ethnicity == name for case in people), share)
    assert_share((case.person.rural for case in people), RURAL_SHARE)
    lowest = 0.0
    for below, shares in INSURANCE_BY_AGE:
        group = [case for case in people if lowest <= case.age_years < below]
        for name, share in shares.items():
            assert_share((case.person.insurance == name for case in group), share)
        lowest = below
    home = {rural: [c.person.county_population for c in people if c.person.rural == rural] for rural in (True, False)}
    assert 20_000 < np.median(home[True]) < 45_000 < 250_000 < np.median(home[False]) < 500_000


def test_age_and_sex_follow_the_condition(plan, year):
    slots = schedule(plan)
    by_condition: dict[str, list[Case]] = {}
    for case in first_studies(year):
        by_condition.setdefault(slots[case.index].condition, []).append(case)
    for name, group in by_condition.items():
        row = BY_DIAGNOSIS[name]
        assert_share((case.person.sex == "F" for case in group), row.female)
        if row.child is not None:
            assert all((case.age_years < 18) == row.child for case in group)
        elif len(row.ages) == 1 and row.ages[0][1] > 2 * row.ages[0][2]:  # hardly cut at birth
            mean, deviation = row.ages[0][1:]
            assert abs(np.mean([case.age_years for case in group]) - mean) < 4.2 * deviation / math.sqrt(len(group)) + 1


@pytest.mark.parametrize("limit", [0.5, 1.0, 2.0])
def test_turnaround_inequity_is_recovered_at_any_limit(year, limit):
    truth = Turnaround()
    late = lateness(limit)
    _, low, high = common_odds_ratio(year, late, rural_site, lambda case: (case.visit.patient_class, weekend(case)))
    assert low <= truth.odds_rural <= high
    _, low, high = common_odds_ratio(year, late, weekend, lambda case: (case.visit.patient_class, rural_site(case)))
    assert low <= truth.odds_weekend <= high


def log_odds_of_waiting(year: Iterable[Case]) -> tuple[float, float, float]:
    """Log odds ratio of a rural place and its 99 % interval, from whole times: log hours are logistic."""
    scale = Turnaround().scale
    top = bottom = 0.0
    strata: dict[object, dict[bool, list[float]]] = {}
    for case in year:
        groups = strata.setdefault((case.visit.patient_class, weekend(case)), {True: [], False: []})
        groups[rural_site(case)].append(math.log(hours(case)) / scale)
    for groups in strata.values():
        rural, urban = groups[True], groups[False]
        if not rural or not urban:
            continue
        weight = len(rural) * len(urban) / (len(rural) + len(urban))
        top, bottom = top + weight * (np.mean(rural) - np.mean(urban)), bottom + weight
    error = math.pi / math.sqrt(3 * bottom)
    return top / bottom, top / bottom - 2.576 * error, top / bottom + 2.576 * error


def test_the_inequity_is_told_from_none(plan, year):
    truth = math.log(Turnaround().odds_rural)
    _, low, high = log_odds_of_waiting(year)
    assert 0 < low <= truth <= high
    fair = replace(plan, turnaround=Turnaround(odds_rural=1.0, odds_weekend=1.0))
    _, low, high = log_odds_of_waiting(cases(fair))
    assert low <= 0 <= high < truth


def test_intervals_hold_their_level_over_other_seeds():
    """Errors in units of their standard error are standard normal: neither the plan nor its test is off.

    Limits are 3.3 standard errors of 30 years with five free shares each.
    """
    errors: list[float] = []
    for seed in range(500, 530):
        studies = tuple(cases(make_plan(num_studies=250, seed=seed)))
        people = list({case.person.patient_id: case for case in first_studies(studies)}.values())
        flags = [(name, [case.person.race_ethnicity == name for case in people]) for name in RACE_ETHNICITY]
        shares = [(np.mean(found), RACE_ETHNICITY[name]) for name, found in flags if RACE_ETHNICITY[name] > 0.05]
        shares.append((np.mean([case.person.rural for case in people]), RURAL_SHARE))
        errors += [float((found - p) / math.sqrt(p * (1 - p) / len(people))) for found, p in shares]
        ratio, low, high = log_odds_of_waiting(studies)
        errors.append((ratio - math.log(Turnaround().odds_rural)) / (high - low) * 2 * 2.576)
    free = 30 * 5
    beyond = np.mean(np.abs(errors) > 1.96)
    assert abs(beyond - 0.05) < 3.3 * math.sqrt(0.05 * 0.95 / free)
    assert abs(np.std(errors) - 1) < 3.3 / math.sqrt(2 * free)
    assert abs(np.mean(errors)) < 3.3 / math.sqrt(free)


def test_no_diagnosis_falls_below_one_percent_in_other_years():
    for seed in (501, 502, 503):
        found = census(make_plan(num_studies=NUM_STUDIES, seed=seed)).prevalence
        rare = {name: share for name, share in found.items() if share < 0.01}
        assert rare == {}
        assert 0.38 <= found["normal"] <= 0.42


def test_medians_of_waiting(year):
    usual = [case for case in year if not rural_site(case) and not weekend(case)]
    for kind, median in Turnaround().median_h:
        assert_share((hours(case) > median for case in usual if case.visit.patient_class == kind), 0.5)
    for patient_class, (median, _) in ORDER_MEDIAN_H.items():
        group = [case.visit for case in year if case.visit.patient_class == patient_class]
        waits = [(visit.scanned - visit.ordered).total_seconds() / 3600 for visit in group]
        assert_share((wait > median for wait in waits), 0.5)


def test_hours_and_days(plan, year):
    outpatients = [case.visit.scanned for case in year if case.visit.patient_class == "outpatient"]
    assert all(7 <= moment.hour < 19 for moment in outpatients)
    assert np.mean([on_weekend(moment) for moment in outpatients]) < 0.1
    emergencies = [case.visit.scanned for case in year if case.visit.patient_class == "emergency"]
    assert_share((on_weekend(moment) for moment in emergencies), 2 / 7)
    assert all(plan.start <= case.visit.scanned.date() <= plan.last for case in year)
    assert all(case.visit.ordered < case.visit.scanned < case.visit.reported for case in year)


def test_the_drift_begins_on_its_day(plan, year):
    drift = plan.drift
    assert drift is not None
    assert drift.scanner in DRIFT_SCANNERS
    before = [case for case in year if case.visit.scanned.date() < drift.on]
    after = [case for case in year if case.visit.scanned.date() >= drift.on]
    assert not [case for case in before if case.scanner == drift.scanner or case.protocol == drift.protocol]
    assert not [case for case in after if case.scanner == drift.scanner and case.visit.site != drift.site]
    there = [case for case in after if case.visit.site == drift.site]
    assert_share((case.scanner == drift.scanner and case.protocol == drift.protocol for case in there), drift.share)
    assert {case.index for case in year if case.effects["drift"]} == {
        case.index for case in after if case.scanner == drift.scanner
    }


def subtle(plan: Plan) -> dict[bool, list[bool]]:
    """Of each person with a focal condition, whether it is subtle, by whether the bias applies."""
    slots = schedule(plan)
    plain = [row.diagnosis for row in CONDITIONS if row.diagnosis not in (NORMAL, "structural_mass_effect")]
    found: dict[bool, list[bool]] = {True: [], False: []}
    for case in first_studies(cases(plan)):
        lesion = next((les for les in case.lesions if les.diagnosis == slots[case.index].condition), None)
        if lesion is not None and lesion.diagnosis in plain:
            found["bias" in case.effects].append(lesion.subtlety == 3)
    return found


def test_the_bias_has_its_size_in_its_group_alone(plan, year):
    bias = Bias(attribute="insurance", group="Medicaid", strength=0.6)
    biased = replace(plan, bias=bias)
    found = subtle(biased)
    usual = SUBTLETY_SHARES[2]
    assert_share(found[True], usual + (1 - usual) * bias.strength)
    assert_share(found[False], usual)
    low = np.mean(found[True]) - Z_OF_MANY * math.sqrt(0.25 / len(found[True]))
    assert low > usual, "the bias could not be told from none"
    others = [case for case in cases(biased) if case.person.insurance != "Medicaid"]
    assert [case.lesions for case in others] == [year[case.index].lesions for case in others]


def test_many_have_priors_of_the_same_person(year):
    later = [case for case in year if case.prior_index is not None]
    assert 0.12 < len(later) / len(year) < 0.35
    for case in later:
        prior = year[case.prior_index]
        assert prior.index < case.index
        assert prior.person == case.person
        assert 0 <= case.age_years - prior.age_years < 1.1
    courses = Counter(lesion.course for case in later for lesion in case.lesions)
    assert {"unchanged", "larger", "smaller", "postoperative", "new"} <= courses.keys()
    assert all(lesion.course == "new" for case in first_studies(year) for lesion in case.lesions)
    gone = [case for case in later if case.absent_now]
    assert len(gone) > 20
    assert not [case for case in gone if set(case.absent_now) & set(case.labels)]
