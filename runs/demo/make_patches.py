"""Simulate the health systems of the demo release, study by study, straight into files of patches.

    python runs/demo/make_patches.py OUT [--part train|validation|test] [--first 0] [--last 4000] [--workers 2]
                                       [--seed 901]

It may be ended at any moment and run again: a study whose file is there is not made again. A study of about 3,300
tokens takes 1.7 MB and, on one core, one to four seconds.

    OUT/train        the archive to learn from: two years, a sixth of the studies normal, no drift, and enriched
    OUT/validation   another health system, as it comes: for calibration and thresholds
    OUT/test         a prospective year of a third one, with the drifted scanner from its first day; --seed for others

Enriched: most studies also get what another patient of a similar age has, and the words of that order, because a head
costs ten times what a finding in it does; and half of them are scanned again on another of the usual scanners with
another of the usual protocols, so that a protocol says less of what is seen. The scanner and the protocol of the drift
are never used. With `--natural` the training archive stays as it comes.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from datetime import date
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from prima.simulate.pathology.implied import labels_of
from prima.simulate.people.case import Case
from prima.simulate.plan.cases import case_at, stages_of
from prima.simulate.plan.plan import Plan, make_plan
from prima.simulate.reports.writers import write_report
from prima.simulate.scanner.protocols import PROTOCOLS, USUAL_PROTOCOLS
from prima.simulate.scanner.scanners import USUAL_SCANNERS
from prima.simulate.study.simulate import simulate_study
from prima.study.ontology import DIAGNOSIS_NAMES
from prima.study.triage import priority_and_referrals
from prima.tokens.contract import OPEN
from prima.train.data.patch_file import dense_targets, patches_of_study, write_patches

NUMBER = {name: number for number, name in enumerate(DIAGNOSIS_NAMES)}
WITH_ANOTHER = 0.65
SCANNED_ELSEWHERE = 0.5
TEST_SEED = 900


def plan_of(part: str, seed: int = TEST_SEED) -> Plan:
    """The health system of a part; only the test year has the drifted scanner, and a seed to choose."""
    if part == "train":
        plan = make_plan(num_studies=8000, seed=11, start=date(2022, 1, 1), days=730, prevalence={"normal": 0.16})
        return replace(plan, drift=None)
    if part == "validation":
        return replace(make_plan(num_studies=1000, seed=12, start=date(2024, 1, 1), days=366), drift=None)
    first = date(2025, 1, 1)
    return make_plan(num_studies=2500, seed=seed, start=first, days=365, drift_on=first)


def enriched(case: Case, plan: Plan) -> Case:
    """The case with another one's findings and order added, and on another usual scanner; both by chance."""
    random = np.random.default_rng((plan.seed, case.index, 77))
    if random.random() < WITH_ANOTHER:
        for index in random.integers(plan.num_studies, size=200):
            other = case_at(plan, int(index))
            alike = abs(other.age_years - case.age_years) < 2 + 0.1 * case.age_years
            if alike and other.lesions and not set(other.labels) & set(case.labels):
                case = with_findings(case, other)
                break
    if random.random() < SCANNED_ELSEWHERE:
        scanner, protocol = (str(random.choice(names)) for names in (USUAL_SCANNERS, USUAL_PROTOCOLS))
        visit = replace(case.visit, description=PROTOCOLS[protocol].study_description)
        case = replace(case, scanner=scanner, protocol=protocol, visit=visit)
    return case


def with_findings(case: Case, other: Case) -> Case:
    """A case that also has the other's findings; its order asks for both."""
    lesions = case.lesions + other.lesions
    labels = tuple(sorted(labels_of(lesions)))
    priority, referrals = priority_and_referrals(labels, age_years=case.age_years, stages=stages_of(lesions))
    words = other.visit.indication if case.normal else f"{case.visit.indication}. {other.visit.indication}"
    return replace(
        case,
        lesions=lesions,
        labels=labels,
        priority=priority,
        referrals=referrals,
        visit=replace(case.visit, indication=words),
    )


def make_one(part: str, index: int, out: Path, *, natural: bool = False, seed: int = TEST_SEED) -> None:
    """One study: voxels, patches, dense targets, report, truth. Heads to learn from are mostly built on a 2 mm grid."""
    path = out / part / f"{index:05d}.npz"
    if path.exists():
        return
    plan = plan_of(part, seed)
    case = case_at(plan, index)
    if part == "train" and not natural:
        case = enriched(case, plan)
    spacing_mm = 2.0 if part == "train" and index % 4 else 1.5
    made = simulate_study(case, spacing_mm=spacing_mm)
    patches, placed = patches_of_study(made.study, OPEN)
    masks = {NUMBER[name]: (mask.voxels, mask.affine) for name, mask in made.masks.items()}
    visible = np.full((len(made.study.series), len(NUMBER)), np.nan, np.float32)
    row_of = {(series.series_uid, series.part): row for row, series in enumerate(made.study.series)}
    for one in made.visibility:
        visible[row_of[one.series_uid, one.part], NUMBER[one.diagnosis]] = one.cnr
    prior = None if case.prior_index is None else case_at(plan, case.prior_index)
    report = write_report(case, prior=prior, writers="heldout" if part == "test" else "dev", reading=plan.reading)
    facts = {
        "study_uid": case.study_uid,
        "patient": case.person.patient_id,
        "labels": list(case.labels),
        "priority": case.priority,
        "referrals": list(case.referrals),
        "subtlety": {lesion.diagnosis: lesion.subtlety for lesion in case.lesions},
        "size_mm": {lesion.diagnosis: lesion.size_mm for lesion in case.lesions},
        "indication": case.visit.indication,
        "scanner": case.scanner,
        "site": case.visit.site,
        "scanned": case.visit.scanned.isoformat(),
        "age_years": case.age_years,
        "sex": case.person.sex,
        "race_ethnicity": case.person.race_ethnicity,
        "after_drift": bool(case.effects.get("drift")),
        "report": report.text,
    }
    dense = dense_targets(placed, masks, OPEN)
    write_patches(replace(patches, dense=dense, visible=visible, facts=facts), path)


def _start() -> None:
    os.nice(10)
    torch.set_num_threads(1)


def main() -> None:
    """Make what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--part", choices=("train", "validation", "test"), default="train")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--last", type=int, default=None)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--natural", action="store_true", help="train: as it comes, nothing added")
    parser.add_argument("--seed", type=int, default=TEST_SEED, help="test: which year (give each its own OUT)")
    given = parser.parse_args()
    if given.seed != TEST_SEED and given.part != "test":
        parser.error(
            f"--seed: found it for --part {given.part}, expected --part test; the others have seeds of their own"
        )
    last = plan_of(given.part, given.seed).num_studies if given.last is None else given.last
    jobs = [index for index in range(given.first, last) if not (given.out / given.part / f"{index:05d}.npz").exists()]
    with get_context("spawn").Pool(given.workers, _start) as pool:
        done = pool.imap_unordered(
            partial(make_one_of, given.part, given.out, given.natural, given.seed), jobs, chunksize=4
        )
        for number, _ in enumerate(done, 1):
            if number % 100 == 0 or number == len(jobs):
                print(f"{given.part}: {number} of {len(jobs)}", flush=True)


def make_one_of(part: str, out: Path, natural: bool, seed: int, index: int) -> None:
    """`make_one` with the index last, for a pool."""
    make_one(part, index, out, natural=natural, seed=seed)


if __name__ == "__main__":
    main()
