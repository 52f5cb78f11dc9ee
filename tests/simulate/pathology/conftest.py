"""Cases and heads for the tests of pathology, on a coarse grid."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache

import pytest

from prima.simulate.anatomy.build_head import build_head
from prima.simulate.anatomy.head import Head
from prima.simulate.pathology import labels_of
from prima.simulate.people.case import Case, Lesion, Person, Visit

SPACING_MM = 4.0


def _case(lesions: tuple[Lesion, ...], *, age_years: float = 50.0) -> Case:
    when = datetime(2024, 1, 1)
    person = Person(
        patient_id="P",
        sex="F",
        birth_year=1974,
        race_ethnicity="",
        insurance="",
        county_population=1,
        rural=False,
        seed=1,
    )
    visit = Visit(
        site="", patient_class="outpatient", ordered=when, scanned=when, reported=when, description="", indication=""
    )
    return Case(
        index=0,
        seed=1,
        study_uid="2.25.1",
        accession="1",
        person=person,
        age_years=age_years,
        visit=visit,
        scanner="",
        protocol="",
        lesions=lesions,
        labels=tuple(sorted(labels_of(lesions))),
    )


@lru_cache(maxsize=2)
def _healthy(age_years: float) -> Head:
    return build_head(_case((), age_years=age_years), spacing_mm=SPACING_MM)


@pytest.fixture(scope="session")
def case_of() -> Callable[..., Case]:
    """Makes a case with these lesions."""
    return _case


@pytest.fixture(scope="session")
def healthy() -> Callable[[float], Head]:
    """A head without lesions at an age, to be painted on: a fresh copy each time."""

    def fresh(age_years: float) -> Head:
        head = copy.copy(_healthy(age_years))
        head.fractions, head.painted = head.fractions.clone(), []
        return head

    return fresh
