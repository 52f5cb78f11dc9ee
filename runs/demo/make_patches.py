"""Simulate the health systems of the demo release, study by study, straight into files of patches.

    python runs/demo/make_patches.py OUT [--part train|validation|test] [--first 0] [--last 4000] [--workers 2]

It may be ended at any moment and run again: a study whose file is there is not made again. A study of about 3,300
tokens takes 1.7 MB and, on one core, about a second.

    OUT/train        the archive to learn from: two years, a fifth of the studies normal, no drift
    OUT/validation   another health system, as it comes: for calibration and thresholds
    OUT/test         a prospective year of a third one, with the drifted scanner from its first day
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

from prima.simulate.cases import case_at
from prima.simulate.fast import simulate_study
from prima.simulate.plan import Plan, make_plan
from prima.simulate.reports.writers import write_report
from prima.study.ontology import DIAGNOSIS_NAMES
from prima.tokens.contract import OPEN
from prima.train.patch_file import dense_targets, patches_of_study, write_patches

NUMBER = {name: number for number, name in enumerate(DIAGNOSIS_NAMES)}


def plan_of(part: str) -> Plan:
    """The health system of a part; only the test year has the drifted scanner."""
    if part == "train":
        plan = make_plan(num_studies=8000, seed=11, start=date(2022, 1, 1), days=730, prevalence={"normal": 0.2})
        return replace(plan, drift=None)
    if part == "validation":
        return replace(make_plan(num_studies=1000, seed=12, start=date(2024, 1, 1), days=366), drift=None)
    first = date(2025, 1, 1)
    return make_plan(num_studies=2500, seed=900, start=first, days=365, drift_on=first)


def make_one(part: str, index: int, out: Path) -> None:
    """One study: voxels, patches, dense targets, report, truth. Two of three heads are built on a 1.5 mm grid."""
    path = out / part / f"{index:05d}.npz"
    if path.exists():
        return
    plan = plan_of(part)
    case = case_at(plan, index)
    spacing_mm = 2.0 if part == "train" and index % 3 == 0 else 1.5
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
    given = parser.parse_args()
    last = plan_of(given.part).num_studies if given.last is None else given.last
    jobs = [index for index in range(given.first, last) if not (given.out / given.part / f"{index:05d}.npz").exists()]
    with get_context("spawn").Pool(given.workers, _start) as pool:
        done = pool.imap_unordered(partial(make_one_of, given.part, given.out), jobs, chunksize=4)
        for number, _ in enumerate(done, 1):
            if number % 100 == 0 or number == len(jobs):
                print(f"{given.part}: {number} of {len(jobs)}", flush=True)


def make_one_of(part: str, out: Path, index: int) -> None:
    """`make_one` with the index last, for a pool."""
    make_one(part, index, out)


if __name__ == "__main__":
    main()
