"""A simulated health system on disk: studies as DICOM, reports in three carriers, and the truth.

Each study is made in a folder of another name and renamed when it is whole, so that a run that was interrupted, or that
filled the disk, resumes where it stopped; the tables and the reports follow from the plan alone and are written at the
end.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from prima.files.durable import make_folder, new_folder, write_json
from prima.simulate.files.dicom_files import write_dicom
from prima.simulate.files.mask_files import write_mask
from prima.simulate.files.output_folder import claim
from prima.simulate.negatives import PlannedNegative, check_count, make_negative, plan_negative
from prima.simulate.negatives.files import write_negative
from prima.simulate.negatives.planned import negative_table
from prima.simulate.plan.cases import case_at, cases
from prima.simulate.plan.plan import Plan
from prima.simulate.plan.truth import need_pyarrow, write_parquet, write_truth
from prima.simulate.reports.banks import Writers
from prima.simulate.reports.carrier_csv import write_csv
from prima.simulate.reports.carrier_fhir import write_fhir
from prima.simulate.reports.carrier_hl7 import write_hl7
from prima.simulate.reports.filed import Filed, report_labels
from prima.simulate.reports.writers import write_report
from prima.simulate.scanner.image_header import need_pydicom
from prima.simulate.study.simulate import AS_ONE, Variety, simulate_study
from prima.simulate.workers import Job, carry_out


@dataclass(frozen=True, kw_only=True)
class Making:
    """How a plan is carried out.

    Args:
        spacing_mm: grid of the anatomy: 1, 1.5 or 2.
        writers: who writes the reports.
        negatives: how many studies that are no brain MRI lie beside the others.
        workers: processes.
        device: where voxels are computed.
        variety: heads and appearances beside the packaged ones; simulator version 2.
    """

    spacing_mm: float = 1.5
    writers: Writers = "dev"
    negatives: int = 0
    workers: int = 1
    device: str = "cpu"
    variety: Variety = AS_ONE

    def to_json(self) -> dict[str, Any]:
        """What decides the files, for plan.json; a version 1 does not name itself, as it never did."""
        values: dict[str, Any] = {name: getattr(self, name) for name in ("spacing_mm", "writers", "negatives")}
        if self.variety.version > 1:
            heads = () if self.variety.anatomies is None else self.variety.anatomies.heads
            appearance = self.variety.appearance
            values["simulator"] = self.variety.version
            values["anatomies"] = {head.name: head.sha256 for head in heads}
            values["appearance"] = None if appearance is None else asdict(appearance)
        return values


def make_health_system(
    plan: Plan, out: Path, making: Making, on_study: Callable[[int, int], None] = lambda _done, _all: None
) -> None:
    """Write a whole health system; what an earlier run of the same plan finished is kept.

    Args:
        plan: what to make.
        out: new, empty, or begun with the same plan.
        making: how.
        on_study: told after each study, negatives included, how many of how many are there.

    Raises:
        UsageError: `out` holds something else or cannot be written, or there are fewer than no negatives.
        MissingDependencyError: pydicom, nibabel or pyarrow is not installed.
    """
    need_pydicom()
    need_pyarrow()
    check_count(making.negatives)
    claim(out, plan, making.to_json())
    for folder in ("studies", "truth/visibility"):
        make_folder(out / folder)
    jobs: list[Job] = [
        partial(_make_one, plan, index, out, making)
        for index in range(plan.num_studies)
        if not _study_folder(plan, index, out).exists()
    ]
    jobs += [
        partial(_make_negative, negative, out)
        for negative in _negatives(plan, making)
        if not _negative_folder(negative, out).exists()
    ]
    total = plan.num_studies + making.negatives
    done = total - len(jobs)
    on_study(done, total)
    for _ in carry_out(jobs, workers=making.workers):
        done += 1
        on_study(done, total)
    _write_reports(plan, out, making.writers)
    write_truth(plan, out / "truth")
    _write_visibility(plan, out)
    if making.negatives:
        table = negative_table(plan.seed, making.negatives, start=plan.start, days=plan.days)
        write_parquet(table, out / "truth" / "negatives.parquet")


def _study_folder(plan: Plan, index: int, out: Path) -> Path:
    return out / "studies" / case_at(plan, index).study_uid


def _negative_folder(negative: PlannedNegative, out: Path) -> Path:
    return out / "negatives" / negative.study_uid


def _negatives(plan: Plan, making: Making) -> list[PlannedNegative]:
    return [plan_negative(plan.seed, index, start=plan.start, days=plan.days) for index in range(making.negatives)]


def _make_one(plan: Plan, index: int, out: Path, making: Making) -> None:
    """A study with its truth; the folder of the study comes last, and says that all of it is there."""
    case = case_at(plan, index)
    simulated = simulate_study(
        case, spacing_mm=making.spacing_mm, device=making.device, with_excluded=True, variety=making.variety
    )
    with new_folder(_study_folder(plan, index, out)) as study:
        write_dicom(simulated, study)
        if simulated.masks:
            with new_folder(out / "truth" / "masks" / case.study_uid) as masks:
                for diagnosis, mask in simulated.masks.items():
                    write_mask(mask, masks / f"{diagnosis}.nii.gz")
        rows = [{"study_uid": case.study_uid, **asdict(row)} for row in simulated.visibility]
        write_json(_visibility_file(out, case.study_uid), rows, indent=None)


def _make_negative(negative: PlannedNegative, out: Path) -> None:
    with new_folder(_negative_folder(negative, out)) as folder:
        write_negative(make_negative(negative), folder)


def _visibility_file(out: Path, study_uid: str) -> Path:
    return out / "truth" / "visibility" / f"{study_uid}.json"


def _write_visibility(plan: Plan, out: Path) -> None:
    """One table of all studies' visibility, from what was written beside each."""
    rows = [
        row
        for case in cases(plan)
        for row in json.loads(_visibility_file(out, case.study_uid).read_text(encoding="utf-8"))
    ]
    names = ("study_uid", "series_uid", "part", "diagnosis", "cnr", "coverage", "volume_ml")
    write_parquet({name: [row[name] for row in rows] for name in names}, out / "truth" / "visibility.parquet")


def _write_reports(plan: Plan, out: Path, writers: Writers) -> None:
    filed = []
    for case in cases(plan):
        prior = None if case.prior_index is None else case_at(plan, case.prior_index)
        filed.append(Filed(case, write_report(case, prior=prior, writers=writers, reading=plan.reading)))
    with new_folder(out / "reports") as reports:
        write_csv(filed, reports)
        write_hl7(filed, reports / "hl7")
        write_fhir(filed, reports / "fhir")
    rows = report_labels(filed)
    names = ("study_uid", "diagnosis", "assertion", "start", "end", "text")
    write_parquet({name: [row[name] for row in rows] for name in names}, out / "truth" / "report_labels.parquet")
