"""What masks have taught a tokenizer: is a token of a lesion told from other tokens at its place?

    python benchmarks/token_findings.py RUN TOKENS [--studies 150]

RUN is where `prima train tokenizer` worked with masks, TOKENS a folder of its tokens with masks, such as those of
`runs/demo/steps.py tokens RUN/release OUT validation`. Of every finding of a study, its tokens' logits are set against
those of all tokens in the same cell of the head (28 mm) of studies without it: where a finding tends to lie helps
nothing. 0.5 is chance; a series on which nothing can be seen of it counts as neither. The mean over diagnoses is the
value to watch while a recipe is tried.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from prima.study.ontology import DIAGNOSIS_NAMES
from prima.tokens.batch import pack
from prima.tokens.contract import Contract
from prima.train.data.examples import Example
from prima.train.data.token_folder import TokenFolder
from prima.train.run_folder import read_dense, read_run_contract
from prima.train.tokenizer.dense import DenseConfig, token_targets

FEWEST_OTHERS = 20


@dataclass(frozen=True, kw_only=True, eq=False)
class TokenLogits:
    """What the head says of a study's tokens, sorted by cell.

    Args:
        cells: [T] the cell of the head that each token lies in.
        logits: [T, D].
        positive: [T, D] whether a finding fills a token and can be seen there.
        affected: [D] whether a finding lies anywhere in the study, seen or not.
    """

    cells: NDArray[np.int64]
    logits: NDArray[np.float32]
    positive: NDArray[np.bool_]
    affected: NDArray[np.bool_]


def token_logits(head: torch.nn.Module, example: Example, contract: Contract) -> TokenLogits:
    """The head's logits of a study with masks."""
    batch = pack([example.tokens], contract)
    if example.dense is None or batch.places is None:
        raise SystemExit("found no masks, expected those of simulated studies")
    targets, weights = token_targets(example.dense, len(batch.tokens), len(DIAGNOSIS_NAMES), DenseConfig())
    with torch.inference_mode():
        logits = head(batch.tokens).numpy()
    cells = batch.places[:, 0].numpy()
    order = np.argsort(cells, kind="stable")
    return TokenLogits(
        cells=cells[order],
        logits=logits[order],
        positive=(targets >= 0.5).numpy()[order],
        affected=((targets > 0) | (weights == 0)).any(0).numpy(),
    )


def measure(studies: Sequence[TokenLogits]) -> dict[str, tuple[float, int]]:
    """By diagnosis the mean over affected studies of how often their tokens win, and the number of these studies."""
    measured: dict[str, tuple[float, int]] = {}
    for diagnosis, name in enumerate(DIAGNOSIS_NAMES):
        others = [study for study in studies if not study.affected[diagnosis]]
        if not others:
            continue
        cells = np.concatenate([study.cells for study in others])
        logits = np.concatenate([study.logits[:, diagnosis] for study in others])
        order = np.lexsort((logits, cells))
        shares = [share_won(study, diagnosis, cells[order], logits[order]) for study in studies]
        won = [share for share in shares if share is not None]
        if won:
            measured[name] = (float(np.mean(won)), len(won))
    return measured


def share_won(
    study: TokenLogits, diagnosis: int, cells: NDArray[np.int64], logits: NDArray[np.float32]
) -> float | None:
    """Mean over the cells of a finding of the share of others' tokens there that its own are above; None without any.

    Args:
        study: that may have the finding.
        diagnosis: its column.
        cells, logits: of other studies' tokens, sorted by cell, then logit.
    """
    own = study.positive[:, diagnosis]
    shares = []
    for cell in np.unique(study.cells[own]):
        first, last = np.searchsorted(cells, cell), np.searchsorted(cells, cell, side="right")
        if last - first >= FEWEST_OTHERS:
            below = np.searchsorted(logits[first:last], study.logits[own & (study.cells == cell), diagnosis])
            shares.append(float(np.mean(below)) / (last - first))
    return float(np.mean(shares)) if shares else None


def main() -> None:
    """Measure and print, the worst first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("tokens", type=Path)
    parser.add_argument("--studies", type=int, default=150)
    options = parser.parse_args()
    contract = read_run_contract(options.run)
    head = read_dense(options.run, contract)
    examples = TokenFolder(options.tokens)
    studies = [
        token_logits(head, examples.read(index), contract) for index in range(min(options.studies, len(examples)))
    ]
    measured = measure(studies)
    for name, (share, num_studies) in sorted(measured.items(), key=lambda row: row[1][0]):
        print(f"{share:.2f}  {name} ({num_studies})")
    print(f"{np.mean([share for share, _ in measured.values()]):.3f}  mean of {len(measured)} diagnoses")


if __name__ == "__main__":
    main()
