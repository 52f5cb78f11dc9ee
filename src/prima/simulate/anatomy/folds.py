"""The sulci of one person: upright sheets along the zero surfaces of a random field that does not change with depth.

The field has a band of wavelengths, so that sulci keep the distance that they have on a brain, 10 to 15 mm, and wander
over its surface like those. Under the skull it is read at the point of the surface above, at the falx at the falx.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from prima.simulate.anatomy.shape import Shape
from prima.simulate.anatomy.template import Template
from prima.simulate.geometry.fields import random_field, step
from prima.simulate.geometry.lattice import Lattice

_FINE = Lattice(shape=(88, 91, 68), node_mm=3.0, origin_mm=(-148.0, -130.0, -100.0))


def distance_to_sulcus(shape: Shape, rng: np.random.Generator) -> Tensor:
    """[d, h, w] about mm to the nearest sulcus at the nodes of the head; its sign tells the sides apart."""
    template, points = shape.template, shape.inner
    field = template.lattice.at(_outwards(template), points)
    normal = field[:3] / field[:3].square().sum(0).sqrt().clamp(min=0.3)
    up = points - normal * field[3].clamp(-30, 10) * 0.85
    medial = step((-field[3] - points[0].abs()) / 8)  # where the falx is nearer than the skull
    up[0] += (points[0].sign() * 12 - up[0]) * medial
    coarse = Lattice.of_head(6.0)
    up += 3.2 * coarse.at(random_field(coarse, 3, 15.0, rng), points)  # no sulcus is plane
    noise = random_field(_FINE, 1, 8.5, rng)
    noise = (noise - 0.9 * _mean(noise, 9))[0]
    slope = torch.stack(torch.gradient(noise, spacing=_FINE.node_mm)).square().sum(0).sqrt()
    return _FINE.at((noise / slope.clamp(min=0.07)).clamp(-12, 12)[None], up)[0]


def where_folded(shape: Shape, cavity: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Shares [d, h, w] in which sulci run, and in which gyri decide what is grey and what white.

    Sulci run on the convexity of the cerebrum, to 12 to 30 mm under the skull, and on the wall at the falx; gyri reach
    deeper, down to the nuclei.

    Args:
        shape: the head.
        cavity: mm to the inner table at the nodes, negative inside.
        rng: for how deep they are.
    """
    x, y, z = shape.inner
    ventricle = shape.template.ventricle_lattice.at(shape.template.ventricle, shape.inner)[0]
    coarse = Lattice.of_head(8.0)
    uneven = coarse.at(random_field(coarse, 1, 20.0, rng), shape.inner)[0].clamp(-2, 2)
    deep = 21 + 3.5 * uneven - 7 * step((-16 - z) / 10)
    outer = step((deep + cavity) / 7) * step((x.abs() - 3) / 6)
    medial = step((15 - x.abs()) / 6) * step((x.abs() - 0.5) / 2) * step((ventricle - 9) / 5) * 0.9
    cerebrum = torch.maximum(step((z + 20) / 10), step((z + 54) / 8) * step((30 - y) / 8))
    middle = ((x / 38).square() + ((y - 4) / 44).square() + ((z - 4) / 28).square()).sqrt()
    depth = torch.maximum(outer, medial) * cerebrum
    return depth, torch.maximum(depth, 0.8 * step((36 + cavity) / 8) * cerebrum * step((middle - 0.9) / 0.3))


@lru_cache(maxsize=4)
def _outwards(template: Template) -> Tensor:
    """[4, d, h, w] gradient (x, y, z) of the distance to the inner table, smoothed, and that distance."""
    cavity = _mean(template.cavity, 5)[0]
    z, y, x = torch.gradient(cavity, spacing=template.lattice.node_mm)
    return torch.stack((x, y, z, cavity))


def _mean(field: Tensor, size: int) -> Tensor:
    """[C, d, h, w] mean over a cube of nodes, axis by axis."""
    for axis in range(3):
        kernel = [size if array_axis == axis else 1 for array_axis in range(3)]
        padding = [extent // 2 for extent in kernel]
        field = torch.nn.functional.avg_pool3d(field[None], kernel, 1, padding, count_include_pad=False)[0]
    return field
