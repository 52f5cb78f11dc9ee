"""Train the input gate: simulate heads and what is none, fit, choose the operating point, write the shipped files.

    python runs/train_gate.py make WORK [--workers 2]     views of simulated series; goes on where it stopped
    python runs/train_gate.py fit WORK                    trains, writes src/prima/model/packaged_gate
    python runs/train_gate.py measure WORK                on other studies, and with subkinds left out of training

Seeds are fixed, so that a second run gives the same files. No real scan is used, neither to train nor to choose.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray

from prima.model.gate_view import View, view_of
from prima.simulate.cases import case_at
from prima.simulate.fast import SimulatedStudy, patient_affine, simulate_study
from prima.simulate.head import build_head
from prima.simulate.negatives import make_negative, plan_negative
from prima.simulate.pathology import shape_hooks
from prima.simulate.phantom_scan import acquire, phantom_protocols
from prima.simulate.plan import make_plan
from prima.simulate.workers import carry_out
from prima.study import Volume

SETS = {  # seed, brain studies, negatives, ellipsoid heads of the demonstration phantom
    "train": (7101, 160, 400, 10),
    "validation": (7102, 60, 160, 4),
    "test": (7103, 120, 400, 4),
}
STORED_PIXELS = 56
STUDIES_A_FILE = 10
MASKED = 3  # every third head with its brain's outline, for heads without skull or face
SCRAMBLED = 4  # every fourth study gives a series with its slices in disorder


def make(work: Path, workers: int) -> None:
    jobs = []
    for name, (seed, brains, negatives, phantoms) in SETS.items():
        (work / name).mkdir(parents=True, exist_ok=True)
        for kind, count in (("brain", brains), ("negative", negatives), ("phantom", phantoms)):
            for first in range(0, count, STUDIES_A_FILE):
                path = work / name / f"{kind}_{first:04d}.npz"
                if not path.exists():
                    jobs.append(partial(make_file, path, kind, seed, first, min(count, first + STUDIES_A_FILE)))
    started = perf_counter()
    for number, _ in enumerate(carry_out(jobs, workers=workers), start=1):
        print(f"{number}/{len(jobs)} files, {perf_counter() - started:.0f} s", flush=True)


def make_file(path: Path, kind: str, seed: int, first: int, last: int) -> None:
    """The views of some studies in one file."""
    maker = {"brain": brain_views, "negative": negative_views, "phantom": phantom_views}[kind]
    rows = [row for index in range(first, last) for row in maker(seed, index)]
    views, kinds, subkinds, names, studies, outlines = zip(*rows, strict=True)
    partial_path = path.with_name("." + path.name)
    np.savez_compressed(
        partial_path,
        voxels=np.stack([np.rint(view.voxels * 170).astype(np.uint8) for view in views]),
        outlines=np.packbits(np.stack(outlines), axis=-1),
        kinds=np.array(kinds), subkinds=np.array(subkinds), names=np.array(names), studies=np.array(studies),
    )  # fmt: skip
    partial_path.rename(path)


Row = tuple[View, str, str, str, str, NDArray[np.bool_]]
NO_OUTLINE = np.zeros((STORED_PIXELS,) * 3, bool)


def brain_views(seed: int, index: int) -> list[Row]:
    """Every used series of a simulated examination, and now and then one whose slices are in disorder."""
    torch.set_num_threads(1)
    made = simulate_study(case_at(make_plan(num_studies=1000, seed=seed), index), spacing_mm=2.0)
    find = outline_finder(made) if index % MASKED == 0 else lambda _: NO_OUTLINE
    study = f"brain/{seed}/{index}"
    rows: list[Row] = []
    protocol = made.planned.protocol.name
    for number, series in enumerate(made.study.series):
        view = view_of(series.volume, STORED_PIXELS)
        rows.append((view, "brain", protocol, str(series.description), study, find(view)))
        if (index + number) % (SCRAMBLED * 8) == 0:
            random = np.random.default_rng([seed, index, number])
            order = random.permutation(series.num_slices)
            mixed = Volume(voxels=series.volume.voxels[order], affine=series.volume.affine)
            view = view_of(mixed, STORED_PIXELS)
            rows.append((view, "nothing", "scrambled", str(series.description), study + "/scrambled", NO_OUTLINE))
    return rows


def outline_finder(made: SimulatedStudy):
    """From a view to the voxels of it that are brain or fluid around it."""
    head = build_head(made.case, spacing_mm=2.0, shape_hooks=shape_hooks(made.case))
    inside = sum(head.fraction(name) for name in ("csf", "gm", "wm", "deep_gm"))
    brain = (inside > 0.5).numpy()
    to_head = np.linalg.inv(patient_affine(made.planned, head.grid.affine))

    def find(view: View) -> NDArray[np.bool_]:
        index = np.indices(view.voxels.shape).reshape(3, -1)
        to_index = to_head @ view.affine
        at = np.rint(to_index[:3, :3] @ index + to_index[:3, 3:]).astype(int)
        size = np.array(brain.shape)[:, None]
        known = ((at >= 0) & (at < size)).all(axis=0)
        found = np.zeros(index.shape[1], bool)
        found[known] = brain[tuple(at[:, known])]
        return found.reshape(view.voxels.shape)

    return find


def negative_views(seed: int, index: int) -> list[Row]:
    torch.set_num_threads(1)
    planned = plan_negative(seed, index)
    study = make_negative(planned).study
    return [
        (view_of(one.volume, STORED_PIXELS), planned.kind, planned.subkind, str(one.description),
         f"negative/{seed}/{index}", NO_OUTLINE)
        for one in study.series
    ]  # fmt: skip


def phantom_views(seed: int, index: int) -> list[Row]:
    """The demonstration head of ellipsoids: it stands for a brain wherever no simulated one is at hand."""
    scans = [
        (protocol, scan)
        for protocol in phantom_protocols()
        if protocol.description != "localizer"
        for scan in protocol.scans
    ]
    rows: list[Row] = []
    for number, (protocol, scan) in enumerate(scans):
        voxels = acquire(scan, lesion=index % 2 == 0, seed=seed + index, noise_seed=100 * number)
        view = view_of(Volume(voxels=voxels, affine=scan.affine), STORED_PIXELS)
        rows.append((view, "brain", "demonstration", protocol.description, f"phantom/{seed}/{index}", NO_OUTLINE))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("make", "fit", "measure"))
    parser.add_argument("work", type=Path)
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.step == "make":
        make(arguments.work, arguments.workers)


if __name__ == "__main__":
    main()
