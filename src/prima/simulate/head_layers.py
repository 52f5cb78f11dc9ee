"""From the deformed surfaces to tissue: brain and CSF inside the skull, skull and soft tissue around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from prima.simulate.head import Head


def shells(head: Head) -> None:
    """Fill skull, soft tissue, skin and air from the distances to cavity and skin."""
    shape, lattice, template = head.shape, head.shape.lattice, head.template
    surfaces = torch.cat((template.cavity, template.skin))
    cavity, skin = lattice.on_grid(template.lattice.at(surfaces, shape.outer), head.grid)
    spacing = head.grid.spacing_mm
    inside = (0.5 - skin / spacing).clamp(0, 1)
    hollow = (0.5 - cavity / spacing).clamp(0, 1)
    head.fraction("air")[:] = 1 - inside
    head.fraction("csf")[:] = hollow
    skull = (0.5 + (6.0 - cavity) / spacing).clamp(0, 1) - hollow
    head.fraction("bone")[:] = skull.clamp_(min=0)
    rest = (inside - hollow - skull).clamp_(min=0)
    rind = (0.5 + (skin + 2.0) / spacing).clamp(0, 1)
    head.fraction("skin")[:] = rest * rind
    head.fraction("fat")[:] = rest * (1 - rind)


def brain_tissue(head: Head) -> None:
    """Put grey and white matter where CSF fills the cavity."""
    box = head.grid.whole
    points = head.shape.lattice.on_grid(head.shape.inner, head.grid, box)
    tissue = head.template.tissue_lattice.at(head.template.tissue, points)
    hollow = head.fraction("csf")[box]
    brain = tissue.clamp(0, 1) * hollow
    head.fraction("gm")[box] = brain[0]
    head.fraction("wm")[box] = brain[1]
    hollow -= brain.sum(0).clamp(max=1) * hollow
