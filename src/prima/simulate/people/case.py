"""A case: everything that is true of one simulated study before a voxel exists. Plain data, no torch.

The plan makes cases, pathology and anatomy make voxels of them, writers make reports, and the truth tables are written
from the same values, so that image, report and label cannot disagree unless they are told to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Side = Literal["left", "right", "midline", "both"]
Sex = Literal["F", "M"]
PatientClass = Literal["emergency", "inpatient", "outpatient"]
Course = Literal["new", "unchanged", "larger", "smaller", "postoperative"]


@dataclass(frozen=True, kw_only=True)
class Lesion:
    """One abnormality to be put into a head.

    Args:
        diagnosis: released name of the diagnosis that it is a sign of.
        site: name of an anatomical site (`simulate/anatomy/sites`), where its centre lies.
        side: the patient's side.
        size_mm: longest diameter; for diffuse and geometric findings 0.
        degree: how marked it is, 0 to 1.
        subtlety: 1 plain, 2 moderate, 3 subtle.
        stage: "acute", "subacute", "chronic", …, where the diagnosis has stages.
        course: against the prior study.
        seed: for its shape and texture.
    """

    diagnosis: str
    site: str
    side: Side
    size_mm: float
    degree: float
    subtlety: int
    stage: str | None = None
    course: Course = "new"
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Person:
    """A made-up patient."""

    patient_id: str
    sex: Sex
    birth_year: int
    race_ethnicity: str
    insurance: str
    county_population: int
    rural: bool
    seed: int


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One examination in the health system: when and where it was ordered, done and reported."""

    site: str
    patient_class: PatientClass
    ordered: datetime
    scanned: datetime
    reported: datetime
    description: str
    indication: str


@dataclass(frozen=True, kw_only=True)
class Case:
    """One study.

    Args:
        index: number of the study in its plan.
        seed: of the whole plan; streams are drawn from (seed, index, stage).
        study_uid: StudyInstanceUID, under 2.25.
        accession: accession number.
        person: who; `age_years` is the age at the scan.
        scanner: name of a scanner (`simulate/scanner/scanners`).
        protocol: name of a protocol (`simulate/scanner/protocols`).
        lesions: what is put into the head, consequences (edema, mass effect) included.
        labels: released names of everything visible, implications included, sorted.
        absent_now: diagnoses of the past that can no longer be seen (resected, resolved): the report may name them.
        priority: none, low, medium or high.
        referrals: names of services.
        prior_index: the patient's previous study, None when this is the first.
    """

    index: int
    seed: int
    study_uid: str
    accession: str
    person: Person
    age_years: float
    visit: Visit
    scanner: str
    protocol: str
    lesions: tuple[Lesion, ...] = ()
    labels: tuple[str, ...] = ()
    absent_now: tuple[str, ...] = ()
    priority: str = "none"
    referrals: tuple[str, ...] = ()
    prior_index: int | None = None
    effects: dict[str, float] = field(default_factory=dict)

    @property
    def normal(self) -> bool:
        """Whether nothing abnormal is visible."""
        return not self.labels
