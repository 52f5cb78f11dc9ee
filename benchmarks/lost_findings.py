"""Why a diagnosis is read badly: where on the way from token to study it is lost, on studies learnt from and on others.

    python benchmarks/lost_findings.py RELEASE TOKENS OUT.json [--train 400] [--part validation]

For each diagnosis the same question is asked at four places, on studies of TOKENS/train and of TOKENS/PART:

    token    do tokens in which it can be seen give more evidence than tokens of studies without it?
    there    does the best token at its places give more evidence than the best there in a study without it?
    study    does the highest evidence anywhere tell studies with it from those without?
    head     does the head?

A diagnosis that fails at `token` on both sides is too small or too faint for a token, or was not learnt (resolution,
optimisation); one that fails there on the other studies alone had too few positives; one that is right at `there` and
wrong at `study` drowns among other tokens (dilution); one that is right at `study` and wrong at `head` is lost by the
head. Needs masks, and labels that are known.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prima.evaluate.metrics import auroc
from prima.files.durable import write_json
from prima.model.engine import Engine, load_release
from prima.study.ontology import DIAGNOSIS_NAMES
from prima.tokens.batch import pack
from prima.train.data.examples import Example
from prima.train.data.token_folder import TokenFolder

NUM = len(DIAGNOSIS_NAMES)
SAMPLED_TOKENS = 200
PLACES = ("token", "there", "study", "head")

Measured = dict[str, dict[str, float | None]]


@dataclass(frozen=True, kw_only=True, eq=False)
class StudyEvidence:
    """What a release says of one study.

    Args:
        labels: [D] 1 present, 0 absent.
        heads: [D] logits.
        highest: [D] highest evidence of any token.
        sampled: [n, D] evidence of tokens drawn at random.
        cells: [C] cells of the head that hold a token.
        highest_in_cell: [C, D] highest evidence in each.
        visible: diagnosis → evidence [k] of the tokens in which it can be seen, and their cells.
    """

    labels: NDArray[np.float32]
    heads: NDArray[np.float64]
    highest: NDArray[np.float32]
    sampled: NDArray[np.float32]
    cells: NDArray[np.int64]
    highest_in_cell: NDArray[np.float32]
    visible: dict[int, tuple[NDArray[np.float32], NDArray[np.int64]]]

    def best_in(self, cells: NDArray[np.int64], diagnosis: int) -> float | None:
        """Highest evidence in some cells; None where the study has no token there."""
        inside = self.highest_in_cell[np.isin(self.cells, cells), diagnosis]
        return float(inside.max()) if len(inside) else None


def evidence_of(engine: Engine, example: Example, random: np.random.Generator) -> StudyEvidence:
    """One pass over a study."""
    features = engine.reader.features([example.tokens], [example.indication])
    logits = engine.outputs(example.tokens, example.indication).logits
    places = pack([example.tokens], engine.contract).places
    if features.evidence is None or places is None or example.dense is None:
        raise SystemExit("found a release without evidence or tokens without masks, expected both")
    evidence, cell_of = features.evidence.float().cpu().numpy()[:, :NUM], places[:, 0].numpy()
    cells, group = np.unique(cell_of, return_inverse=True)
    highest_in_cell = np.full((len(cells), NUM), -np.inf, np.float32)
    np.maximum.at(highest_in_cell, group, evidence)
    dense = example.dense
    seen = dense.share > 0
    visible = {}
    for diagnosis in np.unique(dense.diagnosis[seen]).tolist():
        rows = dense.token[seen & (dense.diagnosis == diagnosis)]
        visible[diagnosis] = (evidence[rows, diagnosis], np.unique(cell_of[rows]))
    return StudyEvidence(
        labels=example.labels,
        heads=np.array([logits.diagnoses.get(name, 0.0) for name in DIAGNOSIS_NAMES]),
        highest=evidence.max(0),
        sampled=evidence[random.permutation(len(evidence))[:SAMPLED_TOKENS]],
        cells=cells,
        highest_in_cell=highest_in_cell,
        visible=visible,
    )


def measure(studies: Sequence[StudyEvidence]) -> Measured:
    """AUROC at the four places for each diagnosis, None where one side is empty."""
    measured: Measured = {}
    for diagnosis, name in enumerate(DIAGNOSIS_NAMES):
        present = np.array([study.labels[diagnosis] == 1 for study in studies])
        shown = [study for study in studies if diagnosis in study.visible]
        free = [study for study in studies if study.labels[diagnosis] == 0]
        row: dict[str, float | None] = dict.fromkeys(PLACES)
        if shown and free:
            inside = np.concatenate([study.visible[diagnosis][0] for study in shown])
            row["token"] = _auroc(inside, np.concatenate([study.sampled[:, diagnosis] for study in free]))
            row["there"] = _auroc_there(shown, free, diagnosis)
        if present.any() and not present.all():
            row["study"] = auroc(np.array([study.highest[diagnosis] for study in studies], np.float64), present)
            row["head"] = auroc(np.array([study.heads[diagnosis] for study in studies]), present)
        measured[name] = row | {"positives": float(present.sum())}
    return measured


def _auroc(positive: NDArray[np.float32], negative: NDArray[np.float32]) -> float:
    scores = np.concatenate([positive, negative]).astype(np.float64)
    return auroc(scores, np.arange(len(scores)) < len(positive))


def _auroc_there(shown: Iterable[StudyEvidence], free: Sequence[StudyEvidence], diagnosis: int) -> float | None:
    """How often the best token in the cells of a lesion beats the best one in the same cells of a study without it."""
    wins, pairs = 0.0, 0
    for study in shown:
        cells = study.visible[diagnosis][1]
        own = study.best_in(cells, diagnosis)
        for other in free:
            best = other.best_in(cells, diagnosis)
            if own is not None and best is not None:
                wins += float(own > best) + 0.5 * float(own == best)
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
    options = parser.parse_args()
    engine = load_release(options.release, device="cpu", dtype="float32")
    measured: dict[str, Measured] = {}
    for part, most in (("train", options.train), (options.part, None)):
        examples, random = TokenFolder(options.tokens / part), np.random.default_rng(0)
        indices = range(len(examples))[:most]
        measured[part] = measure([evidence_of(engine, examples.read(index), random) for index in indices])
    write_json(options.out, measured)
    print("| diagnosis | " + " | ".join(f"{place}: train, {options.part}" for place in PLACES) + " | positives |")
    print("|---|" + "---|" * len(PLACES) + "---|")
    for name in sorted(DIAGNOSIS_NAMES, key=lambda name: measured[options.part][name]["head"] or 0):
        train, other = measured["train"][name], measured[options.part][name]
        values = [f"{_text(train[place])}, {_text(other[place])}" for place in PLACES]
        print(f"| {name} | " + " | ".join(values) + f" | {train['positives']:.0f}, {other['positives']:.0f} |")


def _text(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    main()
