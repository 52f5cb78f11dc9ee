"""Batches of patches for the tokenizer, drawn from files: every study gives some tokens, marked ones first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from prima.study.ontology import DIAGNOSES
from prima.tokens.batch import SeriesTokens, token_rows
from prima.tokens.contract import PLANE_OF_PLANE_AXIS, Contract
from prima.train.dense import DenseConfig, mark_hidden, token_targets
from prima.train.patch_augment import PatchAugmentation, changed_contrast, mirrored, position_of
from prima.train.patch_file import StudyPatches, to_float
from prima.train.token_model import PatchBatch


def draw_patches(
    studies: Sequence[StudyPatches],
    number: int,
    rng: np.random.Generator,
    contract: Contract,
    dense: DenseConfig | None,
    *,
    positive_weights: torch.Tensor | None = None,
    augmentation: PatchAugmentation | None = None,
) -> PatchBatch:
    """Draw `number` tokens of each study, in random order.

    With dense targets up to half of them are tokens in which something lies: of most studies that is all of those.
    With an augmentation, what is drawn is changed by chance.
    """
    parts = [
        _of_study(study, number, rng, contract, dense, positive_weights=positive_weights, augmentation=augmentation)
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
    return torch.cat(
        [
            token_rows(
                SeriesTokens(
                    latents=torch.zeros(int(stop - start), 0),
                    coordinates=torch.from_numpy(study.coordinates[start:stop].astype(np.int32)),
                    plane=PLANE_OF_PLANE_AXIS[plane],
                    name="",
                    num_patches=1,
                ),
                contract,
            )
            for start, stop, plane in zip(study.offsets[:-1], study.offsets[1:], study.planes, strict=True)
        ]
    )


def _of_study(
    study: StudyPatches,
    number: int,
    rng: np.random.Generator,
    contract: Contract,
    dense: DenseConfig | None,
    *,
    positive_weights: torch.Tensor | None,
    augmentation: PatchAugmentation | None,
) -> PatchBatch:
    if augmentation is not None and contract.centred and rng.random() < augmentation.mirrored:
        study = mirrored(study, contract)
    marked = np.zeros(0, np.int64)
    if dense is not None and study.dense is not None:
        marked = np.unique(study.dense.token)
        marked = rng.permutation(marked)[: number // 2]
    others = rng.permutation(study.num_tokens)[: max(0, number - len(marked))]
    rows = torch.from_numpy(np.unique(np.concatenate([marked, others])))
    targets = weights = None
    if dense is not None and study.dense is not None:
        marked_targets = mark_hidden(study, dense)
        assert marked_targets is not None
        every = token_targets(marked_targets, study.num_tokens, len(DIAGNOSES), dense, positive_weights)
        targets, weights = (one[rows] for one in every)
    voxels = to_float(torch.from_numpy(study.voxels[rows.numpy()]))
    if augmentation is not None:
        series = np.searchsorted(study.offsets, rows.numpy(), side="right") - 1
        position = position_of(study.coordinates[rows.numpy()], study.planes[series], contract)
        voxels = changed_contrast(voxels, torch.from_numpy(series), position, rng, augmentation)
    return PatchBatch(
        voxels=voxels.unsqueeze(1),
        place=place_rows(study, contract)[rows],
        targets=targets,
        weights=weights,
    )
