"""Signed distances in mm for limbs, organs, fruit and phantoms, beside those of `simulate.geometry.solids`."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from prima.simulate.geometry.solids import Point


def block(points: Tensor, centre: Point, half: Point, rounding: float = 0.0) -> Tensor:
    """Distance to a block with round edges.

    Example:
        >>> block(torch.tensor([[8.0], [0.0], [0.0]]), (0, 0, 0), (5, 5, 5)).tolist()
        [3.0]
    """
    beyond = torch.stack([(points[i] - centre[i]).abs() - half[i] + rounding for i in range(3)])
    outside = beyond.clamp(min=0).square().sum(0).sqrt()
    return outside + beyond.amax(0).clamp(max=0) - rounding


def drum(points: Tensor, centre: Point, radius: float, half_length: float, axis: int = 2) -> Tensor:
    """Distance to a cylinder with flat ends along an axis.

    Example:
        >>> drum(torch.tensor([[0.0], [0.0], [9.0]]), (0, 0, 0), 3.0, 5.0).tolist()
        [4.0]
    """
    away = [points[i] - centre[i] for i in range(3)]
    along = away.pop(axis).abs() - half_length
    across = (away[0].square() + away[1].square()).sqrt() - radius
    distances = torch.stack((along, across))
    return distances.clamp(min=0).square().sum(0).sqrt() + distances.amax(0).clamp(max=0)


def ring(points: Tensor, centre: Point, radius: float, thickness: float) -> Tensor:
    """Distance to a ring that lies flat in x and y."""
    x, y, z = (points[i] - centre[i] for i in range(3))
    return (((x.square() + y.square()).sqrt() - radius).square() + z.square()).sqrt() - thickness


def sector_edge(points: Tensor, count: int, turn: float = 0.0) -> Tensor:
    """Distance to the nearest of `count` half planes that start on the z axis, like the walls between segments."""
    x, y = points[0], points[1]
    step = 2 * math.pi / count
    angle = torch.remainder(torch.atan2(y, x) + turn, step) - step / 2
    return (x.square() + y.square()).sqrt() * (step / 2 - angle.abs()).sin()
