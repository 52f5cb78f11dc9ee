"""What a tokenizer has learnt of findings by itself, in a minute: is a token of a lesion told from others at its place?

    python runs/demo/at_places.py RUN PATCHES [--part validation] [--studies 150]

RUN is where `prima train tokenizer` worked with masks. For every finding that a study has, the logits of its tokens are
compared with those of all tokens in the same cell of the head (28 mm) in studies without it: where a finding tends to
lie helps nothing. 0.5 is chance; a series on which nothing can be seen of it counts as neither. The mean over diagnoses
is the number to watch while a recipe is tried.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from prima.model.release.stage_folder import read_contract, read_part
from prima.study.ontology import DIAGNOSIS_NAMES
from prima.tokens.contract import PLANE_OF_PLANE_AXIS, Contract
from prima.tokens.place import places_of
from prima.tokens.vqvae import VQVAE, VQVAEConfig
from prima.train.data.patch_file import StudyPatches, read_patches, to_float
from prima.train.run_folder import DENSE_FILE
from prima.train.tokenizer.batches import place_rows
from prima.train.tokenizer.dense import DenseConfig, mark_hidden, token_targets
from prima.train.tokenizer.model import TokenModel, TokenModelConfig
from prima.train.tokenizer.task import latent_width

NUM = len(DIAGNOSIS_NAMES)
MICRO_BATCH = 512
FEWEST_OTHERS = 20


def model_of(run: Path, contract: Contract) -> TokenModel:
    """The tokenizer of a run with the head that its masks taught."""
    part = read_part(run, "tokenizer")
    if part is None or not isinstance(part.config, VQVAEConfig) or not (run / DENSE_FILE).exists():
        raise SystemExit(f"{run}: found no tokenizer that learnt from masks; run prima train tokenizer first")
    head = load_file(run / DENSE_FILE)
    config = TokenModelConfig(vqvae=part.config, dense_hidden=len(head["1.weight"]))
    model = TokenModel(config, latent_width(config, contract))
    vqvae = VQVAE(part.config)
    vqvae.load_state_dict(part.tensors)
    model.vqvae = vqvae
    assert model.dense_head is not None
    model.dense_head.load_state_dict(head)
    return model.eval()


def cells_of(study: StudyPatches, contract: Contract) -> NDArray[np.int64]:
    """[T] the cell of the head of every token."""
    coordinates = torch.from_numpy(study.coordinates.astype(np.int32))
    pieces = zip(study.offsets[:-1], study.offsets[1:], study.planes, strict=True)
    cells = [places_of(coordinates[one:end], PLANE_OF_PLANE_AXIS[plane], contract)[:, 0] for one, end, plane in pieces]
    return torch.cat(cells).numpy()


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """What the head says of a study: its tokens by cell, and which of them show what."""

    cells: NDArray[np.int64]
    logits: NDArray[np.float32]
    positive: NDArray[np.bool_]
    concerned: NDArray[np.bool_]


def look(model: TokenModel, study: StudyPatches, contract: Contract) -> Seen:
    """Every token of a study, sorted by cell."""
    dense = mark_hidden(study, DenseConfig())
    if dense is None or model.dense_head is None:
        raise SystemExit("found no masks, expected those of simulated studies")
    targets, weights = token_targets(dense, study.num_tokens, NUM, DenseConfig())
    voxels, place = to_float(torch.from_numpy(study.voxels)).unsqueeze(1), place_rows(study, contract)
    with torch.inference_mode():
        latent = torch.cat([model.vqvae.encoder(some).flatten(1) for some in voxels.split(MICRO_BATCH)])
        logits = model.dense_head(torch.cat([latent, place], dim=1)).numpy()
    cells = cells_of(study, contract)
    order = np.argsort(cells, kind="stable")
    concerned = ((targets > 0) | (weights == 0)).any(0).numpy()
    return Seen(cells=cells[order], logits=logits[order], positive=(targets >= 0.5).numpy()[order], concerned=concerned)


def measure(seen: list[Seen]) -> dict[str, tuple[float, int]]:
    """Mean over the studies with a finding of how often its tokens win, and the number of these studies."""
    found: dict[str, tuple[float, int]] = {}
    for number, name in enumerate(DIAGNOSIS_NAMES):
        free = [one for one in seen if not one.concerned[number]]
        ill = [one for one in seen if one.positive[:, number].any()]
        if not free or not ill:
            continue
        cells = np.concatenate([one.cells for one in free])
        logits = np.concatenate([one.logits[:, number] for one in free])
        order = np.lexsort((logits, cells))
        cells, logits = cells[order], logits[order]
        wins = [won for one in ill if (won := _won(one, number, cells, logits)) is not None]
        if wins:
            found[name] = (float(np.mean(wins)), len(wins))
    return found


def _won(one: Seen, number: int, cells: NDArray[np.int64], logits: NDArray[np.float32]) -> float | None:
    """Mean over the cells of a finding of the share of others' tokens there that its tokens are above."""
    own = one.positive[:, number]
    of_cells = []
    for cell in np.unique(one.cells[own]):
        first, last = np.searchsorted(cells, cell), np.searchsorted(cells, cell, side="right")
        if last - first >= FEWEST_OTHERS:
            below = np.searchsorted(logits[first:last], one.logits[own & (one.cells == cell), number])
            of_cells.append(float(np.mean(below)) / (last - first))
    return float(np.mean(of_cells)) if of_cells else None


def main() -> None:
    """Measure and print, the worst first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("patches", type=Path)
    parser.add_argument("--part", default="validation")
    parser.add_argument("--studies", type=int, default=150)
    given = parser.parse_args()
    torch.set_num_threads(1)
    contract = read_contract(given.run) or Contract()
    model = model_of(given.run, contract)
    files = sorted((given.patches / given.part).glob("*.npz"))[: given.studies]
    found = measure([look(model, read_patches(path), contract) for path in files])
    for name, (value, lesions) in sorted(found.items(), key=lambda item: item[1][0]):
        print(f"{value:.2f}  {name} ({lesions})")
    print(f"{np.mean([value for value, _ in found.values()]):.3f}  mean of {len(found)} diagnoses")


if __name__ == "__main__":
    main()
