"""Why a diagnosis is read badly: where on the way from token to study it is lost, on studies learnt from and on others.

    python runs/demo/causes.py RELEASE TOKENS OUT.json [--train 400] [--part validation]

For each diagnosis the same question is asked at four places, on studies of TOKENS/train and of TOKENS/PART:

    token    do tokens in which it can be seen give more evidence than tokens of studies without it?
    there    does the best token at its places give more evidence than the best there in a study without it?
    study    does the highest evidence anywhere tell studies with it from those without?
    head     does the head?

A diagnosis that fails at `token` on both sides is too small or too faint for a token, or was not learnt (resolution,
optimisation); one that fails there on the other studies alone had too few positives; one that is right at `there` and
wrong at `study` drowns among other tokens (dilution); one that is right at `study` and wrong at `head` is lost by the
head. Needs masks.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from prima.evaluate.metrics import auroc
from prima.model.engine.engine import Engine
from prima.model.release.folder import Release, load_release
from prima.study.ontology import DIAGNOSIS_NAMES
from prima.tokens.batch import pack
from prima.tokens.precision import choose_precision
from prima.train.data.token_folder import TokenFolder

NUM = len(DIAGNOSIS_NAMES)
OTHERS_PER_STUDY = 200
PLACES = ("token", "there", "study", "head")


@dataclass
class Seen:
    """What was gathered of one side: evidence by diagnosis, with and without it."""

    inside: list[list[NDArray[np.float32]]] = field(default_factory=lambda: [[] for _ in range(NUM)])
    places: list[list[tuple[NDArray[np.int64], float]]] = field(default_factory=lambda: [[] for _ in range(NUM)])
    others: list[NDArray[np.float32]] = field(default_factory=list)
    cells: list[tuple[NDArray[np.int64], NDArray[np.float32]]] = field(default_factory=list)
    highest: list[NDArray[np.float32]] = field(default_factory=list)
    heads: list[list[float]] = field(default_factory=list)
    labels: list[NDArray[np.float32]] = field(default_factory=list)


def gather(release: Release, examples: TokenFolder, numbers: range) -> Seen:
    """One pass over some studies."""
    engine = Engine(release, choose_precision("cpu", "float32"))
    random = np.random.default_rng(0)
    seen = Seen()
    for number in numbers:
        example = examples.read(number)
        found = engine.reader.features([example.tokens], [example.indication])
        outputs = engine.heads(found.study[0].float())
        evidence, places = found.evidence, pack([example.tokens], engine.contract).places
        if evidence is None or places is None or example.dense is None:
            raise SystemExit("found a release without evidence or tokens without masks, expected both")
        of_token, cell = evidence.numpy()[:, :NUM], places[:, 0].numpy()
        seen.heads.append([outputs.diagnoses.get(name, 0.0) for name in DIAGNOSIS_NAMES])
        seen.labels.append(example.labels)
        seen.highest.append(of_token.max(0))
        seen.others.append(of_token[random.permutation(len(of_token))[:OTHERS_PER_STUDY]])
        seen.cells.append(_highest_by_cell(of_token, cell))
        visible = example.dense.share > 0
        for diagnosis in np.unique(example.dense.diagnosis[visible]):
            rows = example.dense.token[visible & (example.dense.diagnosis == diagnosis)]
            seen.inside[diagnosis].append(of_token[rows, diagnosis])
            own = np.unique(cell[rows])
            seen.places[diagnosis].append((own, float(of_token[np.isin(cell, own), diagnosis].max())))
    return seen


def _highest_by_cell(
    of_token: NDArray[np.float32], cell: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    names, index = np.unique(cell, return_inverse=True)
    highest = np.full((len(names), of_token.shape[1]), -np.inf, np.float32)
    np.maximum.at(highest, index, of_token)
    return names, highest


def measure(seen: Seen) -> dict[str, dict[str, float | None]]:
    """AUROC at the four places for each diagnosis, None where one side is empty."""
    labels = np.stack(seen.labels)
    highest, heads = np.stack(seen.highest), np.array(seen.heads)
    found: dict[str, dict[str, float | None]] = {}
    for number, name in enumerate(DIAGNOSIS_NAMES):
        has = labels[:, number] == 1
        without = np.flatnonzero(labels[:, number] == 0)
        row: dict[str, float | None] = dict.fromkeys(PLACES)
        if seen.inside[number] and len(without):
            inside = np.concatenate(seen.inside[number])
            others = np.concatenate([seen.others[study][:, number] for study in without])
            row["token"] = _auroc(inside, others)
            row["there"] = _auroc_there(seen, number, without)
        if has.any() and not has.all():
            row["study"] = auroc(highest[:, number].astype(np.float64), has)
            row["head"] = auroc(heads[:, number].astype(np.float64), has)
        found[name] = row | {"positives": float(has.sum())}
    return found


def _auroc(positive: NDArray[np.float32], negative: NDArray[np.float32]) -> float:
    scores = np.concatenate([positive, negative]).astype(np.float64)
    return auroc(scores, np.arange(len(scores)) < len(positive))


def _auroc_there(seen: Seen, number: int, without: NDArray[np.int64]) -> float | None:
    """How often the best token of a lesion beats the best one in the same cells of a study without it."""
    wins, pairs = 0.0, 0
    for cells, value in seen.places[number]:
        for study in without:
            names, highest = seen.cells[study]
            own = highest[np.isin(names, cells), number]
            if len(own):
                wins += float(value > own.max()) + 0.5 * float(value == own.max())
                pairs += 1
    return wins / pairs if pairs else None


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("release", type=Path)
    parser.add_argument("tokens", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--part", default="validation")
    parser.add_argument("--train", type=int, default=400)
    given = parser.parse_args()
    torch.set_num_threads(1)
    release = load_release(given.release)
    found = {}
    for part, most in (("train", given.train), (given.part, 10**6)):
        examples = TokenFolder(given.tokens / part)
        found[part] = measure(gather(release, examples, range(min(most, len(examples)))))
    given.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print("| diagnosis | " + " | ".join(f"{place}: train, {given.part}" for place in PLACES) + " | positives |")
    print("|---|" + "---|" * len(PLACES) + "---|")
    order = sorted(DIAGNOSIS_NAMES, key=lambda name: found[given.part][name]["head"] or 0)
    for name in order:
        train, other = found["train"][name], found[given.part][name]
        cells = [f"{_text(train[place])}, {_text(other[place])}" for place in PLACES]
        print(f"| {name} | " + " | ".join(cells) + f" | {train['positives']:.0f}, {other['positives']:.0f} |")


def _text(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    main()
