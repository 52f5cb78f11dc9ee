"""Hospitals, orders and hours: where a study is ordered and done, and when.

Times: an order waits for its scan with a log-normal delay by patient class; outpatients are scanned from 7 to
19 o'clock, mostly on weekdays; a report follows by `effects.Turnaround`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import numpy as np

from prima.simulate.people.case import PatientClass
from prima.simulate.people.effects import Turnaround


@dataclass(frozen=True, kw_only=True)
class Place:
    """A place that scans.

    Args:
        scanners: scanner name → share of its studies.
        classes: patient classes that it takes.
    """

    name: str
    rural: bool
    scanners: tuple[tuple[str, float], ...]
    classes: tuple[PatientClass, ...] = ("emergency", "inpatient", "outpatient")


# Where a person from a rural (True) or urban (False) home is scanned, by whether the place is rural.
RURAL_HOME_STAYS = 0.6
URBAN_HOME_LEAVES = 0.04
ORDER_MEDIAN_H: dict[PatientClass, tuple[float, float]] = {
    "emergency": (2.5, 0.6),
    "inpatient": (9.0, 0.8),
    "outpatient": (240.0, 0.8),
}
"""By patient class: median hours from order to scan and the standard deviation of their logarithm."""

OUTPATIENT_ON_WEEKEND = 0.15
"""How often an outpatient slot that would fall on a weekend is kept."""


def choose_place(
    places: tuple[Place, ...], *, patient_class: PatientClass, rural_home: bool, rng: np.random.Generator
) -> Place:
    """A place that takes the class, near home more often than not; the first of its kind takes most."""
    rural = bool(rng.random() < (RURAL_HOME_STAYS if rural_home else URBAN_HOME_LEAVES))
    open_places = [place for place in places if patient_class in place.classes]
    fitting = [place for place in open_places if place.rural == rural] or open_places
    weights = np.array([2.0**-position for position in range(len(fitting))])
    return fitting[int(rng.choice(len(fitting), p=weights / weights.sum()))]


def scan_time(day: date, patient_class: PatientClass, *, first: date, last: date, rng: np.random.Generator) -> datetime:
    """When the scan begins; an outpatient of a weekend is moved to a weekday of the plan near by, when there is one."""
    if patient_class == "outpatient":
        if day.weekday() >= 5 and rng.random() > OUTPATIENT_ON_WEEKEND:
            near = (day + timedelta(days=7 - day.weekday()), day - timedelta(days=day.weekday() - 4))
            day = next((near_day for near_day in near if first <= near_day <= last), day)
        minute = 7 * 60 + 12 * 60 * float(rng.beta(1.3, 1.6))
    elif patient_class == "inpatient":
        minute = 24 * 60 * float(rng.beta(2.6, 2.2))
    else:
        minute = 24 * 60 * float(rng.beta(1.7, 1.25))
    seconds = int(60 * min(minute, 24 * 60 - 1))
    return datetime.combine(day, time()) + timedelta(seconds=seconds)


def order_time(scanned: datetime, patient_class: PatientClass, rng: np.random.Generator) -> datetime:
    """When it was ordered."""
    median, spread = ORDER_MEDIAN_H[patient_class]
    return scanned - _whole_minutes(median * float(np.exp(spread * rng.standard_normal())))


def report_time(
    scanned: datetime, patient_class: PatientClass, place: Place, turnaround: Turnaround, rng: np.random.Generator
) -> datetime:
    """When it was reported."""
    uniform = float(np.clip(rng.random(), 1e-4, 1 - 1e-4))
    hours = turnaround.hours(patient_class, rural=place.rural, weekend=on_weekend(scanned), uniform=uniform)
    return scanned + _whole_minutes(hours)


def on_weekend(moment: datetime) -> bool:
    """Saturday or Sunday."""
    return moment.weekday() >= 5


def _whole_minutes(hours: float) -> timedelta:
    return timedelta(minutes=max(1, round(60 * hours)))
