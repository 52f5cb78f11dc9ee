"""Batches of patches for the tokenizer, drawn from files: every study gives some tokens, marked ones first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from prima.study.ontology import DIAGNOSES
from prima.tokens.batch import SeriesTokens, token_rows
from prima.tokens.contract import PLANE_OF_PLANE_AXIS, Contract
from prima.train.data.dense_targets import DenseTargets
from prima.train.data.patch_file import StudyPatches, to_float, tokens_of_rows
from prima.train.tokenizer.augment import PatchAugmentation, changed_contrast, mirrored, position_of
from prima.train.tokenizer.dense import DenseConfig, mark_hidden, token_targets
from prima.train.tokenizer.model import PatchBatch


def draw_patches(
    studies: Sequence[StudyPatches],
    num_patches: int,
    rng: np.random.Generator,
    contract: Contract,
    dense: DenseConfig | None,
    *,
    positive_weights: torch.Tensor | None = None,
    augmentation: PatchAugmentation | None = None,
) -> PatchBatch:
    """Draw `num_patches` tokens of each study, in random order.

    With dense targets up to half of them are tokens in which something lies, each finding in its turn: a small one has
    its share beside one that is everywhere. With an augmentation, what is drawn is changed by chance.
    """
    parts = [
        _of_study(
            study, num_patches, rng, contract, dense, positive_weights=positive_weights, augmentation=augmentation
        )
        for study in studies
    ]
    order = torch.from_numpy(rng.permutation(sum(len(part.voxels) for part in parts)))
    has_targets = all(part.targets is not None for part in parts)
    return PatchBatch(
        voxels=torch.cat([part.voxels for part in parts])[order],
        place=torch.cat([part.place for part in parts])[order],
        targets=torch.cat([part.targets for part in parts if part.targets is not None])[order] if has_targets else None,
        weights=torch.cat([part.weights for part in parts if part.weights is not None])[order] if has_targets else None,
    )


def place_rows(study: StudyPatches, contract: Contract) -> torch.Tensor:
    """[T, 3·position_dims + 3] where each token lies: its position code and its plane, as in a token row."""
    plane_T = np.repeat(study.planes, np.diff(study.offsets))
    rows = torch.zeros(study.num_tokens, 3 * contract.position_dims + 3)
    for plane in np.unique(plane_T):
        own = torch.from_numpy(plane_T == plane)
        series = SeriesTokens(
            latents=torch.zeros(int(own.sum()), 0),
            coordinates=torch.from_numpy(study.coordinates.astype(np.int32))[own],
            plane=PLANE_OF_PLANE_AXIS[plane],
            name="",
            num_patches=1,
        )
        rows[own] = token_rows(series, contract)
    return rows


def _of_study(
    study: StudyPatches,
    num_patches: int,
    rng: np.random.Generator,
    contract: Contract,
    dense: DenseConfig | None,
    *,
    positive_weights: torch.Tensor | None,
    augmentation: PatchAugmentation | None,
) -> PatchBatch:
    marked = np.zeros(0, np.int64)
    if dense is not None and study.dense is not None:
        marked = _in_turn(study.dense, rng, num_patches // 2)
    unmarked = rng.permutation(study.num_tokens)[: max(0, num_patches - len(marked))]
    drawn = tokens_of_rows(study, np.unique(np.concatenate([marked, unmarked])))
    if augmentation is not None and contract.centred and rng.random() < augmentation.mirrored:
        drawn = mirrored(drawn, contract)
    targets = weights = None
    if dense is not None and drawn.dense is not None:
        marked_study = mark_hidden(drawn, dense)
        assert marked_study is not None
        targets, weights = token_targets(marked_study, drawn.num_tokens, len(DIAGNOSES), dense, positive_weights)
    voxels = to_float(torch.from_numpy(drawn.voxels))
    if augmentation is not None:
        sizes = np.diff(drawn.offsets)
        series = torch.from_numpy(np.repeat(np.arange(len(sizes)), sizes))
        position = position_of(drawn.coordinates, np.repeat(drawn.planes, sizes), contract)
        voxels = changed_contrast(voxels, series, position, rng, augmentation)
    return PatchBatch(
        voxels=voxels.unsqueeze(1),
        place=place_rows(drawn, contract),
        targets=targets,
        weights=weights,
    )


def _in_turn(dense: DenseTargets, rng: np.random.Generator, most: int) -> NDArray[np.int64]:
    """So many tokens in which something lies: one of each finding, then a second of each, and so on."""
    order = rng.permutation(len(dense.token))
    findings = dense.diagnosis[order]
    by_finding = np.argsort(findings, kind="stable")
    starts = np.searchsorted(findings[by_finding], findings[by_finding])
    turn = np.empty(len(order), np.int64)
    turn[by_finding] = np.arange(len(order)) - starts
    tokens = dense.token[order[np.argsort(turn, kind="stable")]].astype(np.int64)
    first = np.sort(np.unique(tokens, return_index=True)[1])[:most]
    return tokens[first]
