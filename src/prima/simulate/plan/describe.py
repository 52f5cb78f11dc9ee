"""What a plan will make, in words and tables, before a voxel exists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.console import Group
from rich.table import Table
from rich.text import Text

from prima.simulate.people.case import Case
from prima.simulate.plan.cases import case_at
from prima.simulate.plan.plan import Plan
from prima.study.ontology import DIAGNOSES, DIAGNOSIS_NAMES, display_name

REPLAYED = 5000
"""Of a longer plan, so many studies at even distances are replayed for its description."""

REFERENCE_STUDIES = 20_000
REFERENCE_SEED_OFFSET = 1_000_003


@dataclass(frozen=True, kw_only=True)
class Census:
    """What some studies hold.

    Args:
        prevalence: share of studies by released name, all 52, and "normal".
        together: (a, b) → share of the studies with a that also have b, for pairs that occur.
    """

    num_studies: int
    num_persons: int
    prevalence: dict[str, float]
    together: dict[tuple[str, str], float]
    cases: tuple[Case, ...]


def expected_prevalence(plan: Plan, *, num_studies: int = REFERENCE_STUDIES) -> dict[str, float]:
    """What the plan states: the share of studies with each diagnosis, from a long run with another seed.

    Shares of conditions alone do not say it: follow-ups, company and consequences add to them and take away.
    """
    reference = replace(plan, seed=plan.seed + REFERENCE_SEED_OFFSET, num_studies=num_studies)
    return census(reference, most=num_studies).prevalence


def census(plan: Plan, *, most: int = REPLAYED) -> Census:
    """Replay a plan (evenly thinned to `most` studies) and count.

    Example:
        >>> from prima.simulate.plan.plan import make_plan
        >>> census(make_plan(num_studies=4, only=["cyst_colloid_cyst"])).prevalence["cyst_colloid_cyst"]
        1.0
    """
    count = min(most, plan.num_studies)
    cases = tuple(case_at(plan, index * plan.num_studies // count) for index in range(count))
    single = Counter(label for case in cases for label in case.labels)
    pairs = Counter((a, b) for case in cases for a in case.labels for b in case.labels if a != b)
    prevalence = {name: single[name] / count for name in DIAGNOSIS_NAMES}
    return Census(
        num_studies=count,
        num_persons=len({case.person.patient_id for case in cases}),
        prevalence=prevalence | {"normal": sum(case.normal for case in cases) / count},
        together={(a, b): num_cases / single[a] for (a, b), num_cases in pairs.items()},
        cases=cases,
    )


def describe(plan: Plan, *, negatives: int = 0) -> Group:
    """The plan as tables for a terminal, with the kinds of negatives beside it."""
    counted = census(plan)
    return Group(
        Text(_summary(plan, counted)),
        *([_shares("Negatives", _negative_kinds(plan, negatives))] if negatives else []),
        _diagnosis_table(counted),
        _shares("Scanners", [case.scanner for case in counted.cases]),
        _shares("Protocols", [case.protocol for case in counted.cases]),
        _shares("Places", [case.visit.site for case in counted.cases]),
        _shares("Patient class", [case.visit.patient_class for case in counted.cases]),
        _shares("Priority", [case.priority for case in counted.cases]),
        _shares("Sex", [case.person.sex for case in counted.cases]),
        _shares("Age", [_band(case.age_years) for case in counted.cases]),
        _shares("Race and ethnicity", [case.person.race_ethnicity for case in counted.cases]),
        _shares("Insurance", [case.person.insurance for case in counted.cases]),
        _shares("Home", ["rural" if case.person.rural else "urban" for case in counted.cases]),
        _effect_table(plan),
    )


def effects_of(plan: Plan) -> list[tuple[str, str]]:
    """Every injected effect with its size, in words."""
    turnaround = plan.turnaround
    rows = [
        (f"report, {kind}", f"median {hours:g} h at an urban place on a weekday") for kind, hours in turnaround.median_h
    ]
    rows += [
        ("rural place", f"odds of a late report × {turnaround.odds_rural:g}, whatever the limit"),
        ("weekend", f"odds of a late report × {turnaround.odds_weekend:g}, whatever the limit"),
    ]
    reading = plan.reading
    rows += [
        ("report misses", f"{_three(reading.missed)} of new findings without consequences (plain, moderate, subtle)"),
        ("report hedges", f"{_three(reading.hedged)} of findings that it tells (plain, moderate, subtle)"),
        ("report suspects", f"{reading.suspected:.0%} of reports hedge about something that is not there"),
        ("addendum", f"tells {reading.added:.0%} of what was missed after all"),
    ]
    if plan.drift:
        drift = plan.drift
        rows.append(
            ("drift", f"from {drift.on}: {drift.share:.0%} of {drift.site} on {drift.scanner} with {drift.protocol}")
        )
    else:
        rows.append(("drift", "none"))
    if plan.bias:
        bias = plan.bias
        rows.append(("bias", f"{bias.attribute} = {bias.group}: a lesion is made subtle with chance {bias.strength:g}"))
    else:
        rows.append(("bias", "none"))
    return rows


def _three(shares: Sequence[float]) -> str:
    return ", ".join(f"{share:.1%}" for share in shares)


def _negative_kinds(plan: Plan, count: int) -> list[str]:
    from prima.simulate.negatives.planned import kind_of

    return [kind_of(plan.seed, index)[0] for index in range(count)]


def _summary(plan: Plan, counted: Census) -> str:
    thinned = f" (counts from {counted.num_studies} of them)" if counted.num_studies < plan.num_studies else ""
    return (
        f"{plan.num_studies} studies{thinned}, seed {plan.seed}, {plan.start} to {plan.last}, version {plan.version}; "
        f"{counted.num_persons} persons; {counted.prevalence['normal']:.1%} of studies are normal"
    )


def _diagnosis_table(counted: Census) -> Table:
    table = Table(title="Diagnoses", title_justify="left", caption_justify="left")
    table.add_column("diagnosis")
    table.add_column("studies", justify="right")
    table.add_column("share", justify="right")
    table.add_column("most often with")
    for diagnosis in DIAGNOSES:
        share = counted.prevalence[diagnosis.name]
        if not share:
            continue
        company = sorted(
            ((part, companion) for (name, companion), part in counted.together.items() if name == diagnosis.name),
            reverse=True,
        )
        words = ", ".join(f"{display_name(companion)} {part:.0%}" for part, companion in company[:3])
        table.add_row(diagnosis.display, str(round(share * counted.num_studies)), f"{share:.1%}", words)
    return table


def _shares(title: str, values: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", show_header=False)
    for name, count in Counter(values).most_common():
        table.add_row(name, str(count), f"{count / len(values):.1%}")
    return table


def _effect_table(plan: Plan) -> Table:
    table = Table(title="Injected effects", title_justify="left", show_header=False)
    for name, words in effects_of(plan):
        table.add_row(name, words)
    return table


def _band(age_years: float) -> str:
    limits = (2, 12, 18, 40, 65, 80)
    below = next((limit for limit in limits if age_years < limit), None)
    return "80 and older" if below is None else f"under {below}"
