"""Volumes for a convolutional network: the patches of six kinds of series, put together on one grid of the head.

A file of patches holds foreground only, centred on the head, in slices of a distance that it does not give: the usual
one of the kind of series is taken. Small inaccuracies of depth remain; a network that reads series together sees them
as it sees the motion of patients between series.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from baseline_data import Part, is_regional, kind_of, slice_distance_mm
from numpy.typing import NDArray

from prima.files.durable import new_file
from prima.tokens.contract import CENTRE_INDEX, OPEN
from prima.train.data.patch_file import StudyPatches, read_patches

CHANNELS = ("t1", "t1c", "t2", "flair", "dwi", "swi")
EXTENT_MM = (192.0, 224.0, 192.0)
SIDE, DEPTH, PIXEL_MM = OPEN.patch_in_plane, OPEN.patch_slices, 1.75


def grid_of(mm: float) -> tuple[int, int, int]:
    """Cells of the grid along z, y, x, multiples of 8.

    Example:
        >>> grid_of(4.0)
        (48, 56, 48)
    """
    found = [8 * max(1, round(extent / mm / 8)) for extent in EXTENT_MM]
    return (found[0], found[1], found[2])


def series_for(study: StudyPatches, kind: str) -> int | None:
    """The series that stands for a kind: of the whole head, axial, with the most tokens, in this order."""
    found = [number for number, name in enumerate(study.names) if kind_of(name) == kind]
    tokens = np.diff(study.offsets)
    order = [(is_regional(study.names[one]), study.planes[one] != 0, -int(tokens[one]), one) for one in found]
    return min(order)[3] if order else None


def volume_of(study: StudyPatches, series: int, mm: float) -> NDArray[np.uint8]:
    """[z, y, x] a series on the grid, in the steps of the file; 0 where it has no foreground."""
    rows = slice(int(study.offsets[series]), int(study.offsets[series + 1]))
    axis = int(study.planes[series])
    start = study.coordinates[rows].astype(np.int64)
    extent, spacing = np.full(3, SIDE), np.full(3, PIXEL_MM)
    extent[axis], spacing[axis] = DEPTH, slice_distance_mm(study.names[series])
    low = start.min(0)
    blocks = (start - low) // extent
    shape = blocks.max(0) + 1
    held = np.zeros((*shape, *extent), np.uint8)
    held[tuple(blocks.T)] = study.voxels[rows].swapaxes(1, 1 + axis)
    dense = held.transpose(0, 3, 1, 4, 2, 5).reshape(shape * extent).astype(np.float32)
    for along in range(3):
        weights = _weights(grid_of(mm)[along], mm, int(low[along]), dense.shape[along], extent[along], spacing[along])
        dense = np.moveaxis(np.tensordot(weights, dense, axes=(1, along)), 0, along)
    return np.clip(np.rint(dense), 0, 255).astype(np.uint8)


def _weights(cells: int, mm: float, low: int, num: int, extent: int, spacing: float) -> NDArray[np.float32]:
    """[cells, num] linear interpolation, widened to the cell where voxels are smaller than it."""
    reach = 2 + int(np.ceil(mm / spacing))
    index = np.arange(low - reach, low + num + reach)
    at = (index + 0.5 - CENTRE_INDEX * extent) * spacing
    to = (np.arange(cells) + 0.5 - cells / 2) * mm
    weights = np.clip(1 - np.abs(to[:, None] - at[None]) / max(mm, spacing), 0, None)
    weights /= np.maximum(weights.sum(1, keepdims=True), 1e-9)
    weights[(to < at[0]) | (to > at[-1])] = 0
    return weights[:, reach : reach + num].astype(np.float32)


def volumes_of(part: Part, folder: Path, mm: float) -> NDArray[np.uint8]:
    """[n, channels, z, y, x] of all studies of a part; kept in `folder`, one file a study, so that they are made once.

    A channel of zeros: the study has no such series.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = np.zeros((len(part), len(CHANNELS), *grid_of(mm)), np.uint8)
    for row, file in enumerate(part.files):
        kept = folder / f"{file.stem}.npy"
        if not kept.exists():
            study = read_patches(file)
            made = np.zeros(found.shape[1:], np.uint8)
            for channel, kind in enumerate(CHANNELS):
                if (series := series_for(study, kind)) is not None:
                    made[channel] = volume_of(study, series, mm)
            with new_file(kept) as temporary, temporary.open("wb") as out:
                np.save(out, made)
        found[row] = np.load(kept, allow_pickle=False)
    return found
