"""Spines: a column of vertebrae and discs with a cord in its canal, inside a neck, a chest or a belly."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from prima.simulate.geometry.solids import Point
from prima.simulate.negatives.scene import Scene


@dataclass(frozen=True, kw_only=True)
class Region:
    """Sizes in mm of a part of the spine: a vertebra (half width, depth), how high it is, the body around it.

    Args:
        curve: how far the column departs from a straight line; to the front is negative.
        back: from the middle of the body back to the column.
        cord_share: share of the length that has a cord; below are roots.
    """

    half: tuple[float, float]
    height: float
    body: tuple[float, float]
    curve: float
    back: float
    cord_share: float


REGIONS = {
    "cervical": Region(half=(13, 9), height=17, body=(62, 68), curve=-8, back=6, cord_share=1.0),
    "thoracic": Region(half=(16, 13), height=26, body=(165, 115), curve=12, back=45, cord_share=1.0),
    "lumbar": Region(half=(24, 17), height=38, body=(170, 115), curve=-14, back=28, cord_share=0.3),
}


def spine(name: str) -> Callable[[np.random.Generator], Scene]:
    """The maker of a region's scenes."""

    def make(random: np.random.Generator) -> Scene:
        region = REGIONS[name]
        size = float(random.uniform(0.85, 1.15))
        half_z = 150.0 if name != "cervical" else 115.0
        wide, deep = region.body[0] * size, region.body[1] * size
        scene = Scene(half_mm=(0.6 * wide, deep, half_z), random=random, turn_deg=5, bend_mm=3)
        _body(scene, name, wide, deep)
        curve = region.curve * float(random.uniform(0.3, 1.5))
        course = _course(curve, region.back * size, half_z)
        _column(scene, region, size, course)
        if name == "lumbar":
            x = float(random.uniform(8, 16))
            scene.tube("arterial_blood", [(x, y - 42 * size, z) for _, y, z in course], 9, 7)
            scene.tube("venous_blood", [(-x, y - 40 * size, z) for _, y, z in course], 11)
        return scene

    return make


def _course(curve: float, back: float, half_z: float) -> list[Point]:
    """The middle of the vertebral bodies, from below to above."""
    heights = np.linspace(-1.25 * half_z, 1.25 * half_z, 15)
    return [(0.0, back + curve * math.cos(1.1 * z / half_z), float(z)) for z in heights]


def _body(scene: Scene, name: str, wide: float, deep: float) -> None:
    """Skin fat, muscle, and what lies in front: gut, lungs or the airway."""
    fat = float(scene.random.uniform(6, 28)) if name != "cervical" else float(scene.random.uniform(4, 10))
    scene.ball("fat", (0, 0, 0), (wide, deep, 900))
    scene.ball("muscle", (0, 0, 0), (wide - fat, deep - fat, 900))
    if name == "cervical":
        scene.ball("fat", (0, 60, -190), (150, 90, 110))  # shoulders
        scene.ball("muscle", (0, 60, -190), (140, 80, 100))
        scene.rod("air", (0, -25, -160), (0, -18, 60), 9)
        scene.rod("fibrous", (0, -42, -60), (0, -42, -10), 8)
        scene.ball("muscle", (0, -45, 90), (26, 30, 22))
        for side in (-1, 1):
            scene.rod("arterial_blood", (side * 30, -6, -160), (side * 30, -2, 160), 3.5)
            scene.rod("venous_blood", (side * 38, -4, -160), (side * 36, 0, 160), 5)
    elif name == "thoracic":
        for side in (-1, 1):
            scene.ball("lung", (side * 0.48 * wide, -0.1 * deep, 10), (0.4 * wide, 0.68 * deep, 170))
        scene.ball("heart_muscle", (20, -45, -40), (45, 38, 48))
        scene.ball("arterial_blood", (22, -45, -40), (26, 22, 32))
        scene.rod("arterial_blood", (20, 18, -200), (18, 18, 80), 12)
    else:
        scene.ball("fat", (0, -0.35 * deep, 0), (0.75 * wide, 0.45 * deep, 400))
        for _ in range(26):
            at = (scene.random.uniform(-0.6, 0.6) * wide, scene.random.uniform(-0.62, -0.2) * deep,
                  scene.random.uniform(-140, 140))  # fmt: skip
            scene.ball("bowel", at, (20, 13, 15))
            if scene.random.random() < 0.3:
                scene.ball("air", at, (12, 7, 9))


def _column(scene: Scene, region: Region, size: float, course: list[Point]) -> None:
    half_x, half_y = (part * size for part in region.half)
    pitch = region.height * size
    canal = [(x, y + half_y + 10 * size, z) for x, y, z in course]
    scene.tube("bone", canal, 12 * size)
    scene.tube("fat", canal, 10.5 * size)
    scene.tube("csf", canal, 8.5 * size)
    count = int(2 * course[-1][2] / pitch) + 1
    for index in range(count):
        z = -course[-1][2] + index * pitch
        y = float(np.interp(z, [place[2] for place in course], [place[1] for place in course]))
        _vertebra(scene, (0.0, y, z), (half_x, half_y, 0.38 * pitch))
        middle = (0.0, y, z + pitch / 2)
        scene.ball("annulus", middle, (half_x * 1.02, half_y * 1.04, 0.15 * pitch))
        worn = scene.random.random() < 0.25
        scene.ball("annulus" if worn else "nucleus", middle, (half_x * 0.72, half_y * 0.66, 0.1 * pitch))
    above = [place for place in canal if place[2] >= canal[-1][2] * (1 - 2 * region.cord_share)]
    scene.tube("cord", above, 4.6 * size)
    if region.cord_share < 1:
        for side in (-3.0, 3.0):
            roots = [(x + side, y + 3, z) for x, y, z in canal if z <= above[0][2] + 1]
            scene.tube("cord", roots, 1.7)


def _vertebra(scene: Scene, centre: Point, half: Point) -> None:
    _, y, z = centre
    a, b, c = half
    behind = y + b + 20
    for side in (-1, 1):
        scene.bone((side * a * 0.7, y + b, z + 0.3 * c), (side * a * 0.9, behind, z - 0.4 * c), 4, rind=1.5)
        scene.bone((side * a * 0.8, behind, z), (side * (a + 18), behind + 4, z), 3, 2, rind=1)
    scene.bone((0, behind + 4, z - 0.3 * c), (0, behind + 26, z - 1.4 * c), 4, 3, rind=1)
    scene.block("bone", centre, (a + 1, b + 1, c + 1), 4)
    scene.block("marrow", centre, half, 4)
