"""Resampling a head onto the slices of a scan, slice profile included, as two small linear maps.

A scan is turned about the patient's x alone (`stack_geometry`; what the head leans or turns aside is a pose of the
whole study), so that the plane of y and z is one sparse map, the same for every x, and x a dense one. A slice is an
integral over its profile, a trapezoid, and a pixel over its width.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from prima.study.affine import Affine
from prima.study.volume import PLANE_OF_AXIS


@dataclass(frozen=True, kw_only=True, eq=False)
class ScanResampling:
    """Where the voxels of a scan come from.

    Args:
        shape: [D, H, W] of the scan.
        sources: [P, T] index into (z, y) of the head, for every output of the plane across x.
        weights: [P, T] share of each source; 0 outside of the head.
        across: [n, X] weights along x.
        sagittal: whether x is the stacking direction.
    """

    shape: tuple[int, int, int]
    sources: torch.Tensor
    weights: torch.Tensor
    across: torch.Tensor
    sagittal: bool

    def __call__(self, volume_zyx: torch.Tensor) -> torch.Tensor:
        """[z, y, x] on the head's grid to [D, H, W] on the scan's."""
        lines_PX = torch.nn.functional.embedding_bag(
            self.sources, volume_zyx.reshape(-1, volume_zyx.shape[-1]), per_sample_weights=self.weights, mode="sum"
        )
        if self.sagittal:
            return (self.across @ lines_PX.T).reshape(self.shape)
        return (lines_PX @ self.across.T).reshape(self.shape)


def make_resampling(
    head_affine: Affine,
    head_shape: tuple[int, int, int],
    scan_affine: Affine,
    scan_shape: tuple[int, int, int],
    *,
    thickness_mm: float,
    pixel_mm: float,
    wrap_mm: float = 0.0,
    device: torch.device | str = "cpu",
) -> ScanResampling:
    """The map from a head grid, whose axes are those of the patient, to a scan turned about x.

    Args:
        thickness_mm: full width at half maximum of the slice profile.
        pixel_mm: width over which a pixel integrates: the acquired, not the stored, resolution.
        wrap_mm: field of view along x whose outside folds in; 0 when it does not.
    """
    to_index = head_affine.inverse().compose(scan_affine)  # (d, h, w) → (z, y, x) of the head
    axis = int(np.argmax(np.abs(scan_affine[0, :3])))
    sagittal = PLANE_OF_AXIS[int(np.argmax(np.abs(scan_affine[:3, 0])))] == "sagittal"
    widths = [thickness_mm, pixel_mm, pixel_mm]
    spacing, head_step = scan_affine.spacing_mm, head_affine.spacing_mm[0]
    first, second = (array_axis for array_axis in range(3) if array_axis != axis)
    nodes = [
        _profile(widths[array_axis] / spacing[array_axis], head_step / spacing[array_axis], slab=array_axis == 0)
        for array_axis in range(3)
    ]
    (offset_a, share_a), (offset_b, share_b) = nodes[first], nodes[second]
    index = np.zeros((scan_shape[first], scan_shape[second], len(offset_a), len(offset_b), 2))
    for row in range(2):
        along_a = np.add.outer(np.arange(scan_shape[first]), offset_a) * to_index[row, first]
        along_b = np.add.outer(np.arange(scan_shape[second]), offset_b) * to_index[row, second]
        index[..., row] = along_a[:, None, :, None] + along_b[None, :, None, :] + to_index[row, 3]
    sources, weights = _bilinear(index.reshape(-1, len(offset_a) * len(offset_b), 2), head_shape[:2])
    weights *= np.outer(share_a, share_b).reshape(1, -1, 1)
    centres = to_index[2, axis] * np.arange(scan_shape[axis]) + to_index[2, 3]
    width = abs(to_index[2, axis]) / spacing[axis]
    across = _line(centres, widths[axis] * width, head_shape[2], slab=axis == 0)
    for turn in (-1, 1) if wrap_mm else ():
        across += _line(centres + turn * wrap_mm * width, widths[axis] * width, head_shape[2], slab=False)
    count = len(sources)
    return ScanResampling(
        shape=scan_shape,
        sources=torch.from_numpy(sources.reshape(count, -1)).to(device),
        weights=torch.from_numpy(weights.reshape(count, -1).astype(np.float32)).to(device),
        across=torch.from_numpy(across.astype(np.float32)).to(device),
        sagittal=sagittal,
    )


def _profile(width: float, step: float, *, slab: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Offsets and shares of the nodes that integrate a profile, in units of the scan's index.

    Nodes lie no further apart than the head's voxels; a slab has the flanks of a trapezoid.
    """
    reach = width * (1.25 if slab else 1.0)
    count = max(1, round(reach / step))
    offsets = ((np.arange(count) + 0.5) / count - 0.5) * reach
    shares = np.clip((0.5 * reach - np.abs(offsets)) / (0.25 * width), 0, 1) if slab else np.ones(count)
    if count == 1:
        shares = np.ones(1)
    return offsets, shares / shares.sum()


def _bilinear(index: NDArray[np.float64], shape: tuple[int, ...]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Flat sources and weights [P, T, 4] of positions [P, T, 2] on a grid; no weight outside."""
    low = np.floor(index)
    part = index - low
    sources = np.zeros((*index.shape[:2], 4), np.int64)
    weights = np.zeros((*index.shape[:2], 4))
    for corner in range(4):
        shift = np.array([corner >> 1, corner & 1])
        place = (low + shift).astype(np.int64)
        share = np.prod(np.where(shift, part, 1 - part), axis=-1)
        inside = np.all((place >= 0) & (place < shape), axis=-1)
        sources[..., corner] = np.where(inside, place[..., 0] * shape[1] + place[..., 1], 0)
        weights[..., corner] = np.where(inside, share, 0)
    return sources, weights


def _line(centres: NDArray[np.float64], width: float, count: int, *, slab: bool) -> NDArray[np.float64]:
    """[n, count] weights of linear interpolation, integrated exactly over a profile; a trapezoid is two boxes."""

    def below(u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Integral of the hat function up to u."""
        u = np.clip(u, -1, 1)
        return np.where(u < 0, 0.5 * (1 + u) ** 2, 1 - 0.5 * (1 - u) ** 2)

    apart = centres[:, None] - np.arange(count)[None, :]
    boxes = (0.75 * width, 1.25 * width) if slab else (width,)
    total = np.zeros_like(apart)
    for box in boxes:
        half = 0.5 * max(box, 1e-3)
        total += (below(apart + half) - below(apart - half)) / (2 * half)
    return total / len(boxes)
