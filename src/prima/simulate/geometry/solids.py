"""Signed distances of simple solids at points [3, …], in mm, negative inside; shapes of which anatomy is modelled."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

Point = tuple[float, float, float]


def ellipsoid(points: Tensor, centre: Point, radii: Point) -> Tensor:
    """Distance to an ellipsoid, exact on its surface and near enough around it.

    Example:
        >>> points = torch.tensor([[0.0, 10.0], [0.0, 0.0], [0.0, 0.0]])
        >>> ellipsoid(points, (0, 0, 0), (10, 5, 5)).tolist()
        [-5.0, 0.0]
    """
    scaled = [(points[i] - centre[i]) / radii[i] for i in range(3)]
    length = (scaled[0].square() + scaled[1].square() + scaled[2].square()).sqrt()
    slope = sum(((scaled[i] / radii[i]).square() for i in range(3)), torch.zeros_like(length)).sqrt()
    exact = length * (length - 1) / slope.clamp(min=1e-6)
    return torch.where(length < 0.3, (length - 1) * min(radii), exact)


def rod(points: Tensor, start: Point, end: Point, radius: float, end_radius: float | None = None) -> Tensor:
    """Distance to a rod with round ends.

    Example:
        >>> rod(torch.tensor([[0.0], [3.0], [5.0]]), (0, 0, 0), (0, 0, 10), 1.0).tolist()
        [2.0]
    """
    along = [end[i] - start[i] for i in range(3)]
    from_start = [points[i] - start[i] for i in range(3)]
    share = (from_start[0] * along[0] + from_start[1] * along[1] + from_start[2] * along[2]) / sum(a * a for a in along)
    share = share.clamp(0, 1)
    away = [from_start[i] - share * along[i] for i in range(3)]
    distance = (away[0].square() + away[1].square() + away[2].square()).sqrt()
    return distance - (radius + share * ((radius if end_radius is None else end_radius) - radius))


def tube(points: Tensor, course: Sequence[Point], radius: float, end_radius: float | None = None) -> Tensor:
    """Distance to a chain of rods that narrows evenly from one end to the other."""
    last = radius if end_radius is None else end_radius
    count = len(course) - 1
    radii = [radius + (last - radius) * index / count for index in range(count + 1)]
    parts = [rod(points, course[i], course[i + 1], radii[i], radii[i + 1]) for i in range(count)]
    return torch.stack(parts).amin(0)


def mirrored(points: Tensor) -> Tensor:
    """Points folded onto the left side, for solids that both sides have."""
    return torch.cat((points[:1].abs(), points[1:]))
