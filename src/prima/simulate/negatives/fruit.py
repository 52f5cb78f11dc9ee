"""Fruit, on which protocols are tried out: segments, cores, seeds and rinds."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from prima.simulate.geometry.solids import Point, ellipsoid
from prima.simulate.negatives.scene import Scene
from prima.simulate.negatives.solids import sector_edge


def _round(random: np.random.Generator, radii: tuple[float, float], height: tuple[float, float]) -> Scene:
    """A fruit of a radius and of a height relative to it, that may lie in any direction."""
    radius = float(random.uniform(*radii))
    tall = radius * float(random.uniform(*height))
    return Scene(half_mm=(radius, radius, tall), random=random, turn_deg=35, bend_mm=0.04 * radius, grain=0.06)


def _skin(scene: Scene, material: str, inset: float) -> Point:
    """Paint the whole fruit `inset` mm under its surface; its radii there."""
    x, y, z = (half - inset for half in scene.half_mm)
    scene.ball(material, (0, 0, 0), (x, y, z))
    return x, y, z


def orange(random: np.random.Generator) -> Scene:
    """Rind, white pith, about ten segments with membranes, sometimes seeds: orange, lemon or grapefruit."""
    scene = _round(random, (28, 62), (0.9, 1.25))
    _skin(scene, "rind", 0)
    _skin(scene, "pith", 2.0)
    core = float(random.uniform(3, 6))
    inner = _skin(scene, "membrane", float(random.uniform(3, 8)))
    count, wall = int(random.integers(8, 13)), float(random.uniform(0.8, 1.5))

    def segments(points: Tensor) -> Tensor:
        axis = core - (points[0].square() + points[1].square()).sqrt()
        outside = ellipsoid(points, (0, 0, 0), inner) + 1.0
        return torch.stack((outside, wall - sector_edge(points, count), axis)).amax(0)

    scene.add("juice", segments, (0, 0, 0), max(inner))
    if random.random() < 0.5:
        for index in range(count):
            angle, far = 2 * math.pi * (index + 0.4) / count, core + 5
            x, y, z = far * math.cos(angle), far * math.sin(angle), float(random.normal(0, 0.25 * inner[2]))
            scene.ball("seed", (x, y, z), (2, 2, 4.5))
    return scene


def pineapple(random: np.random.Generator) -> Scene:
    """Eyes in crossing spirals under a rough surface, fibres that run to the core, a crown of leaves."""
    scene = _round(random, (46, 64), (1.4, 1.8))
    x, y, z = _skin(scene, "rind", 0)
    inner = _skin(scene, "flesh", 7)
    rows = int(random.integers(7, 10))

    def fibres(points: Tensor) -> Tensor:
        angle = torch.atan2(points[1], points[0])
        pattern = torch.sin(angle * 4 * rows) * torch.cos(points[2] * (2 * math.pi / 9))
        return torch.maximum(0.35 - pattern, ellipsoid(points, (0, 0, 0), inner) + 2)

    scene.add("juice", fibres, (0, 0, 0), max(inner))
    scene.ball("dry_flesh", (0, 0, 0), (0.26 * x, 0.26 * y, 0.9 * z))
    for row in range(-rows, rows + 1):
        height = row * z / (rows + 1)
        far = 0.9 * x * math.sqrt(max(0.0, 1 - (height / z) ** 2))
        count = max(3, round(far / 4.5))
        for index in range(count):
            angle = 2 * math.pi * (index + 0.5 * (row % 2)) / count
            at = (far * math.cos(angle), far * math.sin(angle), height)
            scene.ball("membrane", at, (4.2, 4.2, 4.2))
            scene.ball("air", at, (1.8, 1.8, 1.8))
    for index in range(14):
        angle, lean = index * 2.4, random.uniform(10, 34)
        tip = (lean * math.cos(angle), lean * math.sin(angle), z + random.uniform(25, 55))
        scene.rod("rind", (0.2 * tip[0], 0.2 * tip[1], z - 6), tip, 3.2, 0.8)
    scene.half_mm = (x, y, z + 22)
    return scene


def melon(random: np.random.Generator) -> Scene:
    """Thick flesh around a hollow with strings and seeds."""
    scene = _round(random, (60, 92), (1.0, 1.35))
    _skin(scene, "rind", 0)
    _skin(scene, "flesh", float(random.uniform(4, 8)))
    a, b, c = (half * float(random.uniform(0.42, 0.55)) for half in scene.half_mm)
    scene.ball("juice", (0, 0, 0), (a, b, c))
    if random.random() < 0.5:
        scene.ball("air", (0, 0, 0), (0.5 * a, 0.5 * b, 0.55 * c))
    for index in range(90):
        angle, height = index * 2.39996, (index + 0.5) / 45 - 1
        far = 0.82 * math.sqrt(max(0.0, 1 - height * height)) * random.uniform(0.75, 1.0)
        at = (far * a * math.cos(angle), far * b * math.sin(angle), 0.85 * c * height)
        scene.ball("seed", at, (2.0, 2.0, 4.5))
    return scene


def watermelon(random: np.random.Generator) -> Scene:
    """Juicy flesh to a pale rind, seeds in three double rows."""
    scene = _round(random, (75, 110), (1.0, 1.3))
    _skin(scene, "rind", 0)
    _skin(scene, "dry_flesh", 3)
    a, b, c = _skin(scene, "juice", float(random.uniform(10, 16)))
    for index in range(120):
        angle = (index % 6) // 2 * 2 * math.pi / 3 + (index % 2) * 0.35 + random.normal(0, 0.08)
        far, height = random.uniform(0.5, 0.72), random.uniform(-0.75, 0.75)
        at = (far * a * math.cos(angle), far * b * math.sin(angle), height * c)
        scene.ball("seed", at, (2.2, 1.6, 4.2))
    return scene


def kiwi(random: np.random.Generator) -> Scene:
    """A pale core, a ring of small seeds on rays, hairy skin."""
    scene = _round(random, (22, 30), (1.15, 1.45))
    scene.grain = 0.09
    _skin(scene, "rind", 0)
    a, b, c = _skin(scene, "flesh", 1.2)
    scene.ball("juice", (0, 0, 0), (0.7 * a, 0.7 * b, 0.72 * c))
    scene.ball("dry_flesh", (0, 0, 0), (0.3 * a, 0.26 * b, 0.55 * c))
    for index in range(110):
        angle, height = 2 * math.pi * (index % 22) / 22, (index // 22 - 2) * 0.24
        far = random.uniform(0.42, 0.6)
        at = (far * a * math.cos(angle), far * b * math.sin(angle), height * c)
        scene.ball("seed", at, (1.0, 1.0, 1.4))
    return scene


def apple(random: np.random.Generator) -> Scene:
    """Even flesh, a star of five chambers with air and pips, a dimple at the stalk."""
    scene = _round(random, (33, 45), (0.85, 1.0))
    a, _, c = _skin(scene, "rind", 0)
    _skin(scene, "dry_flesh", 1.0)
    scene.ball("flesh", (0, 0, 0), (0.36 * a, 0.36 * a, 0.55 * c))
    for index in range(5):
        angle = 2 * math.pi * index / 5
        at = (0.2 * a * math.cos(angle), 0.2 * a * math.sin(angle), 0.0)
        scene.ball("air", at, (0.11 * a, 0.11 * a, 0.28 * c))
        scene.ball("seed", (at[0], at[1], 3.0), (2.4, 2.4, 5.0))
    for end in (1, -1):
        scene.ball("air", (0, 0, end * (c + 3)), (0.3 * a, 0.3 * a, 0.32 * c))
    scene.rod("fibrous", (0, 0, 0.7 * c), (3, 0, 1.15 * c), 1.4)
    return scene


def pomegranate(random: np.random.Generator) -> Scene:
    """Leathery rind and hundreds of juicy grains, each with its seed, in chambers."""
    scene = _round(random, (38, 52), (0.9, 1.05))
    _skin(scene, "rind", 0)
    inner = _skin(scene, "pith", 3.5)
    size = float(random.uniform(6.5, 9))

    def grains(radius: float) -> Callable[[Tensor], Tensor]:
        def distance(points: Tensor) -> Tensor:
            shifted = points + size / 2 * (torch.floor(points[2] / size) % 2)
            near = torch.remainder(shifted, size) - size / 2
            walls = 1.5 - sector_edge(points, 6)
            outside = ellipsoid(points, (0, 0, 0), inner) + 3
            return torch.stack((near.square().sum(0).sqrt() - radius, walls, outside)).amax(0)

        return distance

    scene.add("juice", grains(0.47 * size), (0, 0, 0), max(inner))
    scene.add("seed", grains(0.17 * size), (0, 0, 0), max(inner))
    return scene


def tomato(random: np.random.Generator) -> Scene:
    """Thick walls, two to six chambers of gel with seeds."""
    scene = _round(random, (25, 48), (0.7, 0.9))
    _skin(scene, "dry_flesh", 0)
    wall = float(random.uniform(4, 7))
    inner = tuple(half - wall for half in scene.half_mm)
    count = int(random.integers(3, 7))

    def chambers(points: Tensor) -> Tensor:
        core = 5 - (points[0].square() + points[1].square()).sqrt()
        outside = ellipsoid(points, (0, 0, 0), (inner[0], inner[1], inner[2]))
        return torch.stack((outside, 2.5 - sector_edge(points, count), core)).amax(0)

    scene.add("juice", chambers, (0, 0, 0), max(inner))
    for index in range(12 * count):
        angle, far = 2 * math.pi * (index + 0.5) / count, random.uniform(0.4, 0.75) * inner[0]
        turn = angle + random.normal(0, 0.12)
        at = (far * math.cos(turn), far * math.sin(turn), float(random.uniform(-0.5, 0.5)) * inner[2])
        scene.ball("seed", at, (1.2, 1.2, 1.6))
    return scene


FRUIT: dict[str, Callable[[np.random.Generator], Scene]] = {
    "orange": orange,
    "pineapple": pineapple,
    "kiwi": kiwi,
    "melon": melon,
    "apple": apple,
    "watermelon": watermelon,
    "pomegranate": pomegranate,
    "tomato": tomato,
}
