"""Baselines beside the hierarchical model: the same studies and labels, simpler models, one table.

    python benchmarks/baselines.py DATA OUT [--only cnn] [--minutes 30] [--train-last N]
        [--tokens masks=FOLDER] [--against PREDICTIONS.parquet]

DATA holds folders train, validation and test of files of patches (`runs/demo/steps.py patches`); test may be missing.
Each baseline leaves predictions and weights in OUT; what is there for the same studies and settings is not made again,
and a network whose training is done only predicts studies that came later. OUT/baselines.json and OUT/baselines.md hold
the measures.

    constant           the training prevalence
    header             age, sex, scanner, site, study description, names and number of series: logistic regression
    header_indication  the same and the words of the indication
    pooled_NAME        mean, spread and maximum of the tokens of each kind of series: logistic regression
    codes_NAME         how often each cluster of tokens occurs in each kind of series: logistic regression
    bag_NAME           deep sets on the tokens: an MLP for each token, mean and maximum, an MLP; no positions
    cnn                a 3D network of MONAI on six kinds of series on a common grid

NAME is that of `--tokens NAME=FOLDER`. Penalties are chosen by cross-validation inside train; validation decides when
a network stops and calibrates all; test decides nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from baseline_data import NUM_OUTPUTS, Part, read_part
from baseline_fit import FitConfig, fit
from baseline_linear import fit_logistic, header_features, prior_logits, standardised
from baseline_networks import (
    NETWORKS,
    BagNetwork,
    VolumeNetwork,
    augmented,
    draw_bags,
    logits_of_bags,
    logits_of_volumes,
    spread_of,
)
from baseline_scores import Scores, calibrated, measure, read_scores, write_scores
from baseline_table import markdown
from baseline_tokens import bags_of, codebook_of, filled, has_tokens, histograms, pooled
from baseline_volumes import CHANNELS, volumes_of
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import nn

from prima.errors import PrimaError
from prima.files.durable import write_json, write_text

Floats = NDArray[np.float32]


@dataclass(kw_only=True)
class Job:
    """One run of one baseline.

    Args:
        train: what is learnt from.
        others: the parts that are predicted, validation first.
        folder: for weights and predictions.
        given: the command line.
        facts: what the run says of itself; `seconds` by phase, of the wall and of the processor.
    """

    train: Part
    others: tuple[Part, ...]
    folder: Path
    given: argparse.Namespace
    facts: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Adds up what a phase takes."""
        wall, processor = time.perf_counter(), time.process_time()
        yield
        spent = self.facts.setdefault("seconds", {}).setdefault(phase, {"wall": 0.0, "processor": 0.0})
        spent["wall"] = round(spent["wall"] + time.perf_counter() - wall, 2)
        spent["processor"] = round(spent["processor"] + time.process_time() - processor, 2)


def constant(job: Job) -> list[Floats]:
    """The training prevalence for every study."""
    with job.timed("fit"):
        prior = prior_logits(job.train).numpy()
    job.facts["parameters"] = NUM_OUTPUTS
    return [np.tile(prior, (len(part), 1)) for part in job.others]


def header(job: Job, *, indication: bool) -> list[Floats]:
    """What the images are not needed for."""
    with job.timed("prepare"):
        features = header_features((job.train, *job.others), indication=indication)
    return _logistic(job, features)


def pooled_tokens(job: Job, *, tokens: Path, codes: bool) -> list[Floats]:
    """Pooled tokens, or their codes."""
    with job.timed("prepare"):
        bags = bags_of(job.train, tokens)
        codebook = codebook_of(bags) if codes else None
        features = [pooled(bags) if codebook is None else histograms(bags, codebook)]
        for part in job.others:
            bags = bags_of(part, tokens)
            features.append(pooled(bags) if codebook is None else histograms(bags, codebook))
        if not codes:
            features = [filled(one, features[0]) for one in features]
    return _logistic(job, features)


def _logistic(job: Job, features: list[Floats]) -> list[Floats]:
    train, *others = standardised(*features)
    with job.timed("fit"):
        weights, penalties = fit_logistic(train, job.train)
    job.facts |= {"parameters": weights.size, "penalties": penalties, "features": train.shape[1]}
    return [x @ weights[:-1] + weights[-1] for x in others]


def bag(job: Job, *, tokens: Path) -> list[Floats]:
    """Deep sets."""
    device = torch.device(job.given.device)
    with job.timed("prepare"):
        bags = bags_of(job.train, tokens)
        others = [bags_of(part, tokens) for part in job.others]
    torch.manual_seed(0)
    network = BagNetwork(*spread_of(bags), prior_logits(job.train)).to(device)
    _train(
        job,
        network,
        draw=lambda rows, random: draw_bags([bags[row] for row in rows], random),
        predict=lambda: logits_of_bags(network, others[0], device),
        config=FitConfig(minutes=job.given.minutes, clock=job.given.clock),
    )
    with job.timed("predict"):
        return [logits_of_bags(network, one, device) for one in others]


def cnn(job: Job) -> list[Floats]:
    """A plain 3D network."""
    given = job.given
    device, place = torch.device(given.device), given.out / "volumes" / f"{given.grid_mm:g}mm"
    with job.timed("prepare"):
        others = [volumes_of(part, place / part.name, given.grid_mm) for part in job.others]
        trained = (job.folder / "weights.safetensors").exists()
        volumes = None if trained else volumes_of(job.train, place / job.train.name, given.grid_mm)
    torch.manual_seed(0)
    network = VolumeNetwork(given.network, prior_logits(job.train)).to(device)
    job.facts |= {"network": given.network, "grid_mm": given.grid_mm, "channels": CHANNELS}

    def draw(rows: Any, random: np.random.Generator) -> tuple[torch.Tensor]:
        assert volumes is not None
        return (augmented(volumes[rows], random),)

    _train(
        job,
        network,
        draw=draw,
        predict=lambda: logits_of_volumes(network, others[0], device),
        config=FitConfig(minutes=given.minutes, clock=given.clock),
    )
    with job.timed("predict"):
        return [logits_of_volumes(network, one, device) for one in others]


def _train(job: Job, network: nn.Module, *, draw: Any, predict: Any, config: FitConfig) -> None:
    """Train, or take the weights of a run with the same studies and settings."""
    kept, said = job.folder / "weights.safetensors", job.folder / "training.json"
    if kept.exists() and said.exists():
        network.load_state_dict(load_file(kept))
        network.eval()
        seconds = job.facts.get("seconds", {})
        job.facts |= json.loads(said.read_text())
        job.facts["seconds"] = {**seconds, **job.facts["seconds"]}
        return
    with job.timed("fit"):
        done = fit(network, job.train, job.others[0], draw=draw, predict=predict, config=config)
    job.facts |= {
        "parameters": sum(one.numel() for one in network.parameters()),
        "config": asdict(config),
        "fit": asdict(done),
    }
    save_file({key: one.contiguous() for key, one in network.state_dict().items()}, kept)
    said.write_text(json.dumps(job.facts, indent=1))


def registry(tokens: dict[str, Path]) -> dict[str, Callable[[Job], list[Floats]]]:
    """All baselines by name."""
    found: dict[str, Callable[[Job], list[Floats]]] = {
        "constant": constant,
        "header": partial(header, indication=False),
        "header_indication": partial(header, indication=True),
    }
    for name, folder in tokens.items():
        found[f"pooled_{name}"] = partial(pooled_tokens, tokens=folder, codes=False)
        found[f"codes_{name}"] = partial(pooled_tokens, tokens=folder, codes=True)
        found[f"bag_{name}"] = partial(bag, tokens=folder)
    return found | {"cnn": cnn}


def run(name: str, make: Callable[[Job], list[Floats]], job: Job) -> dict[str, Any]:
    """Make what is missing of one baseline; returns what it says of itself."""
    given, said = job.given, job.folder / "run.json"
    trained_on = {"train": job.train.digest, "validation": job.others[0].digest, "labels": given.labels}
    if name.startswith(("bag_", "cnn")):
        trained_on |= {"minutes": given.minutes, "clock": given.clock}
    if name == "cnn":
        trained_on |= {"network": given.network, "grid_mm": given.grid_mm}
    if name.startswith(("pooled_", "codes_", "bag_")):
        trained_on |= {"tokens": str(given.tokens[name.split("_", 1)[1]])}
    parts = {part.name: part.digest for part in job.others}
    before = json.loads(said.read_text()) if said.exists() else {}
    if before.get("trained_on") == trained_on and before.get("parts") == parts:
        return before
    job.folder.mkdir(parents=True, exist_ok=True)
    if before.get("trained_on") != trained_on:
        for old in ("weights.safetensors", "training.json"):
            (job.folder / old).unlink(missing_ok=True)
    said.unlink(missing_ok=True)
    print(f"{name}: {len(job.train)} studies", flush=True)
    for part, logits in zip(job.others, make(job), strict=True):
        write_scores(job.folder / f"{part.name}.npz", part, logits)
    facts = {"trained_on": trained_on, "parts": parts, "studies": len(job.train), **job.facts}
    write_json(said, facts)
    return facts


def score(given: argparse.Namespace, others: tuple[Part, ...], runs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Measures of all baselines, and of the model they stand beside, on each part."""
    found: dict[str, Any] = {}
    for part in others:
        rivals = [one for path in given.against if (one := read_scores(path, part)) is not None]
        models: dict[str, Scores | None] = {"model": rivals[0] if rivals else None}
        models |= {name: read_scores(given.out / name / f"{part.name}.npz", part) for name in runs}
        found[part.name] = {}
        for name, scores in models.items():
            if scores is None:
                continue
            fit_on = None
            if part is not others[0]:
                paths = given.against if name == "model" else [given.out / name / f"{others[0].name}.npz"]
                held = [one for path in paths if (one := read_scores(path, others[0])) is not None]
                fit_on = (held[0], others[0]) if held else None
            against = models["model"] if name != "model" else None
            found[part.name][name] = measure(calibrated(scores, part, fit_on), part, against, given.replicates)
    return found


def main() -> int:
    """Make what is missing, measure all, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="baselines to make; all when absent")
    parser.add_argument(
        "--tokens", action="append", default=[], metavar="NAME=FOLDER", help="tokens, with part folders"
    )
    parser.add_argument("--minutes", type=float, default=30.0, help="for the training of each network")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="what the minutes are measured by")
    parser.add_argument("--labels", choices=("truth", "reports"), default="truth", help="what is learnt from")
    parser.add_argument("--train-last", type=int, help="only files of train with a number below it")
    parser.add_argument("--validation-last", type=int)
    parser.add_argument("--test-last", type=int)
    parser.add_argument("--network", choices=NETWORKS, default="resnet18")
    parser.add_argument("--grid-mm", type=float, default=4.0)
    parser.add_argument(
        "--against", action="append", type=Path, default=[], help=".npz or .parquet of the model's predictions"
    )
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args()
    given.tokens = {one.partition("=")[0]: Path(one.partition("=")[2]) for one in given.tokens}
    torch.set_num_threads(given.threads)
    train = read_part(given.data, "train", given.train_last, given.labels)
    others = tuple(
        part
        for name, last in (("validation", given.validation_last), ("test", given.test_last))
        if len(part := read_part(given.data, name, last))
    )
    if not len(train) or not others or others[0].name != "validation":
        parser.error(f"{given.data}: expected files of patches in train and validation")
    makers = registry(given.tokens)
    if unknown := set(given.only) - set(makers):
        parser.error(f"no baseline {', '.join(sorted(unknown))}; there are {', '.join(makers)}")
    runs: dict[str, dict[str, Any]] = {}
    for name, make in makers.items():
        job = Job(train=train, others=others, folder=given.out / name, given=given)
        if name in given.only or not given.only:
            folder = given.tokens.get(name.partition("_")[2])
            lacking = [one.name for one in (train, *others) if folder is not None and not has_tokens(one, folder)]
            if lacking:
                print(f"{name}: left out, tokens of {', '.join(lacking)} are not complete", file=sys.stderr)
                continue
            runs[name] = run(name, make, job)
        elif (job.folder / "run.json").exists():
            before = json.loads((job.folder / "run.json").read_text())
            same_studies = before["parts"] == {part.name: part.digest for part in others}
            if same_studies and before["trained_on"]["train"] == train.digest:
                runs[name] = before
    found = {
        "studies": {part.name: len(part) for part in (train, *others)},
        "labels": given.labels,
        "runs": runs,
        "parts": score(given, others, runs),
    }
    write_json(given.out / "baselines.json", found)
    write_text(given.out / "baselines.md", markdown(found))
    print(markdown(found))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except PrimaError as error:
        sys.exit(str(error))
