"""A thing in the scanner that is no head: solids of materials in their own frame, and how they lie.

The frame of a scene is LPS in mm about its own middle; later parts cover earlier ones. How the thing lies (turned,
shifted, bent) is drawn for each study.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from prima.simulate.geometry.grid import Grid
from prima.simulate.geometry.solids import Point, ellipsoid, rod
from prima.simulate.negatives.materials import MATERIAL, varied
from prima.simulate.negatives.solids import block, drum, ring
from prima.simulate.scanner.tissues import Tissue

Distance = Callable[[Tensor], Tensor]


@dataclass(frozen=True, kw_only=True, eq=False)
class Solid:
    """A solid of one material: signed distance in mm at points [3, …], and a ball (centre, reach) that holds it."""

    material: Tissue
    distance: Distance
    centre: Point
    reach: float


@dataclass(kw_only=True, eq=False)
class Scene:
    """Solids in the order in which they are painted.

    Args:
        half_mm: half of the size of what is worth scanning, along (x, y, z).
        random: from which materials are varied.
        turn_deg: how far the thing may be turned about each axis.
        bend_mm: how far its shape may depart from the ideal.
        grain: mottle of its materials, as a share of their signal.
    """

    half_mm: Point
    random: np.random.Generator
    turn_deg: float = 6.0
    bend_mm: float = 3.0
    grain: float = 0.04
    parts: list[Solid] = field(default_factory=list)
    _made: dict[str, Tissue] = field(default_factory=dict)

    def material(self, name: str) -> Tissue:
        """A material as it is in this study."""
        if name not in self._made:
            fixed = name in {"air", "plastic"}
            self._made[name] = MATERIAL[name] if fixed else varied(name, self.random)
        return self._made[name]

    def add(self, material: str | Tissue, distance: Distance, centre: Point, reach: float) -> None:
        """Paint a solid."""
        tissue = self.material(material) if isinstance(material, str) else material
        self.parts.append(Solid(material=tissue, distance=distance, centre=centre, reach=reach))

    def ball(self, material: str, centre: Point, radii: Point) -> None:
        """Paint an ellipsoid."""
        self.add(material, lambda points: ellipsoid(points, centre, radii), centre, max(radii))

    def rod(self, material: str, start: Point, end: Point, radius: float, end_radius: float | None = None) -> None:
        """Paint a rod with round ends."""
        middle = _between(start, end)
        reach = float(np.linalg.norm(np.subtract(end, start))) / 2 + max(radius, end_radius or 0.0)
        self.add(material, lambda points: rod(points, start, end, radius, end_radius), middle, reach)

    def tube(self, material: str, course: Sequence[Point], radius: float, end_radius: float | None = None) -> None:
        """Paint a chain of rods that narrows evenly; one by one, since the box around all of them is mostly empty."""
        last, count = radius if end_radius is None else end_radius, len(course) - 1
        widths = [radius + (last - radius) * index / count for index in range(count + 1)]
        for index in range(count):
            self.rod(material, course[index], course[index + 1], widths[index], widths[index + 1])

    def drum(self, material: str | Tissue, centre: Point, radius: float, half_length: float) -> None:
        """Paint a cylinder with flat ends, upright."""
        reach = float(np.hypot(radius, half_length))
        self.add(material, lambda points: drum(points, centre, radius, half_length), centre, reach)

    def block(self, material: str, centre: Point, half: Point, rounding: float = 0.0) -> None:
        """Paint a block."""
        reach = float(np.linalg.norm(half))
        self.add(material, lambda points: block(points, centre, half, rounding), centre, reach)

    def ring(self, material: str, centre: Point, radius: float, thickness: float) -> None:
        """Paint a flat ring."""
        self.add(material, lambda points: ring(points, centre, radius, thickness), centre, radius + thickness)

    def bone(
        self, start: Point, end: Point, radius: float, end_radius: float | None = None, *, rind: float = 2
    ) -> None:
        """Paint a long bone: a dark shell around marrow."""
        last = radius if end_radius is None else end_radius
        self.rod("bone", start, end, radius + rind, last + rind)
        self.rod("marrow_fat", start, end, radius, last)

    def knob(self, centre: Point, radii: Point, *, rind: float = 1.5, marrow: str = "marrow_fat") -> None:
        """Paint the rounded end of a bone or a small bone."""
        a, b, c = radii
        self.ball("bone", centre, (a + rind, b + rind, c + rind))
        self.ball(marrow, centre, radii)


@dataclass(frozen=True, kw_only=True, eq=False)
class Pose:
    """How a scene lies: a turn [3, 3], a shift [3], and waves (direction, phase, push) that bend it."""

    turn: Tensor
    shift: Tensor
    waves: tuple[tuple[Tensor, float, Tensor], ...]

    @classmethod
    def drawn(cls, scene: Scene, random: np.random.Generator) -> Pose:
        """A pose within what the scene allows."""
        angles = np.deg2rad(random.uniform(-scene.turn_deg, scene.turn_deg, 3))
        turn = np.eye(3)
        for axis, angle in enumerate(angles):
            first, second = (part for part in range(3) if part != axis)
            step = np.eye(3)
            step[[first, second], [first, second]] = np.cos(angle)
            step[first, second], step[second, first] = -np.sin(angle), np.sin(angle)
            turn = turn @ step
        size = max(scene.half_mm)
        waves = []
        for _ in range(3):
            direction = random.normal(0, 1, 3)
            direction *= 2 * np.pi / (size * random.uniform(1.0, 2.2)) / np.linalg.norm(direction)
            push = random.normal(0, scene.bend_mm / 2, 3)
            waves.append((_floats(direction), float(random.uniform(0, 2 * np.pi)), _floats(push)))
        return cls(turn=_floats(turn), shift=_floats(random.normal(0, 5, 3)), waves=tuple(waves))

    def place(self, centre: Point) -> Tensor:
        """About where a point of the scene lies in the scanner."""
        return self.turn @ torch.tensor(centre, dtype=torch.float32) + self.shift

    def pull_back(self, points: Tensor) -> Tensor:
        """Points [3, …] of the scanner in the scene's own frame."""
        flat = self.turn.T @ (points.reshape(3, -1) - self.shift[:, None])
        bend = torch.zeros_like(flat)
        for direction, phase, push in self.waves:
            bend += push[:, None] * torch.sin(direction @ flat + phase)
        return (flat + bend).reshape(points.shape)


def render(scene: Scene, pose: Pose, grid: Grid, values: dict[str, list[float]]) -> Tensor:
    """[S, z, y, x] signed signal of a scene in S contrasts; `values` has S numbers for each material by name."""
    count = len(next(iter(values.values())))
    images = torch.zeros((count, *grid.shape))
    points = pose.pull_back(grid.points())
    for part in scene.parts:
        box = grid.box_around(pose.place(part.centre), part.reach + 2 * scene.bend_mm + 2 * grid.spacing_mm)
        distance = part.distance(points[(slice(None), *box)])
        share = (0.5 - distance / grid.spacing_mm).clamp_(0, 1)
        for image, value in zip(images, values[part.material.name], strict=True):
            view = image[box]
            view += share * (value - view)
    return images.mul_(_mottle(scene, grid))


def _mottle(scene: Scene, grid: Grid) -> Tensor:
    """[z, y, x] about 1: unevenness of some millimetres and of some centimetres, as tissue and flesh have it."""
    total = torch.ones(grid.shape)
    if not scene.grain:
        return total
    for wavelength_mm, strength in ((5.0, 1.0), (22.0, 1.5)):
        counts = [max(2, int(size * grid.spacing_mm / wavelength_mm)) for size in grid.shape]
        noise = torch.from_numpy(scene.random.standard_normal((1, 1, *counts), dtype=np.float32))
        smooth = torch.nn.functional.interpolate(noise, size=grid.shape, mode="trilinear", align_corners=True)
        total += scene.grain * strength * smooth[0, 0]
    return total.clamp_(0.2)


def grid_of(scene: Scene, pose: Pose) -> Grid:
    """A grid of some four million voxels at most around the thing, finer for small things; trunks are cut off."""
    reach = pose.turn.abs() @ torch.tensor(scene.half_mm, dtype=torch.float32)
    half = [float(reach[axis]) * 1.12 + 12 for axis in (2, 1, 0)]
    spacing = float(np.clip((8 * half[0] * half[1] * half[2] / 3e6) ** (1 / 3), 0.7, 2.6))
    size = [2 * int(part / spacing) + 1 for part in half]
    middle = pose.shift.tolist()[::-1]
    origin = [centre - (num_voxels - 1) / 2 * spacing for centre, num_voxels in zip(middle, size, strict=True)]
    return Grid(shape=(size[0], size[1], size[2]), spacing_mm=spacing, origin_mm=(origin[0], origin[1], origin[2]))


def _floats(values: object) -> Tensor:
    return torch.tensor(np.asarray(values), dtype=torch.float32)


def _between(start: Point, end: Point) -> Point:
    return ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2, (start[2] + end[2]) / 2)
