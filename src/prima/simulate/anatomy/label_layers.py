"""From a deformed label map to tissue: what `head_layers` does for the packaged template.

Each voxel asks the labels at eight points in it, so that borders are as soft as its size makes them. Soft tissue, which
label maps do not tell apart, becomes fat under the skin and muscle or fat below. Wide sulci lose brain where there is
little of it around; where a mass closes them, brain comes.
"""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

from prima.simulate.anatomy.head import TISSUE_NAMES, Head
from prima.simulate.anatomy.head_layers import openness_of, slabs
from prima.simulate.anatomy.template import LabelTissue
from prima.simulate.anatomy.texture import Texture
from prima.simulate.geometry.fields import random_field, step
from prima.simulate.geometry.streams import stream
from prima.simulate.people.case import Case

_SOFT = len(TISSUE_NAMES)
_TAKEN = 0.55
"""How much of the width of sulci, counted from the template's, is given to a real head, which has its own."""
_DEEP_MM = 3.0
"""So deep inside the skull nothing but what lies there is taken: a label beyond was reached by a displacement."""


def fill_from_labels(head: Head, case: Case, labels: LabelTissue) -> None:
    """Write the fractions of everything that the labels tell."""
    shape, person = head.shape, head.shape.person
    random = stream(case.person.seed, "tissue of labels")
    cavity, skin = shape.template.lattice.at(torch.cat((shape.template.cavity, shape.template.skin)), shape.outer)
    flesh = random_field(shape.lattice, 1, 15.0, random)[0]
    fat = person.fat_mm * (0.8 + 0.35 * random_field(shape.lattice, 1, 46.0, random)[0]).clamp(min=0.2)
    fields = torch.cat((shape.inner, shape.outer, torch.stack((cavity, skin, flesh, fat, openness_of(shape) - 0.42))))
    texture = Texture(head.grid, stream(case.person.seed, "texture"), head.device)
    mixtures, sulcal, intracranial = _tables(labels, head.device)
    step_mm = [0.25 * head.grid.spacing_mm / scale for scale in person.scale]
    for box, values in slabs(head, fields.to(head.device)):
        inner, outer, (cavity, skin, flesh, fat, wider) = values[:3], values[3:6], values[6:].unbind()
        points = torch.where(cavity < 0, inner, outer)
        shares = _shares(labels, points, step_mm, len(mixtures))
        astray = (cavity < -_DEEP_MM) * shares[~intracranial].sum(0)
        shares[~intracranial] *= (cavity >= -_DEEP_MM).float()
        shares[sulcal] += astray
        tissue = torch.einsum("mk,mzyx->kzyx", mixtures, shares)
        _soft_tissue(tissue, skin, flesh, fat, texture.slices(box[0]))
        near = labels.brain_lattice.at(labels.brain, points)[0]
        _sulci(tissue, shares[sulcal], near, _TAKEN * wider)
        head.fractions[(slice(None), *box)] = tissue[:_SOFT]


def _tables(labels: LabelTissue, device: torch.device) -> tuple[Tensor, int, Tensor]:
    """[M, K + 1] fractions of each material, which of them is fluid in sulci, and [M] which lie inside the skull."""
    names = [*TISSUE_NAMES, "soft"]
    mixtures = torch.zeros(len(labels.materials), len(names))
    for row, (tissue, share, rest, _) in enumerate(labels.materials):
        mixtures[row, names.index(tissue)] += share
        mixtures[row, names.index(rest or tissue)] += 1 - share
    sulcal = next(row for row, (name, _, _, inside) in enumerate(labels.materials) if (name, inside) == ("csf", "yes"))
    inside = torch.tensor([place != "no" or name == "venous_blood" for name, _, _, place in labels.materials])
    return mixtures.to(device), sulcal, inside.to(device)


def _shares(labels: LabelTissue, points: Tensor, step_mm: list[float], num_materials: int) -> Tensor:
    """[M, z, y, x] share of each material in each voxel; points [3, z, y, x] of template space."""
    codes, lattice = labels.codes.to(points.device).flatten(), labels.lattice
    size = lattice.shape
    counts = torch.zeros((num_materials, points[0].numel()), device=points.device)
    eighth = torch.full((1, points[0].numel()), 0.125, device=points.device)
    for signs in product((-1, 1), repeat=3):
        index = None
        for axis in (2, 1, 0):  # z, y, x of the codes are rows 2, 1, 0 of the points
            array_axis = 2 - axis
            at = (points[axis] + signs[axis] * step_mm[axis] - lattice.origin_mm[array_axis]).round().long()
            at = at.clamp(0, size[array_axis] - 1)
            index = at if index is None else index * size[array_axis] + at
        counts.scatter_add_(0, codes[index.flatten()].long()[None], eighth)  # type: ignore[union-attr]
    return counts.view(num_materials, *points.shape[1:])


def _soft_tissue(tissue: Tensor, skin: Tensor, flesh: Tensor, fat: Tensor, fine: Tensor) -> None:
    """Fat under the skin, then muscle with streaks of fat."""
    soft = tissue[_SOFT]
    under = step((fat + skin + 2.5) / 2.5)  # 1 near the skin
    share = torch.maximum(under * 0.9, step(flesh * 0.55 + 0.12 * fine + 0.28) * 0.85)
    tissue[TISSUE_NAMES.index("fat")] += soft * share
    tissue[TISSUE_NAMES.index("muscle")] += soft * (1 - share)


def _sulci(tissue: Tensor, fluid: Tensor, near: Tensor, wider: Tensor) -> None:
    """Move the border of brain and fluid in sulci: `wider` 0 leaves it, more than 0 takes brain away."""
    grey, white, csf = (TISSUE_NAMES.index(name) for name in ("gm", "wm", "csf"))
    lost = ((0.5 + wider - near) * 4 + 0.5).clamp(0, 1) * (wider.clamp(0, 0.1) * 10)
    taken = (tissue[grey] + tissue[white]) * lost
    for channel in (grey, white):
        tissue[channel] *= 1 - lost
    won = ((near - 0.5 - wider) * 4 + 0.5).clamp(0, 1) * ((-wider).clamp(0, 0.1) * 10)
    given = torch.minimum(fluid, tissue[csf]) * won
    tissue[csf] += taken - given
    tissue[grey] += given
