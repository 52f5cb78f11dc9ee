"""The phantom's anatomy: a head of ellipsoids with folded cortex, in LPS millimetres.

Everything is drawn on a grid on which the patient's x (to the left) runs along one array axis alone, so that every
shape is a sum of a plane and a line: a scan may be tilted about x, as clinical scans are, and stays cheap.

Shape legend: P, Q the two grid axes across x; X the grid axis along x.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Tissue = Literal["muscle", "fat", "bone", "csf", "grey", "white", "nuclei", "eye", "edema", "lesion"]
Array = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class HeadGrid:
    """Voxel centres in mm: y and z [P, Q] (to the back, to the head), x [X] (to the left); `edge_mm` blurs borders."""

    y_mm: Array
    z_mm: Array
    x_mm: Array
    edge_mm: float


@dataclass(frozen=True, kw_only=True)
class Ellipsoid:
    """An ellipsoid of one tissue.

    Args:
        tissue: what it is made of.
        centre: (x, y, z) in mm.
        radii: (x, y, z) in mm.
        folds: depth in which the cortical folds push its surface inward, in parts of its radius.
        outside: when given, only what lies outside this other ellipsoid is drawn.
    """

    tissue: Tissue
    centre: tuple[float, float, float]
    radii: tuple[float, float, float]
    folds: float = 0.0
    outside: Ellipsoid | None = field(default=None)


def _pair(tissue: Tissue, centre: tuple[float, float, float], radii: tuple[float, float, float]) -> list[Ellipsoid]:
    x, y, z = centre
    return [Ellipsoid(tissue=tissue, centre=(side * x, y, z), radii=radii) for side in (1, -1)]


_CEREBRUM_CORE = Ellipsoid(tissue="white", centre=(0, 4, 12), radii=(30, 42, 27))


def head_shapes(*, lesion: bool) -> list[Ellipsoid]:
    """The head, outermost first; each shape covers those before it. The left lateral ventricle is the wider one."""
    shapes = [
        Ellipsoid(tissue="muscle", centre=(0, 20, -110), radii=(50, 55, 75)),
        Ellipsoid(tissue="muscle", centre=(0, -28, -48), radii=(56, 60, 62)),
        Ellipsoid(tissue="fat", centre=(0, 0, 12), radii=(77, 96, 79)),
        Ellipsoid(tissue="muscle", centre=(0, 0, 11), radii=(74, 93, 76)),
        Ellipsoid(tissue="bone", centre=(0, 0, 13), radii=(71, 90, 73)),
        Ellipsoid(tissue="bone", centre=(0, 44, -38), radii=(55, 41, 33)),
        Ellipsoid(tissue="csf", centre=(0, 0, 13), radii=(66, 85, 68)),
        Ellipsoid(tissue="csf", centre=(0, 42, -36), radii=(50, 36, 28)),
        Ellipsoid(tissue="grey", centre=(0, 0, 14), radii=(65, 84, 67), folds=0.1),
        Ellipsoid(tissue="white", centre=(0, 0, 14), radii=(60, 79, 62), folds=0.28),
        Ellipsoid(tissue="csf", centre=(0, 0, 20), radii=(2.2, 82, 62), folds=0.8, outside=_CEREBRUM_CORE),
        Ellipsoid(tissue="grey", centre=(0, 43, -35), radii=(47, 32, 24), folds=0.2),
        Ellipsoid(tissue="white", centre=(0, 41, -33), radii=(34, 20, 15), folds=0.3),
        Ellipsoid(tissue="csf", centre=(0, 20, -44), radii=(20, 18, 26)),
        Ellipsoid(tissue="white", centre=(0, 22, -50), radii=(13, 13, 42)),
        *_pair("nuclei", (25, -6, 8), (6, 17, 12)),
        *_pair("nuclei", (10, 12, 8), (8, 14, 9)),
        *_pair("nuclei", (15, -16, 18), (4, 14, 9)),
        Ellipsoid(tissue="csf", centre=(12, 0, 24), radii=(9, 34, 9)),
        Ellipsoid(tissue="csf", centre=(-10, 0, 24), radii=(6.5, 31, 8)),
        Ellipsoid(tissue="csf", centre=(22, 36, 10), radii=(7, 16, 9)),
        Ellipsoid(tissue="csf", centre=(-20, 34, 10), radii=(5, 13, 8)),
        Ellipsoid(tissue="csf", centre=(0, 6, 6), radii=(2.5, 14, 10)),
        Ellipsoid(tissue="csf", centre=(0, 35, -36), radii=(8, 5, 10)),
        *_pair("fat", (32, -66, -22), (18, 22, 17)),
        *_pair("eye", (32, -72, -22), (12, 12, 12)),
    ]
    if lesion:
        shapes += [
            Ellipsoid(tissue="edema", centre=(36, 14, 12), radii=(20, 24, 17), folds=0.25),
            Ellipsoid(tissue="lesion", centre=(37, 12, 12), radii=(11, 13, 10)),
        ]
    return shapes


def render_head(
    grid: HeadGrid, contrasts: Sequence[dict[Tissue, float]], *, lesion: bool, seed: int
) -> tuple[Array, ...]:
    """Draw the head in several contrasts at once.

    Args:
        grid: where the voxels lie.
        contrasts: for each image, the value of each tissue; air is 0.
        lesion: whether the bright lesion of the left hemisphere is there.
        seed: which folds the cortex has.

    Returns:
        One [P, Q, X] float32 image per contrast, without noise.
    """
    shape = (*grid.y_mm.shape, len(grid.x_mm))
    images = tuple(np.zeros(shape, np.float32) for _ in contrasts)
    folds = _waves(grid, np.random.default_rng([seed, 7]), wavelength_mm=13.0, count=5)
    for part in head_shapes(lesion=lesion):
        for window, share in _covered(part, grid, folds):
            for image, values in zip(images, contrasts, strict=True):
                view = image[window]
                view += share * (np.float32(values[part.tissue]) - view)
    texture = _waves(grid, np.random.default_rng([seed, 8]), wavelength_mm=38.0, count=3)
    texture *= np.float32(0.03)
    texture += 1
    for image in images:
        np.multiply(image, texture, out=image)
    return images


def _covered(part: Ellipsoid, grid: HeadGrid, folds: Array) -> Iterator[tuple[tuple[slice, slice, slice], Array]]:
    """The window of the grid that a shape touches (none or one), and its share of each voxel there, 0 to 1."""
    edge = min(2.0 * grid.edge_mm / min(part.radii), 0.6)  # a thin sheet must not bleed along its length
    plane_PQ, line_X = _radius_squared(part, grid)
    limit = 1.0 + edge
    rows, columns = (plane_PQ.min(axis=axis) < limit for axis in (1, 0))
    window = tuple(_span(inside) for inside in (rows, columns, line_X < limit))
    if any(span.start == span.stop for span in window):
        return
    p, q, x = window
    share = plane_PQ[p, q, None] + line_X[x]
    if part.folds:
        share += np.float32(part.folds) * (1 + folds[p, q, x])
    share *= np.float32(-1.0 / edge)
    share += np.float32(1.0 / edge + 0.5)
    np.clip(share, 0, 1, out=share)
    if part.outside is not None:
        other_PQ, other_X = _radius_squared(part.outside, grid)
        share *= (other_PQ[p, q, None] + other_X[x]) > 1
    yield (p, q, x), share


def _radius_squared(part: Ellipsoid, grid: HeadGrid) -> tuple[Array, Array]:
    """The squared distance from the centre in radii, as a plane [P, Q] and a line [X] to be added."""
    (x, y, z), (a, b, c) = part.centre, part.radii
    return ((grid.y_mm - y) / b) ** 2 + ((grid.z_mm - z) / c) ** 2, ((grid.x_mm - x) / a) ** 2


def _span(inside: NDArray[np.bool_]) -> slice:
    indices = np.flatnonzero(inside)
    return slice(int(indices[0]), int(indices[-1]) + 1) if indices.size else slice(0, 0)


def _waves(grid: HeadGrid, random: np.random.Generator, *, wavelength_mm: float, count: int) -> Array:
    """The mean of some plane waves of random direction, about -1 to 1, [P, Q, X]."""
    total = np.zeros((*grid.y_mm.shape, len(grid.x_mm)), np.float32)
    directions = random.normal(size=(count, 3))
    directions *= 2 * np.pi / wavelength_mm / np.linalg.norm(directions, axis=1, keepdims=True)
    for (x, y, z), phase in zip(directions, random.uniform(0, 2 * np.pi, count), strict=True):
        across_PQ = (grid.y_mm * y + grid.z_mm * z + phase).astype(np.float32)
        along_X = (grid.x_mm * x).astype(np.float32)
        total += np.cos(across_PQ)[..., None] * np.cos(along_X)
        total -= np.sin(across_PQ)[..., None] * np.sin(along_X)
    return total * np.float32(1.6 / count)
