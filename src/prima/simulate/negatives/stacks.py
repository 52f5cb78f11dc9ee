"""From a scene to the stored slices of each series of its examination."""

from __future__ import annotations

from collections.abc import Sequence as Several
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from prima.simulate.geometry.grid import Grid
from prima.simulate.geometry.stack_geometry import stack_affine
from prima.simulate.geometry.streams import stream
from prima.simulate.negatives.scene import Pose, Scene, grid_of, render
from prima.simulate.scanner.artefacts import blank, ghost, shade
from prima.simulate.scanner.noise import add_rician, normal_like
from prima.simulate.scanner.physics import Sequence, signal
from prima.simulate.scanner.planned import PlannedScan
from prima.simulate.scanner.profile import make_resampling
from prima.simulate.scanner.scanners import Scanner
from prima.simulate.scanner.series_roles import ROLES, sequence_for
from prima.study.affine import Affine
from prima.study.volume import Plane


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredStack:
    """The slices of one series as they are stored.

    Args:
        role: kind of series (`series_roles`); "ct" of computed tomography.
        affine: from (d, h, w) to LPS mm.
        spacing_mm: (slice, row, column).
        thickness_mm: of a slice.
        stored: [D, H, W] integers.
        slope, intercept: from stored values to output values.
        sequence: what made its contrast; None of computed tomography.
    """

    role: str
    affine: Affine
    spacing_mm: tuple[float, float, float]
    thickness_mm: float
    stored: NDArray[Any]
    slope: float = 1.0
    intercept: float = 0.0
    sequence: Sequence | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(slices, rows, columns)."""
        depth, height, width = self.stored.shape
        return (depth, height, width)

    @property
    def voxels(self) -> NDArray[Any]:
        """[D, H, W] after rescale, as a reader gives them."""
        if self.slope != 1.0:
            return self.stored.astype(np.float64) * self.slope + self.intercept
        return self.stored.astype(np.int32) + int(self.intercept) if self.intercept else self.stored


def scan_scene(scene: Scene, roles: Several[str], scanner: Scanner, *key: int | str) -> tuple[StoredStack, ...]:
    """Scan a thing with several kinds of series; `key` names the random streams."""
    random = stream(*key, "pose")
    pose = Pose.drawn(scene, random)
    grid = grid_of(scene, pose)
    stretch = float(stream("scanner", scanner.name).uniform(0.94, 1.06))
    sequences = [sequence_for(ROLES[role], scanner.field_t, stretch=stretch) for role in roles]
    values = {
        part.material.name: [signal(sequence, part.material, scanner.field_t) for sequence in sequences]
        for part in scene.parts
    }
    images = render(scene, pose, grid, values)
    return tuple(
        _stack(image, grid, scene, role, sequence, scanner, (*key, index))
        for index, (image, role, sequence) in enumerate(zip(images, roles, sequences, strict=True))
    )


def _stack(  # noqa: PLR0917 - what one series needs, in one place
    image: torch.Tensor,
    grid: Grid,
    scene: Scene,
    role: str,
    sequence: Sequence,
    scanner: Scanner,
    key: tuple[int | str, ...],
) -> StoredStack:
    scan = lay_out(grid, ROLES[role].plane, sequence, stream(*key, "scan"), volumetric=ROLES[role].volumetric)
    resampling = make_resampling(
        grid.affine, grid.shape, scan.affine, scan.shape, thickness_mm=scan.thickness_mm, pixel_mm=scan.pixel_mm
    )
    resampled = resampling(image).abs_()
    random = stream(*key, "image")
    resampled.mul_(normal_like(resampled, random, interpolation=3.0).mul_(scene.grain).add_(1).clamp_(0.1))
    return store(spoil(resampled, role, scanner, random), role, scan, scanner, random)


def lay_out(
    grid: Grid, plane: Plane, sequence: Sequence, random: np.random.Generator, *, volumetric: bool
) -> PlannedScan:
    """A stack over what the grid holds, or over most of it: some fields of view are too large, some clip."""
    extent = {  # (slice, in plane) in mm; grids are (z, y, x)
        kind: (size[0] * grid.spacing_mm, max(size[1:]) * grid.spacing_mm)
        for kind, size in {
            "axial": grid.shape,
            "coronal": (grid.shape[1], grid.shape[0], grid.shape[2]),
            "sagittal": (grid.shape[2], grid.shape[0], grid.shape[1]),
        }.items()
    }[plane]
    view = float(np.clip(extent[1] * random.uniform(0.8, 1.35), 60, 420))
    matrix = int(random.choice((160, 192, 256, 256, 320)))
    through = extent[0] * float(random.uniform(0.6, 1.05))
    if volumetric:
        spacing = max(1.0, through / 128)
        matrix = min(matrix, 224)
    else:
        spacing = float(np.clip(through / random.integers(16, 34), 2.0, 8.0))
    shape = (max(8, round(through / spacing)), matrix, matrix)
    pixel = view / matrix
    spacing_mm = (spacing, pixel, pixel)
    x, y, z = (_middle(grid) + random.normal(0, 0.03 * view, 3)).tolist()
    tilt = 0.0 if plane == "sagittal" else float(random.normal(0, 7))
    return PlannedScan(
        shape=shape,
        spacing_mm=spacing_mm,
        thickness_mm=spacing if volumetric else spacing * float(random.uniform(0.75, 1.0)),
        pixel_mm=pixel,
        affine=stack_affine(plane, shape, spacing_mm, (x, y, z), tilt),
        sequence=sequence,
    )


def _middle(grid: Grid) -> NDArray[np.float64]:
    """The middle of a grid in LPS mm."""
    return np.asarray((grid.affine @ [*((size - 1) / 2 for size in grid.shape), 1.0])[:3], np.float64)


def spoil(image: torch.Tensor, role: str, scanner: Scanner, random: np.random.Generator) -> torch.Tensor:
    """Shading, now and then a ghost, noise, and what this maker does to the background."""
    unit = level(image)
    shade(image, scanner.shading * float(random.uniform(0.7, 2.5)), random)
    if random.random() < 0.15:
        ghost(image, 2, int(random.integers(2, 6)), float(random.uniform(0.02, 0.09)), slice(0, image.shape[0]))
    sigma = unit * scanner.noise * ROLES[role].noise * float(np.exp(random.normal(0.5, 0.5)))
    add_rician(image, sigma, random, interpolation=1.4 if scanner.interpolation > 1 else 1.0)
    if scanner.blank_background:
        blank(image, 2.6 * sigma)
    return image


def level(image: torch.Tensor) -> float:
    """The usual signal of what gives some: the mean of what lies above a tenth of the highest; 1 when nothing does."""
    high = float(image.max())
    return float(image[image > 0.1 * high].mean()) if high > 0 else 1.0


def store(
    image: torch.Tensor, role: str, scan: PlannedScan, scanner: Scanner, random: np.random.Generator
) -> StoredStack:
    """Integers as this scanner stores them."""
    top = 4095 if scanner.bits == 12 else 32767
    scale = 0.45 * scanner.peak * float(random.lognormal(0, 0.25)) / level(image)
    slope = round(float(random.uniform(0.6, 2.6)), 5) if scanner.rescaled else 1.0
    stored = image.mul_(scale / slope).round_().clamp_(0, top).to(torch.int16).numpy()
    return StoredStack(
        role=role,
        affine=scan.affine,
        spacing_mm=scan.spacing_mm,
        thickness_mm=scan.thickness_mm,
        stored=stored if scanner.signed else stored.view(np.uint16),
        slope=slope,
        sequence=scan.sequence,
    )
