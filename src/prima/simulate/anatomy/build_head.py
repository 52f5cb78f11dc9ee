"""The head of a person: deformed layers, then structures drawn as solids into them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from prima.simulate.anatomy import structures_face, structures_inside
from prima.simulate.anatomy.anatomies import Anatomies
from prima.simulate.anatomy.head import TISSUE_NAMES, Head
from prima.simulate.anatomy.head_layers import fill
from prima.simulate.anatomy.label_layers import fill_from_labels
from prima.simulate.anatomy.shape import Shape
from prima.simulate.anatomy.template import load_template
from prima.simulate.geometry.grid import Grid
from prima.simulate.geometry.streams import stream
from prima.simulate.people.case import Case

_FAMILIES = (
    structures_face.neck,
    structures_face.base,
    structures_face.sinuses,
    structures_face.orbits,
    structures_inside.nuclei,
    structures_inside.midline,
    structures_inside.dura,
    structures_inside.arteries,
    structures_inside.veins,
)
"""Solids in template space, drawn after the layers: each takes the place of what is there."""
_BESIDE_LABELS = (structures_inside.sella, structures_inside.plexus, structures_inside.dura, structures_inside.arteries)
"""What label maps do not have."""


def build_head(
    case: Case,
    *,
    spacing_mm: float,
    device: str = "cpu",
    shape_hooks: Sequence[Callable[[Shape], None]] = (),
    anatomies: Anatomies | None = None,
) -> Head:
    """The head of a case without its lesions: the same case, spacing and hooks give the same voxels.

    Args:
        case: person, age and seeds are read.
        spacing_mm: of the grid.
        device: where the voxels shall be.
        shape_hooks: what lesions do to the shape; called before anything is warped.
        anatomies: real heads of which most people are made; None makes everyone of the packaged template.
    """
    choice = anatomies.choice(case) if anatomies is not None else None
    shape = Shape.of_case(case, spacing_mm=spacing_mm, choice=choice)
    for hook in shape_hooks:
        hook(shape)
    shape.freeze()
    grid = Grid.of_head(spacing_mm)
    size = (len(TISSUE_NAMES), *grid.shape)
    on_cpu = device == "cpu"  # where memory is taken when it is first written
    fractions = torch.from_numpy(np.zeros(size, np.float32)) if on_cpu else torch.zeros(size, device=device)
    head = Head(grid=grid, fractions=fractions, shape=shape, age_years=case.age_years, sex=case.person.sex)
    labels = shape.template.labels
    if labels is None:
        fill(head, case, load_template(spacing_mm, device))
    else:
        fill_from_labels(head, case, labels)
    for family in _FAMILIES if labels is None else _BESIDE_LABELS:  # each from a random stream of the person's own
        family(head, stream(case.person.seed, "structures", family.__name__))
    return head
