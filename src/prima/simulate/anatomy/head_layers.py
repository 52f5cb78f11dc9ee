"""From the deformed surfaces to tissue: brain and CSF inside the skull, skull and soft tissue around it.

Worked off in slabs of a few slices, which stay in the processor's cache.

The template's cortex is an average of many, smooth where people differ. Two things make it one person's: noise decides
in the zones where the average is undecided, and sulci of the person's own run between gyri (`folds`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from prima.simulate.anatomy.folds import distance_to_sulcus, where_folded
from prima.simulate.anatomy.head import Head
from prima.simulate.anatomy.shape import Shape
from prima.simulate.anatomy.template import Template
from prima.simulate.anatomy.texture import Texture
from prima.simulate.geometry.fields import random_field, step
from prima.simulate.geometry.grid import Box
from prima.simulate.geometry.streams import stream
from prima.simulate.people.case import Case

_SLAB_VOXELS = 400_000


@dataclass(frozen=True, kw_only=True, eq=False)
class _Fields:
    """What the layers are made of, at nodes [d, h, w]; distances in mm."""

    inner: Tensor  # [3, …] template points
    cavity: Tensor  # to the inner table, negative inside
    skin: Tensor  # to the surface, negative inside
    skull: Tensor  # thickness
    fat: Tensor  # thickness
    flesh: Tensor  # noise: muscle or fat where neither is told
    open: Tensor  # threshold above which there is brain
    grain: Tensor  # noise that decides where the template is undecided
    folds: Tensor  # noise whose zero surfaces are sulci, upright
    depth: Tensor  # share in which such sulci exist
    ridge: Tensor  # share in which gyri decide what is grey and what white
    core: Tensor  # share of white above which a voxel is white

    def stack(self) -> Tensor:
        shells = (
            self.cavity,
            self.skin,
            self.skull,
            self.fat,
            self.flesh,
            self.open,
            self.grain,
            self.folds,
            self.depth,
            self.ridge,
            self.core,
        )
        return torch.cat((self.inner, torch.stack(shells)))


def fill(head: Head, case: Case, template: Template) -> None:
    """Write the fractions of everything that is layered: air, skin, fat, muscle, skull, CSF, grey and white matter.

    The template lies where the head does.
    """
    fields = _fields(head.shape, case).stack().to(head.device)
    texture = Texture(head.grid, stream(case.person.seed, "texture"), head.device)
    half = 0.5 / head.grid.spacing_mm
    for box, values in slabs(head, fields):
        points, (cavity, skin, skull, fat, flesh, threshold, grain, folds, depth, ridge, core) = (
            values[:3],
            values[3:].unbind(),
        )
        out = head.fractions[(slice(None), *box)]
        hollow = _soft(-cavity, half)
        fine = texture.slices(box[0])
        _shells(out, hollow, (cavity, skin, skull, fat, flesh + 0.7 * grain), fine, half)
        _brain(template, out, hollow, points, (threshold, grain, folds, depth, ridge, core, fine))


def _soft(distance: Tensor, half: float) -> Tensor:
    """The share of a voxel on the positive side of a border."""
    return (distance * (2 * half) + 0.5).clamp_(0, 1)


def _shells(out: Tensor, hollow: Tensor, layers: tuple[Tensor, ...], fine: Tensor, half: float) -> None:
    """Channels of `out` by number; the order is that of `TISSUE_NAMES`."""
    cavity, skin, skull, fat, flesh = layers
    inside = _soft(-skin, half)
    torch.sub(1, inside, out=out[9])
    solid = inside - hollow
    solid.clamp_(min=0)
    bone = _soft(skull - cavity, half) * solid
    soft = solid - bone
    diploe = (torch.minimum(cavity, skull - cavity) - 1.5).mul_(0.5)
    diploe.clamp_(0, 0.75).mul_((flesh * 0.2 + 0.42).clamp_(0.1, 1)).mul_(bone)
    torch.sub(bone, diploe, out=out[4])
    out[5].copy_(diploe)
    rind = _soft(skin + 1.7, half).mul_(soft)
    soft -= rind
    under = _soft(skin + 1.7 + fat, half).mul_((fine * 0.1 + 0.85).clamp_(0.5, 1)).mul_(soft)
    soft -= under
    streak = (0.5 - flesh.abs() * 0.7).add_(fine, alpha=0.1).clamp_(0.06, 0.36).mul_(soft)  # septa between muscles
    soft -= streak
    out[8].copy_(rind)
    torch.add(under, streak, out=out[6])
    out[7].copy_(soft)


def _brain(template: Template, out: Tensor, hollow: Tensor, points: Tensor, folding: tuple[Tensor, ...]) -> None:
    out[0].copy_(hollow)
    rows = torch.nonzero(hollow.amax((0, 2)) > 0).flatten()
    columns = torch.nonzero(hollow.amax((0, 1)) > 0).flatten()
    if not len(rows):
        return
    part = (slice(None), slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1))
    grey, white = template.tissue_lattice.at(template.tissue, points[(slice(None), *part)]).unbind()
    threshold, grain, folds, depth, gyri, core, fine = (field[part] for field in folding)
    fold = folds.abs()  # about mm to the nearest upright sulcus
    sulcus = (1.15 - fold + (threshold - 0.42) * 4.5).clamp_(0, 1).mul_(depth)
    brain = (grey + white - threshold + grain * 0.13).mul_(6.5).add_(0.5).clamp_(0, 1)
    brain *= 1 - sulcus * 0.88
    brain *= hollow[part]
    cortex = (1.9 - fold * 0.5).clamp_(0, 1).mul_(depth)
    ridge = (fold - 2.6).clamp_(-2, 3).mul_(0.13).mul_(gyri)
    matter = (white / (grey + white).clamp(min=0.02) - core + ridge + grain * 0.07).mul_(3.0).add_(0.5).clamp_(0, 1)
    matter *= 1 - cortex
    matter *= 0.92 - (fine + grain).mul_(0.065).clamp_(-0.08, 0.25)
    matter *= brain
    out[2][part] = matter
    out[1][part] = brain - matter
    vein = (fine * 0.6 - 0.55).clamp_(0, 0.5).mul_(sulcus).mul_(hollow[part] - brain)
    out[13][part] = vein
    out[0][part] -= brain + vein


def slabs(head: Head, fields: Tensor) -> Iterator[tuple[Box, Tensor]]:
    """Boxes of whole slices with the fields [C, z, y, x] in them."""
    lattice, grid = head.shape.lattice, head.grid
    depth, height, width = grid.shape
    y, x = (lattice.weights(axis, grid.axis(axis)).to(fields.device) for axis in (1, 2))
    rows = y @ (fields.reshape(-1, fields.shape[-1]) @ x.T).view(-1, fields.shape[-2], width)
    rows = rows.view(len(fields), -1, height * width)
    slices = max(1, _SLAB_VOXELS // (height * width))
    for start in range(0, depth, slices):
        box = (slice(start, min(start + slices, depth)), slice(0, height), slice(0, width))
        z = lattice.weights(0, grid.axis(0, box)).to(fields.device)
        near = torch.nonzero(z.sum(0) > 0).flatten()
        used = slice(int(near[0]), int(near[-1]) + 1)
        yield box, torch.matmul(z[:, used], rows[:, used]).view(len(fields), -1, height, width)


def _fields(shape: Shape, case: Case) -> _Fields:
    rng = stream(case.person.seed, "tissue")
    lattice, template, person = shape.lattice, shape.template, shape.person
    x, y, z = shape.outer
    cavity, skin = template.lattice.at(torch.cat((template.cavity, template.skin)), shape.outer)
    size = float(np.mean(person.scale))
    wide, mid = random_field(lattice, 3, 46.0, rng), random_field(lattice, 2, 15.0, rng)
    vault = step((z + 38) / 14)
    cavity = cavity * size + vault * (1.5 - 1.6 * shape.openness + 0.65 * wide[0])
    skin = skin * size + 1.0 * vault * (3.0 - person.fat_mm) * 0.6
    occiput = step((y - 40) / 40) * step((10 - z) / 40)
    skull = person.skull_mm * (
        1 + 0.16 * wide[1] + 0.25 * occiput - 0.45 * step((x.abs() - 50) / 14) * step((14 - z) / 30)
    )
    skull = skull * (1 - 0.45 * step((-20 - z) / 10) * step((20 - y) / 15))  # the floor of the fossae is thin
    nape = step((-50 - z) / 30) * step((y - 10) / 30)
    fat = person.fat_mm * (0.75 + 0.3 * wide[2] + 0.9 * nape + 0.5 * occiput).clamp(min=0.2)
    depth, ridge = where_folded(shape, cavity, stream(case.person.seed, "depth of sulci"))
    return _Fields(
        inner=shape.inner,
        cavity=cavity,
        skin=skin,
        skull=skull.clamp(min=1.8),
        fat=fat,
        flesh=mid[0] - 0.5 * vault,
        open=openness_of(shape),
        grain=random_field(lattice, 1, 8.5, rng)[0],
        folds=distance_to_sulcus(shape, rng),
        depth=depth,
        ridge=ridge,
        core=0.5 - 0.22 * step((-18 - shape.inner[2]) / 8) * step((shape.inner[1] - 38) / 8),
    )


def openness_of(shape: Shape) -> Tensor:
    """[d, h, w] share above which a voxel is brain: high where sulci are wide, low where a mass closes them."""
    x, y, z = shape.inner
    base = step((6 - z) / 10) * step((30 - x.abs()) / 10) * step((y + 24) / 10)
    openness = shape.openness + shape.cisterns * base
    for centre, reach, much in shape.effaced:
        far = (shape.body - centre.view(3, 1, 1, 1)).square().sum(0).sqrt()
        openness = openness - 0.9 * much * step(1.15 - far / reach)
    return (0.42 + 0.26 * openness).clamp(0.06, 0.80)
