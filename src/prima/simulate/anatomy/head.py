"""A head: tissue fractions on a grid, and where things lie in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from prima.simulate.anatomy.shape import Shape
from prima.simulate.anatomy.sites import site_mm
from prima.simulate.anatomy.template import Template
from prima.simulate.geometry.grid import Box, Grid
from prima.simulate.people.case import Side

TISSUE_NAMES: tuple[str, ...] = (
    "csf",
    "gm",
    "wm",
    "deep_gm",
    "bone",
    "marrow_fat",
    "fat",
    "muscle",
    "skin",
    "air",
    "vitreous",
    "lens",
    "arterial_blood",
    "venous_blood",
    "dura",
    "pituitary",
    "choroid",
    "nasal_mucosa",
)
"""The normal tissues, in the order of the channels of a head."""


class NamedTissue(Protocol):
    """What can be painted: anything with a name (`prima.simulate.scanner.tissues.Tissue`)."""

    @property
    def name(self) -> str: ...


@dataclass(kw_only=True, eq=False)
class Painted:
    """A tissue that is not among the normal ones: what it is, where, and its fraction [z, y, x] in the box."""

    tissue: NamedTissue
    box: Box
    fraction: Tensor


@dataclass(kw_only=True, eq=False)
class Head:
    """Deformed anatomy.

    Args:
        grid: where the voxels lie.
        fractions: [K, z, y, x] of the normal tissues in the order of `TISSUE_NAMES`; with `painted` they add up to 1.
        painted: tissues of lesions, in the order in which they were painted.
        shape: the deformation.
        age_years: age at the scan.
        sex: of the person.
    """

    grid: Grid
    fractions: Tensor
    shape: Shape
    age_years: float
    sex: str
    painted: list[Painted] = field(default_factory=list)

    @property
    def device(self) -> torch.device:
        """Where the voxels are."""
        return self.fractions.device

    @property
    def template(self) -> Template:
        """The template it was made of, in the memory of the CPU."""
        return self.shape.template

    def fraction(self, tissue: str) -> Tensor:
        """[z, y, x] of one normal tissue, a view."""
        return self.fractions[TISSUE_NAMES.index(tissue)]

    def at(self, site: str, side: Side) -> Tensor:
        """The point (x, y, z) in LPS mm of this head where a named site lies."""
        return self.shape.head_point(site_mm(site, side))

    def distance(self, site: str | Tensor, side: Side = "midline", box: Box | None = None) -> Tensor:
        """[z, y, x] mm from a site, or from a point (x, y, z), at the voxels of a box or of the whole grid."""
        centre = (self.at(site, side) if isinstance(site, str) else site).cpu()
        z, y, x = ((self.grid.axis(axis, box) - centre[2 - axis]).square_() for axis in range(3))
        return (z[:, None, None] + y[:, None] + x).sqrt_().to(self.device)

    def paint(self, fraction: Tensor | tuple[Box, Tensor], tissue: NamedTissue) -> None:
        """Put a tissue where its fraction (0..1) says; what was there gives way in proportion.

        Args:
            fraction: [z, y, x] of the whole grid, or a box with the fractions inside it.
            tissue: one of the normal tissues by its name, or a lesion's own.
        """
        box, inside = fraction if isinstance(fraction, tuple) else (self.grid.whole, fraction)
        inside = inside.to(self.fractions).clamp(0, 1)
        self.fractions[(slice(None), *box)] *= 1 - inside
        for earlier in self.painted:
            shared = _overlap(box, earlier.box)
            if shared is not None:
                earlier.fraction[_within(shared, earlier.box)] *= 1 - inside[_within(shared, box)]
        if tissue.name in TISSUE_NAMES:
            self.fraction(tissue.name)[box] += inside
        else:
            self.painted.append(Painted(tissue=tissue, box=box, fraction=inside.clone()))


def _overlap(first: Box, second: Box) -> Box | None:
    parts = [slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(first, second, strict=True)]
    return None if any(part.stop <= part.start for part in parts) else (parts[0], parts[1], parts[2])


def _within(part: Box, box: Box) -> Box:
    moved = [slice(p.start - b.start, p.stop - b.start) for p, b in zip(part, box, strict=True)]
    return (moved[0], moved[1], moved[2])
