"""Which patches a batch draws: every finding in its turn, with its own place and targets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from prima.tokens.contract import OPEN
from prima.train.data.dense_targets import DenseTargets
from prima.train.data.patch_file import StudyPatches
from prima.train.tokenizer.batches import draw_patches, place_rows
from prima.train.tokenizer.dense import DenseConfig

LARGE, SMALL = 3, 7


def study_of(random: np.random.Generator) -> StudyPatches:
    """Two axial series of a thousand tokens each over the whole head; one finding fills half of it, one a token."""
    index = np.stack(np.meshgrid(np.arange(27, 37), np.arange(27, 37), np.arange(27, 37), indexing="ij"), axis=-1)
    coordinates = (index.reshape(-1, 3) * (2, 16, 16)).astype(np.int16)
    large = np.flatnonzero(coordinates[:, 2] < 32 * 16)
    token = np.array([*large, 1999], np.int32)
    return StudyPatches(
        voxels=random.integers(0, 255, (2000, 2, 16, 16)).astype(np.uint8),
        coordinates=np.concatenate([coordinates, coordinates]),
        offsets=np.array([0, 1000, 2000]),
        planes=np.array([0, 0], np.uint8),
        names=("AX_T1", "AX_T2"),
        description="",
        num_patches=(1000, 1000),
        dense=DenseTargets(
            token=token,
            diagnosis=np.array([LARGE] * len(large) + [SMALL], np.uint8),
            share=np.full(len(token), 255, np.uint8),
        ),
    )


def test_a_small_finding_comes_with_a_large_one() -> None:
    study = study_of(np.random.default_rng(0))
    for seed in range(10):
        batch = draw_patches([study], 40, np.random.default_rng(seed), OPEN, DenseConfig())
        assert batch.targets is not None
        assert float(batch.targets[:, SMALL].sum()) == 1.0
        assert 19 <= float(batch.targets[:, LARGE].sum()) <= 38
        assert 38 <= len(batch.voxels) <= 40  # a token drawn twice comes once


def test_what_is_drawn_is_what_lies_there() -> None:
    random = np.random.default_rng(0)
    studies = [study_of(random), study_of(random)]
    batch = draw_patches(studies, 50, np.random.default_rng(1), OPEN, DenseConfig())
    assert batch.targets is not None
    every = np.concatenate([one.voxels for one in studies]).reshape(4000, -1)
    place = torch.cat([place_rows(one, OPEN) for one in studies])
    share = np.zeros((4000, 52))
    for first, one in zip((0, 2000), studies, strict=True):
        assert one.dense is not None
        share[first + one.dense.token, one.dense.diagnosis] = 1
    for voxels, own, targets in zip(batch.voxels, batch.place, batch.targets, strict=True):
        (row,) = np.flatnonzero((every == np.rint(voxels.numpy().ravel() * 127.5)).all(1))
        assert torch.equal(own, place[row])
        assert np.array_equal(targets.numpy(), share[row])


def test_without_masks_any_tokens_are_drawn() -> None:
    study = replace(study_of(np.random.default_rng(0)), dense=None)
    batch = draw_patches([study], 100, np.random.default_rng(1), OPEN, None)
    assert (len(batch.voxels), batch.targets) == (100, None)
    assert len(torch.unique(batch.place, dim=0)) > 50
