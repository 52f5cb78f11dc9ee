"""Train the input gate: simulate heads and what is none, fit, choose the operating point, write the shipped files.

    python runs/train_gate.py make WORK [--workers 2]     views of simulated series; goes on where it stopped
    python runs/train_gate.py fit WORK                    trains, writes src/prima/model/gate/packaged
    python runs/train_gate.py make WORK --round second    fewer of those, and heads in many appearances
    python runs/train_gate.py fit WORK --round second --start FOLDER     goes on from an earlier gate; then third
    python runs/train_gate.py measure WORK                on studies of other seeds
    python runs/train_gate.py leave-out WORK --fold 0     trains without a third of the subkinds and measures on those
    python runs/train_gate.py real REAL                   what the gate alone says of folders of real series, one by one

Seeds are fixed, so that a second run gives the same files. No real scan is used, neither to train nor to choose.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray

from prima.files.durable import new_file
from prima.model.gate.admit import PACKAGED, load_gate, save_gate
from prima.model.gate.network import KINDS, GateNetwork
from prima.model.gate.view import View, view_of
from prima.simulate.anatomy.build_head import build_head
from prima.simulate.geometry.streams import seed_of, stream
from prima.simulate.negatives import SUBKINDS, make_negative, plan_negative
from prima.simulate.negatives.appearances import head_appearances
from prima.simulate.negatives.objects import random_object
from prima.simulate.negatives.tomography import healthy_case
from prima.simulate.pathology import shape_hooks
from prima.simulate.phantom.scan import acquire, phantom_protocols
from prima.simulate.plan.cases import case_at
from prima.simulate.plan.plan import make_plan
from prima.simulate.study.simulate import SimulatedStudy, patient_affine, simulate_study
from prima.simulate.workers import carry_out
from prima.study import Volume
from prima.train.gate.augment import Augmentation
from prima.train.gate.fit import GateRecipe, GateViews, fit_gate, kind_shares, threshold_keeping, with_more_kinds

SEEDS = {"train": 7101, "validation": 7102, "test": 7103}
ROUNDS = {  # brain studies, negatives, ellipsoid heads of the demonstration phantom, heads in all appearances
    "first": {"train": (160, 360, 10, 0), "validation": (40, 120, 4, 0), "test": (60, 270, 4, 0)},
    "second": {"train": (16, 90, 2, 20), "validation": (4, 20, 1, 10), "test": (4, 30, 0, 10)},
}
ROUNDS["third"] = ROUNDS["second"]
# The last round changes less: what tells a map or PET from a brain is fine.
GENTLE = Augmentation(
    turn_deg=7, shift_mm=8, scale=0.09, bend_mm=4, other_axes=0.03, contrast=0.2, gamma=0.25, slab=0.15, blurred=0.15,
    noisy=0.5, beside=0.08,
)  # fmt: skip
RECIPES = {
    "first": GateRecipe(),
    "second": GateRecipe(steps=450, batch=24, fresh=10, learning_rate=1.5e-3),
    "third": GateRecipe(steps=700, batch=24, fresh=10, learning_rate=4e-3, seed=1, augmentation=GENTLE, kept=0.99),
}
# Changes of the size that separates scanners and people; those of training are larger.
MILD = Augmentation(
    turn_deg=6, shift_mm=6, scale=0.08, stretch=0.04, bend_mm=3, other_axes=0, contrast=0.1, slab=0.1, blurred=0.2,
    noisy=0.3, beside=0.05,
)  # fmt: skip
HIGHEST = 0.5
LEAVE_OUT_FOLDS = 3
STORED_PIXELS = 56
STUDIES_A_FILE = 10
MASKED = 3  # every third head with its brain's outline, for heads without skull or face
SCRAMBLED = 4  # every fourth study gives a series with its slices in disorder
OBJECTS_A_HEAD = 2
CHECKPOINT_STEPS = 100


def make(work: Path, workers: int, counts: dict[str, tuple[int, int, int, int]]) -> None:
    jobs = []
    for name, seed in SEEDS.items():
        (work / name).mkdir(parents=True, exist_ok=True)
        for kind, count in zip(("brain", "negative", "phantom", "head"), counts[name], strict=True):
            for first in range(0, count, STUDIES_A_FILE):
                path = work / name / f"{kind}_{first:04d}.npz"
                if not path.exists():
                    jobs.append(partial(make_file, path, kind, seed, first, min(count, first + STUDIES_A_FILE)))
    started = perf_counter()
    for number, _ in enumerate(carry_out(jobs, workers=workers), start=1):
        print(f"{number}/{len(jobs)} files, {perf_counter() - started:.0f} s", flush=True)


def make_file(path: Path, kind: str, seed: int, first: int, last: int) -> None:
    """The views of some studies in one file."""
    makers = {"brain": brain_views, "negative": negative_views, "phantom": phantom_views, "head": head_views}
    maker = makers[kind]
    rows = [row for index in range(first, last) for row in maker(seed, index)]
    views, kinds, subkinds, names, studies, outlines = zip(*rows, strict=True)
    with new_file(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            voxels=np.stack([np.rint(view.voxels * 170).astype(np.uint8) for view in views]),
            outlines=np.packbits(np.stack(outlines), axis=-1),
            kinds=np.array(kinds), subkinds=np.array(subkinds), names=np.array(names), studies=np.array(studies),
        )  # fmt: skip


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


def head_views(seed: int, index: int) -> list[Row]:
    """A head in every appearance, and some objects beside it."""
    torch.set_num_threads(1)
    key = (seed, "gate head", index)
    head = build_head(healthy_case(stream(*key, "pose"), seed_of(*key)), spacing_mm=3.0)
    study = f"head/{seed}/{index}"
    rows: list[Row] = []
    for name, (kind, appearance) in head_appearances().items():
        view = view_of(appearance(head, stream(*key, name)), STORED_PIXELS)
        rows.append((view, kind, name, name, study, NO_OUTLINE))
    for number in range(OBJECTS_A_HEAD):
        view = view_of(random_object(stream(seed, "gate object", index, number)), STORED_PIXELS)
        rows.append((view, "fruit", "object", "object", f"object/{seed}/{index}/{number}", NO_OUTLINE))
    return rows


def views_in(folder: Path) -> GateViews:
    """All views of a set."""
    files = [np.load(path) for path in sorted(folder.glob("[a-z]*.npz"))]
    joined = {name: np.concatenate([file[name] for file in files]) for name in ("voxels", "outlines", "kinds")}
    subkinds, studies = (np.concatenate([file[name].astype(str) for file in files]) for name in ("subkinds", "studies"))
    kinds = np.array([KINDS.index(kind) for kind in joined["kinds"]], np.int64)
    return GateViews(
        voxels=joined["voxels"], outlines=joined["outlines"], kinds=kinds, subkinds=subkinds, studies=studies
    )


def trained(
    views: GateViews, recipe: GateRecipe, start: GateNetwork | None = None, checkpoints: Path | None = None
) -> GateNetwork:
    started = perf_counter()

    def show(step: int, loss: float) -> None:
        if step % 50 == 0 or step == recipe.steps - 1:
            print(f"step {step}: loss {loss:.3f}, {perf_counter() - started:.0f} s", flush=True)
        if start is not None and checkpoints is not None and step % CHECKPOINT_STEPS == CHECKPOINT_STEPS - 1:
            save_gate(checkpoints / f"step_{step + 1}", start, recipe.config, HIGHEST, {"steps": float(step + 1)})

    return fit_gate(views, recipe, show, start=start)


def operating_point(network: GateNetwork, validation: GateViews, recipe: GateRecipe) -> tuple[float, dict[str, float]]:
    """The threshold at which enough brains are kept, as they are and when changed at random (the lower one)."""
    brains = validation.where(validation.kinds == 0)
    others = validation.where(validation.kinds != 0)
    plain = kind_shares(network, brains)[:, 0]
    mild = kind_shares(network, brains, changed=MILD, seed=recipe.seed)[:, 0]
    found = min(threshold_keeping(plain, recipe.kept), threshold_keeping(mild, recipe.kept), HIGHEST)
    facts = {
        "brains_kept": float((plain >= found).mean()),
        "changed_brains_kept": float((mild >= found).mean()),
        "others_refused": float((kind_shares(network, others)[:, 0] < found).mean()),
        "num_brains": float(len(brains)),
        "num_others": float(len(others)),
    }
    return found, facts


def fit(work: Path, folder: Path, recipe: GateRecipe, start: Path | None) -> None:
    train = views_in(work / "train")
    earlier = None if start is None else load_gate(start)
    begun = None if earlier is None else with_more_kinds(earlier.network, recipe.config, earlier.file.config.kinds)
    network = trained(train, recipe, begun, work / "checkpoints")
    before = None if earlier is None else earlier.file.sha256
    save_operating_point(network, recipe, views_in(work / "validation"), len(train), folder, before)


def save_operating_point(  # noqa: PLR0917 - what is written
    network: GateNetwork,
    recipe: GateRecipe,
    validation: GateViews,
    num_series: int,
    folder: Path,
    before: str | None = None,
) -> None:
    """Choose the threshold, write the gate, print what the threshold does to the validation series."""
    threshold, facts = operating_point(network, validation, recipe)
    facts = {name: round(value, 4) for name, value in facts.items()}
    provenance: dict[str, float | str] = {
        "data": "simulated series only (prima.simulate); no real scan",
        "made_by": "runs/train_gate.py",
        "num_series": float(num_series),
        "seed_train": float(SEEDS["train"]),
        "seed_validation": float(SEEDS["validation"]),
        "steps": float(recipe.steps),
        **{f"validation_{name}": value for name, value in facts.items()},
    }
    if before is not None:
        provenance["went_on_from_sha256"] = before
    save_gate(folder, network, recipe.config, threshold, provenance)
    print(json.dumps({"threshold": threshold, **facts}, indent=1), flush=True)


def measure(work: Path, folder: Path) -> None:
    """Print a table of the test studies by kind and subkind."""
    gate = load_gate(folder)
    print_table("all subkinds in training", gate.network, views_in(work / "test"), gate.file.threshold)


def leave_out(work: Path, fold: int) -> None:
    """Train without a share of the subkinds, and print a table of test studies of those and of brains."""
    names = sorted(name for kinds in SUBKINDS.values() for name in kinds)
    left = np.array(names[fold::LEAVE_OUT_FOLDS])
    recipe = GateRecipe()
    train = views_in(work / "train")
    network = trained(train.where(~np.isin(train.subkinds, left)), recipe)
    validation, test = views_in(work / "validation"), views_in(work / "test")
    threshold, _ = operating_point(network, validation.where(~np.isin(validation.subkinds, left)), recipe)
    chosen = test.where(np.isin(test.subkinds, left) | (test.kinds == 0))
    print_table(f"left out of training: {', '.join(left)}", network, chosen, threshold)


def print_table(title: str, network: GateNetwork, views: GateViews, threshold: float) -> None:
    """A line for each subkind: series, how many of them are refused, and studies with no series left."""
    shares = kind_shares(network, views)
    refused = shares[:, 0] < threshold
    print(f"\n{title} (threshold {threshold:g})\n")
    print("| kind | subkind | series refused | studies refused |\n|---|---|---|---|")
    for kind in range(len(KINDS)):
        for subkind in sorted(set(views.subkinds[views.kinds == kind])):
            of_it = (views.kinds == kind) & (views.subkinds == subkind)
            whole = [bool(refused[of_it & (views.studies == study)].all()) for study in set(views.studies[of_it])]
            counts = f"{refused[of_it].sum()} of {of_it.sum()} | {sum(whole)} of {len(whole)}"
            print(f"| {KINDS[kind]} | {subkind} | {counts} |", flush=True)
    brain = views.kinds == 0
    for name, of_it in (("brain", brain), ("other", ~brain)):
        if of_it.any():
            print(f"| all {name} | | {refused[of_it].sum()} of {of_it.sum()} ({refused[of_it].mean():.4f}) | |")


def show_real(real: Path, folder: Path) -> None:
    """A line for each series that can be decoded, whatever its headers say."""
    from prima.predict.sources import find_studies

    gate = load_gate(folder)
    print("| folder | series | shape | headers say | gate | brain | ms |\n|---|---|---|---|---|---:|---:|")
    for place in sorted(path for path in real.iterdir() if path.is_dir()):
        chosen = [one for source in find_studies(place).studies for one in [source.read()]]
        reasons = {one.number: one.reason.value for study in chosen for one in study.excluded if one.number is not None}
        used = [(one, "used") for study in chosen for one in study.series]
        everything = [one for source in find_studies(place, keep_all=True).studies for one in source.read().series]
        left_out = [(one, reasons[one.number]) for one in everything if one.number in reasons]
        for series, says in used + left_out:
            started = perf_counter()
            verdict = gate.judge(series.volume)
            seconds = perf_counter() - started
            name = series.number if series.number is not None else series.description
            shape = " x ".join(map(str, series.volume.voxels.shape))
            said = "kept" if verdict.admitted else f"refused: {verdict.detail}"
            print(f"| {place.name} | {name} {series.part or ''} | {shape} | {says} | {said} | {verdict.brain:.3f} "
                  f"| {1000 * seconds:.0f} |")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("make", "fit", "measure", "leave-out", "real"))
    parser.add_argument("work", type=Path, help="where the views lie; of real, the folder of real data")
    parser.add_argument("--workers", type=int, default=1, help="processes that simulate")
    parser.add_argument("--gate", type=Path, default=PACKAGED, help="where the gate is written, or read from")
    parser.add_argument(
        "--fold", type=int, default=0, choices=range(LEAVE_OUT_FOLDS), help="which subkinds are left out"
    )
    parser.add_argument("--round", default="first", choices=tuple(ROUNDS), help="which counts and which recipe")
    parser.add_argument("--start", type=Path, help="of fit: an earlier gate to go on from")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.step == "make":
        make(arguments.work, arguments.workers, ROUNDS[arguments.round])
    elif arguments.step == "fit":
        fit(arguments.work, arguments.gate, RECIPES[arguments.round], arguments.start)
    elif arguments.step == "measure":
        measure(arguments.work, arguments.gate)
    elif arguments.step == "leave-out":
        leave_out(arguments.work, arguments.fold)
    else:
        show_real(arguments.work, arguments.gate)


if __name__ == "__main__":
    main()
