"""Ventricles of any size: a pull-back that moves their walls, in template space.

The wall moves along the gradient of the distance to it: inside, the ventricle is stretched; outside, the movement
fades. How far walls must move for a volume is measured once, on the template itself.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from prima.simulate.anatomy.template import Template
from prima.simulate.geometry.lattice import NODE_MM, Lattice

_DEPTH_MM = 3.5
_MOVEMENTS_MM = (-1.8, -1.2, -0.6, 0.0, 1.0, 2.0, 3.5, 5.0, 7.0, 10.0, 14.0, 18.0)


def widen(points: Tensor, template: Template, factor: float) -> Tensor:
    """Template points [3, …] such that the ventricles have a factor of their volume."""
    volumes = _volumes(template)
    amount = float(np.interp(factor, [volume / volumes[3] for volume in volumes], _MOVEMENTS_MM))
    return _move_walls(points, template, amount) if abs(amount) > 0.02 else points


def _move_walls(points: Tensor, template: Template, amount: float) -> Tensor:
    reach = max(26.0, 2.6 * abs(amount))
    field = template.ventricle_lattice.at(_surface(template), points)
    slope, distance = field[:3], field[3]
    slope = slope / slope.square().sum(0).sqrt().clamp(min=0.35)
    within = amount * ((distance + _DEPTH_MM) / (amount + _DEPTH_MM)).clamp(0, 1)
    outside = amount * (1 - (distance - amount) / reach).clamp(0, 1).square()
    return points - slope * torch.where(distance < amount, within, outside)


@lru_cache(maxsize=4)
def _surface(template: Template) -> Tensor:
    """[4, d, h, w] gradient (x, y, z) of the distance to the ventricles, smoothed a little, and the distance."""
    field = torch.nn.functional.avg_pool3d(template.ventricle[None], 3, stride=1, padding=1, count_include_pad=False)
    z, y, x = torch.gradient(field[0, 0], spacing=template.ventricle_lattice.node_mm)
    return torch.stack((x, y, z, template.ventricle[0]))


@lru_cache(maxsize=4)
def _volumes(template: Template) -> tuple[float, ...]:
    """Volume of the ventricles, in nodes, after each of the movements, through a map as coarse as a head's."""
    coarse = Lattice(shape=(37, 58, 42), node_mm=NODE_MM, origin_mm=(-72.0, -96.0, -82.0))
    fine = Lattice(shape=(74, 115, 83), node_mm=2.0, origin_mm=(-72.0, -96.0, -82.0))
    volumes = []
    for amount in _MOVEMENTS_MM:
        points = coarse.points().to(template.ventricle.device)
        if amount:
            points = _move_walls(points, template, amount)
        distance = template.ventricle_lattice.at(template.ventricle, coarse.on_lattice(points, fine))
        volumes.append(float((0.5 - distance / 2).clamp(0, 1).sum()))
    return tuple(np.maximum.accumulate(volumes))
