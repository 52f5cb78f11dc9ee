"""The shape of one head: which point of the template each point of the head comes from.

Three frames, all LPS mm. *Head*: the scanner's, in which the voxels lie. *Body*: the head without its pose; true mm,
and what lesions push in. *Template*: the average adult. A map is a pull-back: it takes a point of the later frame to
the earlier one, and is kept as a field on a coarse lattice.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from prima.simulate.case import Case, Side
from prima.simulate.lattice import Lattice
from prima.simulate.sites import site_mm
from prima.simulate.template import Template, load_template


@dataclass(kw_only=True, eq=False)
class Shape:
    """Collects what deforms the head, then answers where things are.

    Args:
        template: what is deformed.
        lattice: nodes in head space on which the maps are kept.
        openness: how wide the sulci stand, 0 the template's.
    """

    template: Template
    lattice: Lattice
    openness: float = 0.0
    outer: Tensor = field(default_factory=lambda: torch.empty(0))
    inner: Tensor = field(default_factory=lambda: torch.empty(0))

    @classmethod
    def of_case(cls, case: Case, *, spacing_mm: float, device: str = "cpu") -> Shape:
        """The shape of a case's person at that age, in the pose of that examination, before any lesion."""
        return cls(template=load_template(spacing_mm, device), lattice=Lattice.of_head())

    def freeze(self) -> None:
        """Compute the maps; nothing can be added afterwards."""
        points = self.lattice.points()
        self.outer = points  # skull, skin, face: lesions do not move them
        self.inner = points  # brain

    def at(self, site: str, side: Side = "midline") -> Tensor:
        """The point (x, y, z) of a site in body mm, for the hooks below."""
        return site_mm(site, side)

    def head_point(self, template_mm: Tensor) -> Tensor:
        """Where a point of the template came to lie in the head."""
        point = template_mm.clone()
        for _ in range(30):
            point = point + 0.8 * (template_mm - self.lattice.at(self.inner, point[:, None])[:, 0])
        return point

    def push(self, centre_mm: Tensor, radius_mm: float, amount_mm: float, reach_mm: float) -> None:
        """A mass of a radius displaces its border outwards by an amount; the effect ends at the reach."""

    def shift_midline(self, amount_mm: float, side: Side, reach_mm: float = 60.0) -> None:
        """Move the midline by an amount away from the side given."""

    def scale_region(self, name: str, factor: float) -> None:
        """Change the volume of "ventricles" and the width of "sulci" or "cisterns" by a factor."""

    def descend(self, name: str, amount_mm: float, side: Side = "both") -> None:
        """Let "tonsils", "uncus" or "brainstem" sink by an amount."""
