"""Objects that are nothing in particular: bodies of nested, pitted or divided ellipsoids and blocks, of any contrast.

Fruit, phantoms and animals of the world are of more shapes than those with a maker of their own; what they share is
that no brain is in them. Their parts and their brightness are drawn from wide ranges.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from prima.simulate.geometry.grid import Grid
from prima.simulate.geometry.solids import ellipsoid
from prima.simulate.negatives.solids import block, sector_edge
from prima.study.volume import Volume

SPACING_MM = 4.0
_HALF_MM = 128.0


def random_object(random: np.random.Generator) -> Volume:
    """One object of 3 to 25 cm.

    Example:
        >>> random_object(np.random.default_rng(0)).voxels.shape
        (65, 65, 65)
    """
    count = int(2 * _HALF_MM / SPACING_MM) + 1
    grid = Grid(shape=(count, count, count), spacing_mm=SPACING_MM, origin_mm=(-_HALF_MM,) * 3)
    points = _wavy(grid.points(), random)
    image = torch.zeros(grid.shape)
    for _ in range(1 if random.random() < 0.6 else int(random.integers(2, 6))):
        _paint(image, points, random)
    shade = functional.interpolate(
        torch.from_numpy(random.standard_normal((1, 1, 4, 4, 4), dtype=np.float32)), size=grid.shape, mode="trilinear"
    )[0, 0]
    image *= (shade * float(random.uniform(0, 0.4))).exp()
    sigma = 0.06 * float(random.random()) ** 2
    image += torch.from_numpy(random.standard_normal(image.shape, dtype=np.float32)) * sigma
    return Volume(voxels=image.abs().numpy(), affine=grid.affine)


def _wavy(points: Tensor, random: np.random.Generator) -> Tensor:
    """Points [3, z, y, x] turned about z and bent a little."""
    angle = float(random.uniform(0, math.pi))
    x = points[0] * math.cos(angle) - points[1] * math.sin(angle)
    y = points[0] * math.sin(angle) + points[1] * math.cos(angle)
    bent = torch.stack([x, y, points[2]])
    push = float(random.uniform(0, 8))
    waves = torch.from_numpy(random.normal(0, 1 / 45, (3, 3)).astype(np.float32))
    return bent + push * torch.sin(torch.tensordot(waves, bent, dims=1) + float(random.uniform(0, 6)))


def _paint(image: Tensor, points: Tensor, random: np.random.Generator) -> None:
    """A body with shells, then what is in it: segments, a core, or seeds."""
    size = float(np.exp(random.uniform(np.log(18), np.log(105))))
    radii = tuple((size * np.exp(random.normal(0, 0.25, 3))).tolist())
    centre = tuple(random.normal(0, 25 if size < 60 else 6, 3).tolist())
    if random.random() < 0.75:
        distance = ellipsoid(points, centre, radii)
    else:
        distance = block(points, centre, radii, rounding=0.3 * min(radii))
    depth = -distance
    for inner in np.sort(random.uniform(0, 0.9, int(random.integers(1, 5)))) * min(radii):
        image[depth > float(inner)] = float(random.uniform(0, 1))
    away = points - torch.tensor(centre)[:, None, None, None]
    inside = depth > 0.1 * min(radii)
    pattern = random.random()
    if pattern < 0.3:
        walls = sector_edge(away, int(random.integers(3, 14)), float(random.uniform(0, 6))).abs()
        image[inside & (walls < float(random.uniform(2, 5)))] = float(random.uniform(0, 1))
    elif pattern < 0.6:
        for _ in range(int(random.integers(3, 30))):
            place = tuple((np.array(centre) + random.normal(0, 0.4, 3) * np.array(radii)).tolist())
            seed_radii = tuple(random.uniform(3, 14, 3).tolist())
            image[(ellipsoid(points, place, seed_radii) < 0) & inside] = float(random.uniform(0, 1))
    elif pattern < 0.8:
        mottle = torch.from_numpy(random.standard_normal((1, 1, 22, 22, 22), dtype=np.float32))
        fine = functional.interpolate(mottle, size=image.shape, mode="trilinear")[0, 0]
        image += inside * fine * float(random.uniform(0.05, 0.25))
        image.clamp_(min=0)
