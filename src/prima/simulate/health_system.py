"""A simulated health system on disk: studies as DICOM, reports in three carriers, and the truth.

Each study is made in a folder of another name and renamed when it is whole, so that a run that was broken off goes on
where it stopped; the tables and the reports follow from the plan alone and are written at the end.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from prima.errors import MissingDependencyError, UsageError
from prima.simulate.cases import case_at, cases
from prima.simulate.dicom_files import write_dicom
from prima.simulate.fast import Mask, simulate_study
from prima.simulate.plan import Plan
from prima.simulate.plan_file import plan_to_json, read_plan, write_plan
from prima.simulate.reports.banks import Writers
from prima.simulate.reports.carrier_csv import write_csv
from prima.simulate.reports.carrier_fhir import write_fhir
from prima.simulate.reports.carrier_hl7 import write_hl7
from prima.simulate.reports.filed import Filed, report_labels
from prima.simulate.reports.writers import write_report
from prima.simulate.truth import write_parquet, write_truth

PLAN_FILE = "plan.json"


@dataclass(frozen=True, kw_only=True)
class Making:
    """How a plan is carried out: grid of the anatomy in mm, set of writers, processes, device."""

    spacing_mm: float = 1.5
    writers: Writers = "dev"
    workers: int = 1
    device: str = "cpu"


def make_health_system(
    plan: Plan, out: Path, making: Making, on_study: Callable[[int, int], None] = lambda _done, _all: None
) -> None:
    """Write a whole health system; what an earlier run of the same plan finished is kept.

    Args:
        plan: what to make.
        out: new, empty, or begun with the same plan.
        making: how.
        on_study: told after each study how many of how many are there.

    Raises:
        UsageError: `out` holds something else.
        MissingDependencyError: pydicom, nibabel or pyarrow is not installed.
    """
    _claim(plan, out)
    (out / "studies").mkdir(exist_ok=True)
    missing = [index for index in range(plan.num_studies) if not (out / "studies" / _uid(plan, index)).exists()]
    done = plan.num_studies - len(missing)
    on_study(done, plan.num_studies)
    for _ in _made(plan, missing, out, making):
        done += 1
        on_study(done, plan.num_studies)
    _write_reports(plan, out, making.writers)
    write_truth(plan, out / "truth")
    _write_visibility(plan, out)


def _claim(plan: Plan, out: Path) -> None:
    if not out.exists() or not any(out.iterdir()):
        out.mkdir(parents=True, exist_ok=True)
        write_plan(plan, out / PLAN_FILE)
        return
    try:
        same = plan_to_json(read_plan(out / PLAN_FILE)) == plan_to_json(plan)
    except UsageError:
        same = False
    if not same:
        raise UsageError(f"{out}: found files of something else, expected an empty folder or this plan begun before")


def _uid(plan: Plan, index: int) -> str:
    return case_at(plan, index).study_uid


def _made(plan: Plan, indices: list[int], out: Path, making: Making) -> Iterable[None]:
    if making.workers == 1:
        for index in indices:
            _make_one(plan, index, out, making)
            yield
        return
    with ProcessPoolExecutor(making.workers, mp_context=get_context("spawn"), initializer=_one_thread) as pool:
        for future in as_completed([pool.submit(_make_one, plan, index, out, making) for index in indices]):
            future.result()
            yield


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _make_one(plan: Plan, index: int, out: Path, making: Making) -> None:
    case = case_at(plan, index)
    partial = out / "studies" / f".{case.study_uid}.part"
    shutil.rmtree(partial, ignore_errors=True)
    simulated = simulate_study(case, spacing_mm=making.spacing_mm, device=making.device, everything=True)
    write_dicom(simulated, partial)
    masks = out / "truth" / "masks" / case.study_uid
    for diagnosis, mask in simulated.masks.items():
        _write_mask(mask, masks / f"{diagnosis}.nii.gz")
    visible = _visibility_file(out, case.study_uid)
    visible.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"study_uid": case.study_uid, **asdict(row)} for row in simulated.visibility]
    visible.write_text(json.dumps(rows), encoding="utf-8")
    partial.rename(out / "studies" / case.study_uid)


def _write_mask(mask: Mask, path: Path) -> None:
    """A mask as NIfTI: its axes x, y, z, its affine to RAS, its kind in the header's description."""
    try:
        import nibabel as nib
    except ImportError:
        raise MissingDependencyError("writing masks needs nibabel: pip install nibabel") from None
    path.parent.mkdir(parents=True, exist_ok=True)
    to_ras = np.diag([-1.0, -1.0, 1.0, 1.0])
    affine = to_ras @ mask.affine[:, [2, 1, 0, 3]]
    image = nib.nifti1.Nifti1Image(mask.voxels.transpose(2, 1, 0), affine)  # type: ignore[no-untyped-call]
    image.header["descrip"] = mask.kind
    image.to_filename(path)


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
        filed.append(Filed(case, write_report(case, prior=prior, writers=writers)))
    reports = out / "reports"
    write_csv(filed, reports)
    write_hl7(filed, reports / "hl7")
    write_fhir(filed, reports / "fhir")
    rows = report_labels(filed)
    names = ("study_uid", "diagnosis", "assertion", "start", "end", "text")
    write_parquet({name: [row[name] for row in rows] for name in names}, out / "truth" / "report_labels.parquet")
