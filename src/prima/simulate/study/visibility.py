"""How well a finding can be seen on a series: its contrast to the tissue around it, in standard deviations of noise."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from prima.simulate.geometry.grid import Grid
from prima.simulate.pathology import LesionTruth
from prima.simulate.scanner.acquire import HeadScan
from prima.simulate.scanner.physics import Sequence as Contrast
from prima.simulate.scanner.physics import adc_um2_ms
from prima.simulate.scanner.planned import B_VALUE, PlannedScan, PlannedSeries

MARGIN_MM = 9.0
MAX_VOXELS = 80_000
"""Larger boxes are looked at on every second voxel, or every fourth."""


@dataclass(frozen=True, kw_only=True)
class Visibility:
    """A finding on one stack.

    Args:
        series_uid: SeriesInstanceUID.
        part: part of a split series ("b1000").
        diagnosis: released name.
        cnr: root mean square difference to the brain around it beyond what that varies itself, over the noise.
        coverage: share of the mask that lies in the stack.
        volume_ml: of the mask in the stack.
    """

    series_uid: str
    part: str | None
    diagnosis: str
    cnr: float
    coverage: float
    volume_ml: float


def visibility(
    acquisition: HeadScan, all_series: Sequence[PlannedSeries], truths: Iterable[LesionTruth]
) -> tuple[Visibility, ...]:
    """Each finding on each stack that a reader uses; stacks that do not cover it are left out."""
    brain = sum((acquisition.head.fraction(name) for name in ("wm", "deep_gm")), acquisition.head.fraction("gm"))
    results = []
    for truth in truths:
        box = _box_mm(truth.mask, acquisition.head.grid)
        if box is None:
            continue
        whole_ml = float(truth.mask.sum()) * acquisition.head.grid.spacing_mm**3 / 1000
        mask = truth.mask.float()
        for series in all_series:
            for scan in series.scans:
                crop = _crop(scan, box)
                if crop is None:
                    continue
                share, around = _shares(acquisition, crop, mask, brain)
                volume_ml = float(share.sum()) * float(np.prod(crop.spacing_mm)) / 1000
                if volume_ml < 0.01 * whole_ml or float(share.max()) < 0.02:
                    continue
                results.append(
                    Visibility(
                        series_uid=series.uid,
                        part=scan.part,
                        diagnosis=truth.diagnosis,
                        cnr=round(_cnr(acquisition, series, crop, share, around), 3),
                        coverage=round(min(1.0, volume_ml / whole_ml), 3),
                        volume_ml=round(volume_ml, 3),
                    )
                )
    return tuple(results)


def _box_mm(mask: Tensor, grid: Grid) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Low and high corner (x, y, z) in mm of what a mask touches."""
    ends = []
    for axis in range(3):
        touched = mask.any(dim=tuple(array_axis for array_axis in range(3) if array_axis != axis)).nonzero().flatten()
        if len(touched) == 0:
            return None
        ends.append((int(touched[0]), int(touched[-1])))
    corners = grid.affine @ np.array([[low for low, _ in ends] + [1], [high for _, high in ends] + [1]]).T
    return corners[:3, 0] - MARGIN_MM, corners[:3, 1] + MARGIN_MM


def _crop(scan: PlannedScan, box: tuple[NDArray[np.float64], NDArray[np.float64]]) -> PlannedScan | None:
    """The part of a stack that a box touches, coarser when it is large; None when there is none."""
    corners = np.array([[box[bit >> axis & 1][axis] for axis in range(3)] + [1.0] for bit in range(8)]).T
    index = (scan.affine.inverse() @ corners)[:3]
    first = np.clip(np.floor(index.min(axis=1)), 0, scan.shape).astype(int)
    stop = np.clip(np.ceil(index.max(axis=1)) + 1, 0, scan.shape).astype(int)
    size = stop - first
    if (size <= 0).any():
        return None
    step = np.array([1, 1, 1])
    while np.prod(-(-size // step)) > MAX_VOXELS:
        step *= [2 if scan.spacing_mm[0] < 2 else 1, 2, 2]
    affine = scan.affine.starting_at(first).scaled(step.tolist())
    depth, height, width = (int(value) for value in -(-size // step))
    spacing = tuple(float(value) for value in np.array(scan.spacing_mm) * step)
    return dataclasses.replace(
        scan, affine=affine, shape=(depth, height, width), spacing_mm=(spacing[0], spacing[1], spacing[2])
    )


def _shares(acquisition: HeadScan, crop: PlannedScan, mask: Tensor, brain: Tensor) -> tuple[Tensor, Tensor]:
    """[D, H, W] share of the finding in each voxel, and the weight of the brain around it."""
    resample = acquisition.resampling(crop)
    share = resample(mask)
    reach = [int(np.ceil(MARGIN_MM / spacing)) for spacing in crop.spacing_mm]
    near = share[None]
    for axis, extent in enumerate((min(reach[0], 2), min(reach[1], 6), min(reach[2], 6))):
        kernel, margin = [1, 1, 1], [0, 0, 0]
        kernel[axis], margin[axis] = 2 * extent + 1, extent
        near = torch.nn.functional.max_pool3d(near, kernel, stride=1, padding=margin)
    around = resample(brain) * (near[0] > 0.05) * (share < 0.02)
    return share, around


def _cnr(acquisition: HeadScan, series: PlannedSeries, crop: PlannedScan, share: Tensor, around: Tensor) -> float:
    image, sigma = _image(acquisition, series, crop)
    inside, outside = share / share.sum(), around / around.sum().clamp_min(1e-6)
    middle = float((image * outside).sum())
    spread = float(((image - middle).square() * outside).sum())
    difference = float((image * inside).sum()) - middle
    beyond = float(((image - middle).square() * inside).sum()) - spread
    return math.sqrt(max(difference**2, beyond)) / sigma


def _image(acquisition: HeadScan, series: PlannedSeries, crop: PlannedScan) -> tuple[Tensor, float]:
    """The stack without noise, and the standard deviation of the noise it would have."""
    sigma = acquisition.noise_sigma(series, crop)
    if series.role.derived != "adc":
        return acquisition.clean(crop), sigma
    weighting: Contrast = dataclasses.replace(crop.sequence, b_value=B_VALUE)
    weighted_scan = dataclasses.replace(crop, sequence=weighting)
    b0, weighted = acquisition.clean(crop), acquisition.clean(weighted_scan)
    unit = acquisition.unit(crop.sequence)
    relative = (sigma / unit) ** 2 + (acquisition.noise_sigma(series, weighted_scan) / (0.45 * unit)) ** 2
    return adc_um2_ms(b0, weighted, B_VALUE), math.sqrt(relative) * 1000 / B_VALUE
