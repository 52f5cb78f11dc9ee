"""Quality phantoms and what else people fill with water and put into a head coil."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from prima.simulate.negatives.materials import varied
from prima.simulate.negatives.scene import Scene

_FILLINGS = ("nickel_water", "copper_water", "water", "gel")


def accreditation(random: np.random.Generator) -> Scene:
    """A drum of the kind that accreditation asks for: hole arrays, ramps, a grid of bars, discs of low contrast."""
    radius, half = random.uniform(80, 100), random.uniform(65, 80)
    scene = Scene(half_mm=(radius + 6, radius + 6, half + 6), random=random, turn_deg=3, bend_mm=0, grain=0.0)
    scene.drum("plastic", (0, 0, 0), radius + 5, half + 5)
    scene.drum("nickel_water", (0, 0, 0), radius, half)
    low = -half
    scene.block("plastic", (0, 0, low + 10), (52, 22, 9), 1)
    for row, hole in enumerate((2.2, 1.8, 1.4)):
        for column in range(16):
            x, y = (row - 1) * 34 + (column % 4) * 3 * hole - 9, (column // 4) * 3 * hole - 9
            scene.rod("nickel_water", (x, y, low), (x, y, low + 19), hole / 1.4)
    for x in (-14.0, 14.0):  # wedges that measure the slice thickness
        scene.rod("nickel_water", (x, -60, low + 30), (x, 60, low + 44), 2.5)
    spacing = radius * 2 / 11
    for index in range(-5, 6):
        for size in ((radius * 0.8, 1.2, 8.0), (1.2, radius * 0.8, 8.0)):
            place = (0.0, index * spacing, 0.0) if size[0] > size[1] else (index * spacing, 0.0, 0.0)
            scene.block("plastic", place, size)
    faint = replace(varied("nickel_water", random, 0.06), name="faint")
    for spoke in range(10):
        for step in (1, 2, 3):
            angle, far = spoke * math.pi / 5, step * radius * 0.26
            at = (far * math.cos(angle), far * math.sin(angle), half - 25)
            scene.drum(faint, at, 1.5 + 0.7 * spoke, 12)
    return scene


def bottle(random: np.random.Generator) -> Scene:
    """A bottle of water, lying or standing, with the air bubble that it always has."""
    radius, half = random.uniform(32, 75), random.uniform(80, 130)
    scene = Scene(half_mm=(radius, radius, half + 25), random=random, turn_deg=12, bend_mm=1, grain=0.0)
    filling = str(random.choice(_FILLINGS))
    wall = float(random.uniform(1, 3))
    for material, extra in (("plastic", wall), (filling, 0.0)):
        scene.drum(material, (0, 0, 0), radius + extra, half)
        scene.rod(material, (0, 0, half - 6), (0, 0, half + 18), radius * 0.9 + extra, radius * 0.3 + extra)
    level = radius * random.uniform(0.55, 0.95)
    scene.block("air", (0, -level - radius, 0), (2 * radius, radius, 2 * half))
    if random.random() < 0.4:  # a second bottle beside it
        side = 1.6 * radius + 12
        scene.rod(str(random.choice(_FILLINGS)), (side, 10, -0.7 * half), (side, 10, 0.7 * half), 0.55 * radius)
        scene.half_mm = (side + 0.6 * radius, radius, half + 25)
    return scene


def sphere(random: np.random.Generator) -> Scene:
    """An even ball of fluid or oil on a holder, with its filling plug."""
    radius = float(random.uniform(60, 120))
    scene = Scene(half_mm=(radius, radius, radius + 12), random=random, turn_deg=30, bend_mm=0, grain=0.0)
    scene.ring("gel", (0, 0, -0.8 * radius), 0.75 * radius, 6)
    scene.ball("plastic", (0, 0, 0), (radius + 3, radius + 3, radius + 3))
    scene.ball(str(random.choice((*_FILLINGS, "oil"))), (0, 0, 0), (radius, radius, radius))
    scene.rod("plastic", (0, 0, radius - 10), (0, 0, radius + 8), 8)
    if random.random() < 0.5:
        scene.ball("air", (0, -radius + 4, 0), (14, 8, 14))
    return scene


def vials(random: np.random.Generator) -> Scene:
    """Tubes of many relaxation times in a bath, as in system phantoms."""
    radius = float(random.uniform(75, 100))
    scene = Scene(half_mm=(radius, radius, radius), random=random, turn_deg=5, bend_mm=0, grain=0.0)
    scene.ball("plastic", (0, 0, 0), (radius + 4, radius + 4, radius + 4))
    scene.ball("water", (0, 0, 0), (radius, radius, radius))
    scene.drum("plastic", (0, 0, 0), radius * 0.92, 3)
    for count, far in ((10, 0.66), (4, 0.28)):
        for index in range(count):
            angle = 2 * math.pi * index / count
            at = (far * radius * math.cos(angle), far * radius * math.sin(angle), float(random.choice((-22.0, 22.0))))
            scene.drum("plastic", at, 13, 21)
            filled = replace(varied(str(random.choice(_FILLINGS)), random, 0.9), name=f"vial {count} {index}")
            scene.drum(filled, at, 11, 20)
    return scene


def lattice(random: np.random.Generator) -> Scene:
    """Little balls in rows, by which distortion is measured."""
    radius, step = float(random.uniform(80, 100)), float(random.uniform(22, 32))
    scene = Scene(half_mm=(radius, radius, radius), random=random, turn_deg=3, bend_mm=0, grain=0.0)
    scene.ball("plastic", (0, 0, 0), (radius, radius, radius))
    size = step * random.uniform(0.2, 0.36)

    def balls(points: torch.Tensor) -> torch.Tensor:
        nearest = torch.remainder(points + step / 2, step) - step / 2
        inside = points.square().sum(0).sqrt() - (radius - 10)
        return torch.maximum(nearest.square().sum(0).sqrt() - size, inside)

    scene.add("copper_water", balls, (0, 0, 0), radius)
    return scene


def head_shaped(random: np.random.Generator) -> Scene:
    """A shell with the outline of a head, filled with gels: skull-like rim, a core, two hollows for ventricles."""
    x, y, z = random.uniform((62, 78, 66), (76, 96, 84))
    scene = Scene(half_mm=(x, y, z + 40), random=random, turn_deg=5, bend_mm=0, grain=0.0)
    scene.rod("gel", (0, 15, -z - 60), (0, 5, -20), 48)
    scene.ball("gel", (0, 0, 0), (x, y, z))
    scene.ball("plastic", (0, 0, 0), (x - 6, y - 6, z - 6))
    scene.ball(str(random.choice(_FILLINGS)), (0, 0, 0), (x - 11, y - 11, z - 11))
    if random.random() < 0.6:
        scene.ball("gel", (0, 4, 0), (0.62 * x, 0.66 * y, 0.6 * z))
        for side in (-1, 1):
            scene.ball("water", (side * 14.0, 0, 10), (7, 28, 9))
    for index in range(int(random.integers(0, 4))):  # inserts that stand for lesions or dosimeters
        at = (random.uniform(-0.5, 0.5) * x, random.uniform(-0.5, 0.5) * y, random.uniform(-0.4, 0.5) * z)
        scene.ball(str(random.choice(("oil", "water", "plastic"))), at, (6.0 + index, 6.0 + index, 6.0 + index))
    scene.ball("plastic", (0, -y, -30), (11, 12, 20))  # a nose
    return scene


PHANTOMS: dict[str, Callable[[np.random.Generator], Scene]] = {
    "accreditation": accreditation,
    "bottle": bottle,
    "sphere": sphere,
    "vials": vials,
    "lattice": lattice,
    "head_shaped": head_shaped,
}
