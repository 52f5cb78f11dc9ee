"""What the painting functions get: the canvas, one lesion, its pattern, its centre and its cause."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from prima.simulate.anatomy.sites import site_mm
from prima.simulate.pathology.box import Box, Point, soft, turned
from prima.simulate.pathology.canvas import Canvas
from prima.simulate.pathology.pattern import Layer, Pattern
from prima.simulate.people.case import Lesion, Side


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """One lesion to be painted."""

    canvas: Canvas
    lesion: Lesion
    pattern: Pattern
    centre: Point
    cause: Lesion

    @property
    def radius(self) -> float:
        """Half the longest diameter in mm."""
        return self.lesion.size_mm / 2

    @property
    def fade(self) -> float:
        """How much of the full contrast shows: 1 for the most marked."""
        return 0.62 + 0.38 * self.lesion.degree

    def at(self, site: str, side: Side) -> Point:
        """A site in the head."""
        x, y, z = site_mm(site, side).tolist()
        return self.canvas.point((0.0 if side == "midline" else x, y, z))

    def body(self, *, radius: float | None = None, centre: Point | None = None, tag: str = "body",
             reach: float = 1.75) -> tuple[Box, Tensor]:  # fmt: skip
        """A box and, in it, the distance from the lesion's centre in parts of its radius; 1 is its warped outline."""
        radius = self.radius if radius is None else radius
        middle = self.centre if centre is None else centre
        box = self.canvas.box(middle, reach * radius + 4)
        key = (self.lesion.seed, tag)
        axes = turned((*key, "turn"), at_random=self.pattern.turned)
        x, y, z = (values - at for values, at in zip((box.x, box.y, box.z), middle, strict=True))
        total = torch.zeros(box.shape, device=x.device)
        for row, part in zip(axes, self.pattern.radii, strict=True):
            along = x * float(row[0]) + y * float(row[1]) + z * float(row[2])
            total = total + (along / (radius * part)) ** 2
        lobes = box.noise(middle, reach * radius + 8, max(0.8 * radius, 3.0), *key, "lobes")
        inside = total.sqrt_() * (1 + self.pattern.lobed * lobes.clamp(-1.5, 1.5))
        beyond = box.distance(middle) / radius - (reach - 0.2)
        return box, inside + 6 * beyond.clamp(min=0)  # no border of the box is seen

    def layers(self, box: Box, inside: Tensor, layers: tuple[Layer, ...], *, radius: float | None = None,
               tag: str = "") -> None:  # fmt: skip
        """Paint layers on a warped distance."""
        radius = self.radius if radius is None else radius
        for index, layer in enumerate(layers):
            key = (self.lesion.seed, tag, index)
            warped = inside
            if layer.ragged:
                warped = inside + layer.ragged * 0.6 * box.noise(
                    self.centre, 1.5 * radius + 10, max(0.3 * radius, 2.5), *key, "ragged"
                ).clamp(-1.8, 1.8)
            edge = layer.edge_mm / max(radius, 1.0)
            share = soft(layer.outer - warped, edge)
            if layer.inner > 0:
                share = share * soft(warped - layer.inner, edge)
            if layer.speckle is not None:
                share = share * self.speckles(box, radius, layer.speckle, *key)
            if layer.within is not None:
                share = share * self.region(layer.within, box)
            grain = box.noise(self.centre, 1.5 * radius + 10, max(0.2 * radius, 2.2), *key, "grain")
            share = share * (1 - 0.16 * soft(grain - 0.3, 2.4))  # nothing is even inside
            self.canvas.paint(box, share * layer.share * self.fade, layer.material)

    def region(self, name: str, box: Box) -> Tensor:
        """[z, y, x] 0 to 1: where a layer may be; the sella and the ear canal lie outside the brain."""
        if name == "inside" and (self.lesion.site == "sella" or self.pattern.form in ("adenoma", "schwannoma")):
            return torch.ones(box.shape, device=box.x.device)
        return self.canvas.region(name, box).clamp(0, 1)

    def speckles(self, box: Box, radius: float, speckle: tuple[float, float], *key: int | str) -> Tensor:
        """[z, y, x] patches of a wavelength that fill a share of the volume."""
        wavelength, share = speckle
        field = box.noise(self.centre, 1.5 * radius + 10, wavelength * 0.6, *key, "speckle")
        level = float(torch.special.ndtri(torch.tensor(1.0 - share)))
        return soft(field - level, 0.7)

    def mask(self, box: Box, values: Tensor) -> Tensor:
        """The truth: a box's voxels on the whole grid."""
        return self.canvas.mask(box, values)


Form = Callable[[Job], Tensor]
"""Paints a lesion and gives its mask [z, y, x] bool."""
