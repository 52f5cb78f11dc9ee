"""Made-up cases for the tests of reports, before plan and pathology have their say."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from prima.simulate.people.case import Case, Lesion, Person, Visit
from prima.simulate.reports.places import PLACES
from prima.study.ontology import DIAGNOSIS_NAMES, with_implied

SITES = {
    "schwannoma": "internal_auditory_canal",
    "meningioma": "convexity",
    "subdural": "convexity",
    "subarachnoid": "sylvian_fissure",
    "aneurysm": "mca_bifurcation",
    "sellar": "sella",
    "chiari": "foramen_magnum",
    "syrinx": "cervical_cord",
    "craniotomy": "skull_convexity",
    "pineal": "pineal",
    "germ_cell": "pineal",
    "brainstem": "pons",
    "ependymoma": "fourth_ventricle",
    "medulloblastoma": "vermis",
    "pilocytic": "cerebellar_hemisphere",
    "colloid": "foramen_of_monro",
    "arachnoid": "middle_fossa",
    "catheter": "lateral_ventricle_frontal_horn",
    "intraventricular": "lateral_ventricle_atrium",
    "lacunar": "thalamus",
    "large_vessel": "mca_territory",
    "heterotopia": "lateral_ventricle_body",
    "cephalocele": "skull_base_anterior",
    "metastasis": "frontal_cortex",
    "multiple_sclerosis": "periventricular_wm",
}
INDICATIONS = ("Headache", "New onset seizure", "r/o stroke", "Follow-up", "Rule out metastases", "Dizziness", "AMS")
SCANS = ("MR BRAIN W WO CONTRAST", "MR BRAIN WO CONTRAST")


def lesion(diagnosis: str, random: np.random.Generator, *, course: str = "new") -> Lesion:
    site = next((site for word, site in SITES.items() if word in diagnosis), "temporal_wm")
    sided = "{s}" in PLACES[site].noun
    diffuse = any(word in diagnosis for word in ("atrophy", "small_vessel", "ventriculomegaly", "edema", "hypotension"))
    return Lesion(
        diagnosis=diagnosis,
        site=site,
        side=str(random.choice(["left", "right"])) if sided else "midline",
        size_mm=0.0 if diffuse else float(random.uniform(3, 45)),
        degree=float(random.random()),
        subtlety=int(random.integers(1, 4)),
        stage=str(random.choice(["acute", "subacute", "chronic"])) if diagnosis[0] in "vt" else None,
        course=course,
    )  # fmt: skip


def make_case(
    index: int, *diagnoses: str, absent_now: tuple[str, ...] = (), seed: int = 3, course: str = "new"
) -> Case:
    random = np.random.default_rng([seed, index])
    lesions = []
    for diagnosis in diagnoses:
        many = diagnosis in ("tumor_adult_brain_metastasis", "inflammatory_multiple_sclerosis") and index % 2
        lesions += [lesion(diagnosis, random, course=course) for _ in range(5 if many else 1)]
    scanned = datetime(2024, 1, 5, 9) + timedelta(hours=7 * index)
    return Case(
        index=index,
        seed=seed,
        study_uid=f"2.25.{10**20 + index}",
        accession=f"A{index:06d}",
        person=Person(
            patient_id=f"P{index:05d}", sex="F" if index % 2 else "M", birth_year=1950 + index % 60,
            race_ethnicity="white", insurance="private", county_population=90000, rural=False, seed=index,
        ),
        age_years=float(2024 - 1950 - index % 60),
        visit=Visit(
            site="Main", patient_class=("emergency", "inpatient", "outpatient")[index % 3],
            ordered=scanned - timedelta(days=1), scanned=scanned, reported=scanned + timedelta(hours=3),
            description=SCANS[index % 2], indication=INDICATIONS[index % len(INDICATIONS)],
        ),
        scanner="Siemens Skyra",
        protocol="routine",
        lesions=tuple(lesions),
        labels=tuple(sorted(with_implied(diagnoses))),
        absent_now=absent_now,
        prior_index=index - 1000 if course != "new" or absent_now else None,
    )  # fmt: skip


def corpus(number: int = 312) -> list[tuple[Case, Case | None]]:
    """Cases and priors: every diagnosis several times, alone and with consequences, 30 % normal."""
    found: list[tuple[Case, Case | None]] = []
    for index in range(number):
        random = np.random.default_rng([11, index])
        main = DIAGNOSIS_NAMES[index % 52]
        names = {main}
        if index % 3 == 1:
            names |= {"structural_edema", "structural_mass_effect", "structural_midline_shift"}
        if index % 7 == 2:
            names |= {str(random.choice(DIAGNOSIS_NAMES))}
        if index % 10 < 2:
            names = set()
        absent = (main,) if not names and index % 4 == 0 else ()
        course = str(random.choice(["new", "unchanged", "larger", "smaller"])) if index % 5 == 3 else "new"
        case = make_case(index, *sorted(names), absent_now=absent, course=course)
        prior = make_case(index + 100000, main) if absent or course != "new" else None
        found.append((case, prior))
    return found
