"""What the check for unfamiliar studies is worth: forms of it compared on simulated studies; real brains, one by one.

    python benchmarks/familiarity.py odd TOKENS/odd [--studies 12]
    python benchmarks/familiarity.py forms TOKENS
    python benchmarks/familiarity.py real DATA [--release DIR]

TOKENS has the folders train, validation and test of `runs/demo/steps.py tokens`, and odd, which `odd` makes:
validation studies that took no part, changed in ways that no scanner changes them, and simulated studies of what is no
brain. DATA has a `truth.csv` with the columns study, kind, present, may_be_present, and a folder for each study. Forms
are compared by simulated studies alone; real ones choose nothing.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch.nn.functional import avg_pool2d

from prima.files.durable import new_file
from prima.model.engine import Engine, load_release, make_findings
from prima.model.engine.prepare import PreparedStudy, prepare
from prima.model.release.familiarity import series_statistics
from prima.predict.sources import find_studies
from prima.simulate.negatives.study import negatives
from prima.study import Findings
from prima.tokens.patches import BRIGHTEST
from prima.train.calibration.familiarity import FamiliarityRecipe, Moments, choose_limits
from prima.train.calibration.risk_control import binomial_interval
from prima.train.data.token_folder import TokenFolder
from prima.workflow.simulated import demo_data, make_example
from prima.workflow.simulated.familiarity import read_statistics

FIRST_ODD = 900
Studies = list[torch.Tensor]
Distances = Callable[[torch.Tensor], torch.Tensor]

CHANGES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "inverted": lambda voxels: torch.where(voxels > 0, (1.2 - voxels).clamp_min(0), voxels),
    "gamma 0.4": lambda voxels: voxels.clamp_min(0) ** 0.4,
    "gamma 2.5": lambda voxels: voxels.clamp_min(0) ** 2.5,
    "noise 0.15": lambda voxels: (voxels + 0.15 * torch.randn(voxels.shape)).abs(),
    "blurred": lambda voxels: avg_pool2d(voxels, 5, stride=1, padding=2, count_include_pad=False),
    "three grey levels": lambda voxels: (voxels * 2).round() / 2,
}


def make_odd(folder: Path, num_studies: int) -> None:
    """FOLDER/NAME.pt: statistics of each odd study, by what is odd."""
    engine = load_release(keep_all=True)
    data = demo_data("validation")
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, Studies] = {}
    for index in range(FIRST_ODD, FIRST_ODD + num_studies):
        prepared = make_example(data, index, engine.contract, None).prepared
        for name, change in CHANGES.items():
            torch.manual_seed(index)
            found.setdefault(name, []).append(statistics_of(engine, changed(prepared, change)))
        print(f"changed: {index - FIRST_ODD + 1} of {num_studies}", flush=True)
    for study in negatives(5, 2 * num_studies):
        prepared = prepare(study, engine.contract, None)
        if prepared.series:
            found.setdefault("no brain", []).append(statistics_of(engine, prepared))
    for name, studies in found.items():
        with new_file(folder / f"{name}.pt") as temporary:
            torch.save(studies, temporary)


def changed(study: PreparedStudy, change: Callable[[torch.Tensor], torch.Tensor]) -> PreparedStudy:
    """The study with other voxels in its patches."""
    return replace(
        study,
        series=tuple(
            replace(series, patches=replace(series.patches, voxels=change(series.patches.voxels).clamp(0, BRIGHTEST)))
            for series in study.series
        ),
    )


def statistics_of(engine: Engine, study: PreparedStudy) -> torch.Tensor:
    """[N, W] of its series."""
    return torch.stack([series_statistics(series.latents) for series in engine.tokens(study).series])


def forms(seen: torch.Tensor) -> Iterator[tuple[str, Distances]]:
    """Simple forms of a distance from the series seen [N, W]."""
    middle, spread = seen.mean(0), seen.std(0).clamp_min(1e-6)
    half = seen.shape[1] // 2
    yield "standardised, mean alone", lambda x: ((x - middle) / spread)[:, :half].square().mean(1).sqrt()
    yield "standardised", lambda x: ((x - middle) / spread).square().mean(1).sqrt()
    alone = Moments.of(seen[:, :half]).seen(64)
    yield "Mahalanobis, 64 directions, mean alone", lambda x: alone.distances(x[:, :half])
    for num_kept in (16, 64, 128):
        yield f"Mahalanobis, {num_kept} directions", Moments.of(seen).seen(num_kept).distances
    kept = Moments.of(seen).seen(32)

    def whitened(x: torch.Tensor) -> torch.Tensor:
        return ((x - kept.middle) / kept.scale) @ kept.directions / kept.variances.sqrt()

    centres = whitened(seen)
    centres = centres[torch.randperm(len(centres), generator=torch.Generator().manual_seed(0))[:512]]
    yield "five nearest of 512 stored", lambda x: torch.cdist(whitened(x), centres).topk(5, largest=False)[0].mean(1)


def compare_forms(tokens: Path) -> None:
    """A line a form: share refused of the test side, by scanner, of lone series, and of each kind of odd studies."""
    sides = {name: read_statistics(TokenFolder(tokens / name), name) for name in ("train", "validation", "test")}
    plain = {name: [statistics for _, statistics in studies] for name, studies in sides.items()}
    drifted = [study for facts, study in sides["test"] if (facts.more or {}).get("after_drift")]
    usual = [study for facts, study in sides["test"] if not (facts.more or {}).get("after_drift")]
    odd = {path.stem: torch.load(path, weights_only=True) for path in sorted((tokens / "odd").glob("*.pt"))}
    counts = ", ".join(f"{len(studies)} {name}" for name, studies in (*plain.items(), *odd.items()))
    print(f"{counts}\n")
    columns = ["usual scanners", "drifted scanner", "one series", *odd]
    print(f"| form | study | {' | '.join(columns)} |\n|---|---|{'---:|' * len(columns)}")
    for name, distances in forms(torch.cat(plain["train"])):
        for of_study, pool in (("mean", torch.Tensor.mean), ("maximum", torch.Tensor.max)):
            if of_study == "mean":
                limits = choose_limits([distances(study) for study in plain["validation"]], FamiliarityRecipe())
            else:
                limits = limits_of_maximum([distances(study) for study in plain["validation"]])

            def refused(
                studies: Studies,
                num: int | None = None,
                distances: Distances = distances,
                pool: Callable[[torch.Tensor], torch.Tensor] = pool,
                limits: tuple[float, ...] = limits,
            ) -> str:
                values = [distances(study)[:num] for study in studies]
                beyond = sum(float(pool(one)) > limits[min(len(one), len(limits)) - 1] for one in values)
                return f"{100 * beyond / max(1, len(values)):.0f} %"

            cells = [refused(usual), refused(drifted), refused(plain["test"], 1), *map(refused, odd.values())]
            print(f"| {name} | {of_study} | {' | '.join(cells)} |", flush=True)


def limits_of_maximum(distances: list[torch.Tensor]) -> tuple[float, ...]:
    """As `choose_limits`, for the largest distance of the series in place of their mean."""
    generator, limits = torch.Generator().manual_seed(0), list[float]()
    for num in range(1, 15):
        enough = [study for study in distances if len(study) >= num]
        if limits and len(enough) < FamiliarityRecipe().min_studies:
            break
        drawn = [study[torch.randperm(len(study), generator=generator)[:num]].max() for study in enough * 8]
        limits.append(float(torch.stack(drawn).quantile(0.98)))
    return tuple(limits)


def show_real(data: Path, release: Path | None) -> None:
    """A line a brain: distance, limit, answered or not, and the calls with the check and without it."""
    engine = load_release(release)
    answered: list[int] = []
    everybody: list[int] = []
    print(
        "| brain | kind | series | distance | limit | | false calls | right calls | without the check: false | right |"
    )
    print("|---|---|---:|---:|---:|---|---:|---:|---:|---:|")
    with (data / "truth.csv").open(encoding="utf-8") as file:
        truths = list(csv.DictReader(file))
    for truth in truths:
        for source in find_studies(data / truth["study"]).studies:
            prepared = prepare(source.read(), engine.contract, engine.gate)
            name = truth["study"].removeprefix("../real/")
            if not prepared.series:
                print(f"| {name} | {truth['kind']} | 0 | | | refused: {prepared.why_nothing} | | | | |", flush=True)
                continue
            outputs = engine.outputs(engine.tokens(prepared), prepared.indication)
            familiarity = outputs.familiarity
            with_check = make_findings(
                engine.manifest, engine.stamp, study_uid="1", logits=outputs.logits, familiarity=familiarity
            )
            without = make_findings(engine.manifest, engine.stamp, study_uid="1", logits=outputs.logits)
            told = calls(with_check, truth) if with_check.status == "done" else ("", "")
            plain = calls(without, truth)
            distance, limit = (
                ("", "") if familiarity is None else (f"{familiarity.distance:.2f}", f"{familiarity.limit:.2f}")
            )
            if truth["kind"] == "healthy":
                everybody.append(plain[0])
                if with_check.status == "done":
                    answered.append(plain[0])
            cells = (
                name, truth["kind"], len(prepared.series), distance, limit, with_check.status, *told, *plain,
            )  # fmt: skip
            print(f"| {' | '.join(map(str, cells))} |", flush=True)
    low, high = binomial_interval(len(answered), len(everybody))
    print(f"\nhealthy: {len(answered)} of {len(everybody)} answered ({100 * low:.0f} to {100 * high:.0f} %)")
    print(f"false calls of each healthy brain: without the check {everybody}, of those answered {answered}")


def calls(findings: Findings, truth: dict[str, str]) -> tuple[int, int]:
    """How many diagnoses are called that are absent, and how many that are present."""
    flagged = {finding.name for finding in findings.diagnoses if finding.present}
    present, may_be = set(truth["present"].split()), set(truth["may_be_present"].split())
    return len(flagged - present - may_be), len(flagged & present)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("odd", "forms", "real"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--studies", type=int, default=12)
    parser.add_argument("--release", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.what == "odd":
        make_odd(options.folder, options.studies)
    elif options.what == "forms":
        compare_forms(options.folder)
    else:
        show_real(options.folder, options.release)


if __name__ == "__main__":
    main()
