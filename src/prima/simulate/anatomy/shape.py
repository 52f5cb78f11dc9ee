"""The shape of one head: which point of the template each point of the head comes from.

Three frames, all LPS mm. *Head*: the scanner's, in which the voxels lie. *Body*: the head without its pose; true mm,
and what lesions push in. *Template*: the average adult. A map is a pull-back: it takes a point of the later frame to
the earlier one, and is kept as a field on a coarse lattice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from prima.simulate.anatomy import shape_hooks
from prima.simulate.anatomy.anatomies import Choice, towards
from prima.simulate.anatomy.person_shape import PersonShape, individual, person_shape, pose_back, unscale
from prima.simulate.anatomy.sites import site_mm
from prima.simulate.anatomy.template import Template, load_template
from prima.simulate.anatomy.ventricles import widen
from prima.simulate.geometry.lattice import Lattice
from prima.simulate.people.case import Case, Side

Hook = Callable[[Tensor], Tensor]


@dataclass(kw_only=True, eq=False)
class Shape:
    """Collects what deforms the head, then answers where things are. Works on the CPU.

    Args:
        template: what is deformed.
        lattice: nodes in head space on which the maps are kept.
        person: numbers of the person.
        displacement: [3, d, h, w] of the person against the template, at nodes in the template's size.
        ventricles: volume of the ventricles against the template's.
        openness: how much wider than the template's the sulci stand.
        cisterns: the same for the cisterns of the base, on top.
        effaced: (centre in body mm, reach in mm, how much) where a mass closes the sulci.
        hooks: displacements in body mm, each with whether the skull holds it.
        outer: [3, d, h, w] template points of skull, skin and face, which lesions do not move; after `freeze`.
        inner: [3, d, h, w] template points of what lies inside the skull; after `freeze`.
        body: [3, d, h, w] body points; after `freeze`.
    """

    template: Template
    lattice: Lattice
    person: PersonShape
    displacement: Tensor
    ventricles: float
    openness: float
    cisterns: float = 0.0
    posterior_fossa: float = 1.0
    effaced: list[tuple[Tensor, float, float]] = field(default_factory=list)
    hooks: list[tuple[Hook, bool]] = field(default_factory=list)
    outer: Tensor = field(default_factory=lambda: torch.empty(0))
    inner: Tensor = field(default_factory=lambda: torch.empty(0))
    body: Tensor = field(default_factory=lambda: torch.empty(0))

    @classmethod
    def of_case(cls, case: Case, *, spacing_mm: float, choice: Choice | None = None) -> Shape:
        """The shape of a case's person at that age, in the pose of that examination, before any lesion.

        Args:
            case: person and age are read.
            spacing_mm: of the grid that it will be read at.
            choice: the real head that it is made of; None is the packaged template.
        """
        lattice, person = Lattice.of_head(), person_shape(case)
        shape = cls(
            template=load_template(spacing_mm),
            lattice=lattice,
            person=person,
            displacement=individual(case, lattice),
            ventricles=person.ventricles,
            openness=person.openness,
        )
        if choice is not None:
            shape.template = choice.anatomy.template()
            shape.displacement = shape.displacement + towards(choice, lattice)
            shape.ventricles *= choice.own_ventricles
        return shape

    def freeze(self) -> None:
        """Compute the maps; what is asked for afterwards has no effect."""
        self.body = pose_back(self.lattice.points(), self.person)
        self.outer = self._to_template(self.body)
        if not self.hooks:
            self.inner = widen(self.outer, self.template, self.ventricles)
            return
        lock = shape_hooks.lock(self.template.lattice.at(self.template.cavity, self.outer)[0])
        moved = self.body
        for hook, held in reversed(self.hooks):
            pulled = hook(moved)
            moved = moved + (pulled - moved) * lock if held else pulled
        self.inner = widen(self._to_template(moved), self.template, self.ventricles)

    def _to_template(self, body: Tensor) -> Tensor:
        points = unscale(body, self.person)
        return points + self.lattice.at(self.displacement, points)

    def at(self, site: str, side: Side = "midline") -> Tensor:
        """The point (x, y, z) of a site in body mm, for the hooks below, before any of them acts."""

        def pull_back(points: Tensor) -> Tensor:
            return widen(self._to_template(points), self.template, self.ventricles)

        return _solve(pull_back, site_mm(site, side))

    def head_point(self, template_mm: Tensor) -> Tensor:
        """Where a point of the template came to lie in the head."""
        return _solve(lambda points: self.lattice.at(self.inner, points), template_mm)

    def push(self, centre_mm: Tensor, radius_mm: float, amount_mm: float, reach_mm: float) -> None:
        """A mass of a radius displaces its border outwards by an amount; the effect ends so far beyond its border.

        Sulci within reach are closed. Centres are in body mm (`at`).
        """
        self.hooks.append((shape_hooks.push(centre_mm, radius_mm, amount_mm, reach_mm), True))
        self.effaced.append((centre_mm, radius_mm + reach_mm, min(1.0, amount_mm / 6)))

    def shift_midline(self, amount_mm: float, side: Side, reach_mm: float = 60.0) -> None:
        """Move the midline at the septum by an amount, away from the side given; the effect ends at the reach."""
        self.hooks.append((shape_hooks.shift(self.at("septum_pellucidum"), amount_mm, side, reach_mm), True))

    def scale_region(self, name: str, factor: float) -> None:
        """Change the volume of "ventricles" or "posterior_fossa", or the width of "sulci" or "cisterns", by a factor.

        Raises:
            ValueError: the region is none of these.
        """
        if name == "ventricles":
            self.ventricles *= factor
        elif name == "sulci":
            self.openness += 0.6 * (factor - 1)
        elif name == "cisterns":
            self.cisterns += 0.6 * (factor - 1)
        elif name in shape_hooks.SCALED:
            site, radius_mm = shape_hooks.SCALED[name]
            self.hooks.append((shape_hooks.swell(self.at(site), radius_mm, factor), True))
        else:
            known = ("ventricles", "sulci", "cisterns", *shape_hooks.SCALED)
            raise ValueError(f"region: found {name!r}, expected one of {', '.join(known)}")

    def descend(self, name: str, amount_mm: float, side: Side = "both") -> None:
        """Let "tonsils", "uncus" (towards the midline, too) or "brainstem" sink by an amount.

        Raises:
            ValueError: nothing of that name sinks.
        """
        if name not in shape_hooks.SINKS:
            raise ValueError(f"name: found {name!r}, expected one of {', '.join(shape_hooks.SINKS)}")
        site, radius_mm, inwards = shape_hooks.SINKS[name]
        sides: tuple[Side, ...] = ("left", "right") if side in ("both", "midline") and name != "brainstem" else (side,)
        centres = [self.at(site, each_side) for each_side in sides]
        self.hooks.append((shape_hooks.sink(centres, radius_mm, amount_mm, inwards), False))


def _solve(pull_back: Callable[[Tensor], Tensor], target: Tensor) -> Tensor:
    """The point that a pull-back takes to the target, by damped fixed-point iteration, to 0.01 mm."""
    point = target.clone()
    for _ in range(60):
        miss = target - pull_back(point[:, None])[:, 0]
        point = point + 0.7 * miss
        if float(miss.abs().max()) < 0.01:
            break
    return point
