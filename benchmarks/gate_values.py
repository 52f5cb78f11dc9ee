"""What the rules on values add to the input gate, on simulated volumes at their own resolution.

    python benchmarks/gate_values.py make WORK --seed S [--heads 10] [--studies 20] [--negatives 40]
    python benchmarks/gate_values.py show WORK

`make` writes a line of JSON for each volume: its facts, and what the network alone and the whole gate say. It resumes.
Brains come as examinations (grids of 1.5 and 2 mm) and in the appearances of `head_appearances` (2 and 3 mm); those are
also brought to half or a third of their voxel size, cut off at their brightest 3 % of voxels and brought to 0..255,
made z-scores within the head, and smoothed by 3 and 4 mm. `show` prints both error rates.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from prima.model.gate.admit import packaged_gate
from prima.model.gate.broken import why_broken
from prima.model.gate.values import value_facts
from prima.simulate.anatomy.build_head import build_head
from prima.simulate.geometry.streams import seed_of, stream
from prima.simulate.negatives import make_negative, plan_negative
from prima.simulate.negatives.appearances import head_appearances
from prima.simulate.negatives.tomography import healthy_case
from prima.simulate.plan.cases import case_at
from prima.simulate.plan.plan import make_plan
from prima.simulate.study.simulate import simulate_study
from prima.study import Volume

Row = tuple[str, str, str, Volume]
SIGMA = 2.3548
"""Full width at half maximum over the deviation of a Gaussian."""


def of_studies(seed: int, index: int) -> Iterator[Row]:
    """Series of an examination."""
    spacing = 2.0 if index % 2 else 1.5
    made = simulate_study(case_at(make_plan(num_studies=1000, seed=seed), index), spacing_mm=spacing)
    for series in made.study.series:
        yield "brain", "examination", f"{made.planned.protocol.name} {series.description} {spacing}", series.volume


def of_negatives(seed: int, index: int) -> Iterator[Row]:
    """Series of an examination of something else."""
    planned = plan_negative(seed, index)
    for series in make_negative(planned).study.series:
        yield planned.kind, planned.subkind, str(series.description), series.volume


def of_heads(seed: int, index: int) -> Iterator[Row]:
    """A head in every appearance; brains also as programs leave them."""
    spacing = (2.0, 3.0)[index % 2]
    key = (seed, "gate values", index)
    head = build_head(healthy_case(stream(*key, "pose"), seed_of(*key)), spacing_mm=spacing)
    for name, (kind, appearance) in head_appearances().items():
        volume = appearance(head, stream(*key, name))
        yield kind, name, f"{spacing}", volume
        if kind == "brain":
            for change, changed in as_programs_leave_it(volume, index):
                yield kind, f"{name}, {change}", f"{spacing}", changed


def as_programs_leave_it(volume: Volume, index: int) -> Iterator[tuple[str, Volume]]:
    """Interpolated, clipped, as z-scores, smoothed."""
    voxels, affine = volume.voxels, volume.affine
    image = torch.from_numpy(voxels)[None, None]
    times = 2 + index // 2 % 2
    finer = functional.interpolate(image, scale_factor=times, mode="trilinear", align_corners=False)[0, 0].numpy()
    yield "interpolated", Volume(voxels=finer, affine=affine.scaled([1 / times] * 3))
    clipped = np.minimum(voxels / np.percentile(voxels, 97), 1)
    yield "clipped 3 %", Volume(voxels=np.rint(255 * clipped).astype(np.uint8), affine=affine)
    inside = voxels > 0.1 * np.percentile(voxels, 99.5)
    scores = np.where(inside, (voxels - voxels[inside].mean()) / voxels[inside].std(), 0)
    yield "z-scores", Volume(voxels=scores, affine=affine)
    for width in (3, 4):
        smooth = image
        sigma = width / SIGMA / volume.spacing_mm[0]
        kernel = torch.exp(-0.5 * (torch.arange(-6, 7) / sigma) ** 2)
        for axis in range(3):
            shape = [1, 1, *(13 if axis == other else 1 for other in range(3))]
            padding = [6 if axis == other else 0 for other in range(3)]
            smooth = functional.conv3d(smooth, (kernel / kernel.sum()).view(shape), padding=padding)
        yield f"smoothed {width} mm", Volume(voxels=smooth[0, 0].numpy(), affine=affine)


MAKERS = {"studies": of_studies, "heads": of_heads, "negatives": of_negatives}


def make(work: Path, seed: int, counts: dict[str, int]) -> None:
    work.mkdir(parents=True, exist_ok=True)
    gate = packaged_gate()
    for what, count in counts.items():
        for index in range(count):
            path = work / f"{what}_{index:03d}.jsonl"
            if path.exists():
                continue
            lines = []
            for kind, subkind, name, volume in MAKERS[what](seed, index):
                broken = why_broken(volume) is not None
                after = gate.judge(volume)
                before = None if broken else gate.look(volume)
                line = {"kind": kind, "subkind": subkind, "name": name, "before": bool(before and before.admitted)}
                line |= {"after": after.admitted, "found": after.kind, "detail": after.detail}
                lines.append(json.dumps(line | asdict(value_facts(volume))))
            path.write_text("\n".join(lines) + "\n")
            print(path.name, flush=True)


def show(work: Path) -> None:
    """A line for each kind and subkind: how many pass, and how far the facts go."""
    rows = [json.loads(line) for path in sorted(work.glob("*.jsonl")) for line in path.read_text().splitlines()]
    groups: dict[tuple[str, str], list[dict[str, object]]] = {}
    for row in rows:
        groups.setdefault((row["kind"], row["subkind"]), []).append(row)
        groups.setdefault(("all", "brains" if row["kind"] == "brain" else "others"), []).append(row)
    print(
        "| kind | subkind | volumes | network alone: pass | with values: pass | detail mm | at highest | equal next |"
    )
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    for (kind, subkind), found in sorted(groups.items(), key=lambda item: (item[0][0] != "brain", item[0])):
        cells = [str(len(found)), *(str(sum(bool(row[when]) for row in found)) for when in ("before", "after"))]
        for fact in ("detail_mm", "at_high", "flat"):
            values = [value for row in found if isinstance(value := row[fact], float)]
            cells.append(f"{min(values):.2g} to {max(values):.2g}" if values else "")
        print(f"| {kind} | {subkind} | {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("make", "show"))
    parser.add_argument("work", type=Path)
    parser.add_argument("--seed", type=int, default=8202, help="limits were chosen on 8201")
    parser.add_argument("--heads", type=int, default=10)
    parser.add_argument("--studies", type=int, default=20)
    parser.add_argument("--negatives", type=int, default=40)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.what == "make":
        counts = {"heads": arguments.heads, "studies": arguments.studies, "negatives": arguments.negatives}
        make(arguments.work, arguments.seed, counts)
    else:
        show(arguments.work)


if __name__ == "__main__":
    main()
