"""The people of the simulated health system: age, sex, race and ethnicity, insurance, county, home.

Shares are stated here and independent of disease (except age and sex, which follow the condition): a real catchment
area has more structure, and an audit that finds a link between, say, insurance and diagnosis here has found noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prima.simulate.geometry.streams import seed_of, stream
from prima.simulate.people.case import Person, Sex
from prima.simulate.people.conditions import Condition

RACE_ETHNICITY: dict[str, float] = {
    "White": 0.66,
    "Black": 0.15,
    "Hispanic": 0.09,
    "Asian": 0.05,
    "American Indian": 0.01,
    "Other": 0.02,
    "Unknown": 0.02,
}
INSURANCE_BY_AGE: tuple[tuple[float, dict[str, float]], ...] = (
    (18, {"Private": 0.56, "Medicaid": 0.41, "Uninsured": 0.03}),
    (65, {"Private": 0.60, "Medicaid": 0.21, "Medicare": 0.09, "Uninsured": 0.10}),
    (200, {"Private": 0.09, "Medicaid": 0.03, "Medicare": 0.87, "Uninsured": 0.01}),
)
"""Shares below each age in years."""

RURAL_SHARE = 0.28
COUNTY_POPULATION: dict[bool, tuple[float, float]] = {True: (30_000, 0.5), False: (350_000, 0.6)}
"""By rural home: median and standard deviation of the logarithm."""

GROUPS_OF: dict[str, tuple[str, ...]] = {
    "sex": ("F", "M"),
    "race_ethnicity": tuple(RACE_ETHNICITY),
    "insurance": ("Private", "Medicaid", "Medicare", "Uninsured"),
    "rural": ("yes", "no"),
}
OLDEST_YEARS = 96.0


@dataclass(frozen=True, kw_only=True)
class PersonAndAge:
    """A person and the exact age at the first study; `Person` holds the year of birth alone."""

    person: Person
    first_age_years: float


def make_patient(seed: int, index: int, condition: Condition, *, first_year: float) -> PersonAndAge:
    """The person with a number in a plan: the same whatever else the plan holds.

    Args:
        first_year: date of the first study as a year with its fraction.

    Example:
        >>> from prima.simulate.people.conditions import BY_DIAGNOSIS
        >>> ms = BY_DIAGNOSIS["inflammatory_multiple_sclerosis"]
        >>> make_patient(0, 3, ms, first_year=2024.5) == make_patient(0, 3, ms, first_year=2024.5)
        True
    """
    rng = stream(seed, "person", index)
    sex: Sex = "F" if rng.random() < condition.female else "M"
    age = draw_age(condition, rng)
    limit_insurance = next(shares for limit, shares in INSURANCE_BY_AGE if age < limit)
    rural = bool(rng.random() < RURAL_SHARE)
    median, spread = COUNTY_POPULATION[rural]
    person = Person(
        patient_id=f"SIM{seed}-{index:06d}",
        sex=sex,
        birth_year=int(first_year - age),
        race_ethnicity=draw(RACE_ETHNICITY, rng),
        insurance=draw(limit_insurance, rng),
        county_population=int(round(median * float(np.exp(spread * rng.standard_normal())), -2)),
        rural=rural,
        seed=seed_of(seed, "person", index, "body"),
    )
    return PersonAndAge(person=person, first_age_years=age)


def draw_age(condition: Condition, rng: np.random.Generator) -> float:
    """An age in years from the modes of a condition, within its limits (drawn anew until it is)."""
    lowest, highest = {True: (0.25, 17.9), False: (18.0, OLDEST_YEARS), None: (0.25, OLDEST_YEARS)}[condition.child]
    weights = [weight for weight, _, _ in condition.ages]
    while True:
        _, mean, deviation = condition.ages[int(rng.choice(len(weights), p=weights))]
        age = float(mean + deviation * rng.standard_normal())
        if lowest <= age < highest:
            return age


def draw(shares: dict[str, float], rng: np.random.Generator) -> str:
    """One key, by its share."""
    point = rng.random() * sum(shares.values())
    for name, share in shares.items():
        point -= share
        if point < 0:
            return name
    return name
