"""Masks laid over the tokens of a study: how much of each token each finding fills.

Only simulated studies have masks, and archives that somebody has segmented.

Shape suffixes: E entries of the dense targets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prima.study import Affine
from prima.tokens.patches import Patches

MOST_POINTS = 20_000
"""Of a mask; a larger one is thinned."""


@dataclass(frozen=True, kw_only=True, eq=False)
class DenseTargets:
    """Which share of which token a finding fills.

    Args:
        token: [E] int32, row of the token among all of the study.
        diagnosis: [E] uint8, number of the diagnosis in the ontology.
        share: [E] uint8, of the token's volume, in 255ths; 0 where it lies but cannot be seen.
    """

    token: NDArray[np.int32]
    diagnosis: NDArray[np.uint8]
    share: NDArray[np.uint8]


def dense_targets(patches: Sequence[Patches], masks: Mapping[int, tuple[NDArray[np.uint8], Affine]]) -> DenseTargets:
    """Lay masks over the tokens of a study.

    Args:
        patches: of each series, in the order of the study.
        masks: number of the diagnosis → its mask [z, y, x] and affine from (z, y, x) to patient LPS mm.
    """
    tokens: list[NDArray[np.int64]] = []
    diagnoses: list[NDArray[np.uint8]] = []
    shares: list[NDArray[np.uint8]] = []
    first = 0
    points = {diagnosis: _points_mm(mask, affine) for diagnosis, (mask, affine) in masks.items()}
    for of_series in patches:
        extent = np.array(of_series.extent)
        index = of_series.coordinates.numpy() // extent
        low, high = index.min(0), index.max(0)
        table = np.full(high - low + 1, -1, np.int64)
        table[tuple((index - low).T)] = np.arange(len(index))
        token_mm3 = float(np.prod(extent) * of_series.affine.voxel_mm3)
        inverse = of_series.affine.inverse()
        for diagnosis, (points_mm, point_mm3) in points.items():
            voxel = inverse.apply(points_mm)
            cell = np.floor((voxel + 0.5 + np.array(of_series.shift)) / extent).astype(np.int64) - low
            inside = np.all((cell >= 0) & (cell < table.shape), axis=1)
            hit = table[tuple(cell[inside].T)]
            share = np.bincount(hit[hit >= 0], minlength=len(index)) * point_mm3 / token_mm3
            filled = np.flatnonzero(share)
            tokens.append(filled + first)
            diagnoses.append(np.full(len(filled), diagnosis, np.uint8))
            shares.append(np.clip(np.rint(share[filled] * 255), 1, 255).astype(np.uint8))
        first += len(index)
    return DenseTargets(
        token=np.concatenate(tokens or [np.zeros(0, np.int64)]).astype(np.int32),
        diagnosis=np.concatenate(diagnoses or [np.zeros(0, np.uint8)]),
        share=np.concatenate(shares or [np.zeros(0, np.uint8)]),
    )


def _points_mm(mask: NDArray[np.uint8], affine: Affine) -> tuple[NDArray[np.float64], float]:
    """Where a mask's voxels lie, and how many mm³ each of them stands for; large masks are thinned."""
    index = np.argwhere(mask)
    every = max(1, len(index) // MOST_POINTS)
    return affine.apply(index[::every]), affine.voxel_mm3 * every
