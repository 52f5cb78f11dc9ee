"""Trunks: abdomen, pelvis, chest and breasts, with organs of a few solids each."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from prima.simulate.geometry.solids import Point, ellipsoid
from prima.simulate.negatives.scene import Distance, Scene


def _trunk(random: np.random.Generator, wide: float, deep: float, half_z: float) -> tuple[Scene, float]:
    """Skin fat and the wall of muscle; the scale of what lies inside."""
    s = float(random.uniform(0.85, 1.15))
    fat = float(random.uniform(8, 38))
    scene = Scene(half_mm=(wide * s + fat, deep * s + fat, half_z), random=random, turn_deg=4, bend_mm=5)
    scene.ball("fat", (0, 0, 0), (wide * s + fat, deep * s + fat, 1500))
    scene.ball("muscle", (0, 0, 0), (wide * s, deep * s, 1500))
    return scene, s


def _backbone(scene: Scene, s: float, y: float) -> None:
    scene.rod("bone", (0, y * s, -300), (0, y * s, 300), 24 * s)
    scene.rod("marrow", (0, y * s, -300), (0, y * s, 300), 22 * s)
    for step in range(-8, 9):
        scene.ball("annulus", (0, y * s, step * 36.0), (23 * s, 23 * s, 5))
    scene.rod("bone", (0, (y + 33) * s, -300), (0, (y + 33) * s, 300), 11 * s)
    scene.rod("csf", (0, (y + 33) * s, -300), (0, (y + 33) * s, 300), 8.5 * s)
    for step in range(-8, 9):
        scene.bone((0, (y + 45) * s, step * 36.0), (0, (y + 66) * s, step * 36.0 - 14), 4 * s)


def _gut(scene: Scene, count: int, half: Point, centre: Point, size: float) -> None:
    """Loops of bowel, a third of them with gas."""
    for _ in range(count):
        x, y, z = (
            middle + float(scene.random.uniform(-1, 1)) * reach for middle, reach in zip(centre, half, strict=True)
        )
        a, b, c = (size * float(part) for part in scene.random.uniform(0.6, 1.2, 3))
        scene.ball("muscle", (x, y, z), (a, b, c))
        scene.ball("bowel", (x, y, z), (a - 2.5, b - 2.5, c - 2.5))
        if scene.random.random() < 0.33:
            scene.ball("air", (x, y - 0.3 * b, z), (0.6 * a, 0.4 * b, 0.6 * c))


def _inset(distance: Distance, points: Tensor) -> Tensor:
    """The same solid without its outer 2.5 mm."""
    return distance(points) + 2.5


def abdomen(random: np.random.Generator) -> Scene:
    """Liver on the right, spleen and stomach on the left, kidneys beside the spine, vessels in front of it."""
    scene, s = _trunk(random, 150, 100, 105)
    scene.ball("fat", (0, -12 * s, 0), (132 * s, 78 * s, 500))
    _backbone(scene, s, 45)
    for side in (-1.0, 1.0):
        scene.rod("muscle", (side * 36 * s, 52 * s, -300), (side * 26 * s, 48 * s, 80), 17 * s, 6)
    _gut(scene, 34, (100 * s, 38 * s, 60), (0, -42 * s, -85), 19 * s)
    scene.ball("liver", (-62 * s, -14 * s, 48), (76 * s, 66 * s, 78 * s))
    scene.ball("liver", (10 * s, -46 * s, 62), (66 * s, 32 * s, 40 * s))
    for index in range(9):
        x, y = -62 * s + 50 * s * math.cos(index), -14 * s + 42 * s * math.sin(2.3 * index)
        scene.rod("venous_blood", (-30 * s, 0, 46), (x, y, 46 + 40 * math.sin(3.1 * index)), 4, 1.5)
    scene.ball("urine", (-48 * s, -50 * s, 8), (15 * s, 17 * s, 28 * s))
    scene.ball("spleen", (98 * s, 34 * s, 52), (27 * s, 44 * s, 46 * s))
    scene.ball("muscle", (52 * s, -28 * s, 44), (40 * s, 34 * s, 44 * s))
    scene.ball("bowel", (52 * s, -28 * s, 44), (36 * s, 30 * s, 40 * s))
    scene.ball("air", (54 * s, -44 * s, 52), (26 * s, 13 * s, 26 * s))
    scene.tube("prostate", [(-30 * s, 0, 14), (0, -12 * s, 18), (60 * s, 8 * s, 34)], 11 * s, 8 * s)
    for side, lift in ((-1.0, -8.0), (1.0, 4.0)):
        at = (side * 66 * s, 38 * s, lift)
        scene.ball("renal_cortex", at, (27 * s, 25 * s, 52 * s))
        for index in range(7):
            angle = 2 * math.pi * index / 7
            scene.ball(
                "renal_medulla", (at[0] + 9 * s * math.cos(angle), at[1], lift + 30 * s * math.sin(angle)), (9, 12, 9)
            )
        scene.ball("fat", (at[0] - side * 12 * s, at[1], lift), (12 * s, 9 * s, 22 * s))
        scene.ball("urine", (at[0] - side * 8 * s, at[1], lift), (6 * s, 5 * s, 13 * s))
    scene.rod("arterial_blood", (9 * s, 16 * s, -300), (9 * s, 14 * s, 300), 10 * s)
    scene.rod("venous_blood", (-17 * s, 14 * s, -300), (-19 * s, 8 * s, 300), 12 * s)
    return scene


def pelvis(random: np.random.Generator) -> Scene:
    """Hip joints, blades of the ilium, sacrum, a full bladder, the organ behind it, rectum with gas."""
    scene, s = _trunk(random, 165, 100, 110)
    scene.ball("fat", (0, -16 * s, 40), (98 * s, 66 * s, 130))
    for side in (-1.0, 1.0):
        scene.ball("fat", (side * 70 * s, 92 * s, -30), (70 * s, 42 * s, 90))
        scene.ball("muscle", (side * 68 * s, 74 * s, -20), (58 * s, 36 * s, 90))
        scene.ball("fat", (side * 135 * s, 5 * s, -60), (16 * s, 60 * s, 120))
    _gut(scene, 22, (75 * s, 34 * s, 40), (0, -26 * s, 85), 18 * s)
    for side in (-1.0, 1.0):

        def blade(points: Tensor, side: float = side) -> Tensor:
            shell = ellipsoid(points, (side * 40 * s, 6 * s, 62), (86 * s, 84 * s, 92))
            inner = ellipsoid(points, (side * 40 * s, 6 * s, 62), (72 * s, 74 * s, 84))
            return torch.stack((shell, -inner, 62 * s - side * points[0], 0.6 * points[2] - 90 - points[1])).amax(0)

        scene.add("bone", blade, (side * 40 * s, 6 * s, 62), 95 * s)
        scene.add("marrow", partial(_inset, blade), (side * 40 * s, 6 * s, 62), 95 * s)
        scene.knob((side * 88 * s, 0, -16), (38 * s, 34 * s, 34 * s), rind=3, marrow="marrow")
        scene.ball("cartilage", (side * 91 * s, -2 * s, -18), (27 * s, 27 * s, 27 * s))
        scene.knob((side * 92 * s, -2 * s, -18), (23.5 * s, 23.5 * s, 23.5 * s))
        scene.bone((side * 94 * s, 0, -22), (side * 128 * s, 8 * s, -48), 15 * s)
        scene.bone((side * 128 * s, 8 * s, -46), (side * 118 * s, 4 * s, -320), 18 * s, 12 * s, rind=5)
        scene.bone((side * 70 * s, -26 * s, -30), (side * 6 * s, -58 * s, -44), 8 * s)
        scene.bone((side * 60 * s, 20 * s, -40), (side * 48 * s, 42 * s, -82), 11 * s)
        scene.rod("venous_blood", (side * 62 * s, -52 * s, -200), (side * 46 * s, -10 * s, 120), 6)
        scene.rod("arterial_blood", (side * 68 * s, -56 * s, -200), (side * 50 * s, -16 * s, 120), 5)
    scene.tube("bone", [(0, 48 * s, 140), (0, 66 * s, 60), (0, 74 * s, 0), (0, 62 * s, -40)], 32 * s, 8 * s)
    scene.tube("marrow", [(0, 48 * s, 140), (0, 66 * s, 60), (0, 74 * s, 0), (0, 62 * s, -40)], 30 * s, 6 * s)
    full = float(random.uniform(0.6, 1.3))
    scene.ball("muscle", (0, -26 * s, 0), (42 * s * full + 4, 32 * s * full + 4, 32 * s * full + 4))
    scene.ball("urine", (0, -26 * s, 0), (42 * s * full, 32 * s * full, 32 * s * full))
    if random.random() < 0.5:
        scene.ball("prostate", (0, -14 * s, -42), (24 * s, 18 * s, 18 * s))
    else:
        scene.ball("heart_muscle", (6, 14 * s, 20), (28 * s, 24 * s, 36 * s))
        scene.ball("urine", (6, 14 * s, 22), (4 * s, 5 * s, 20 * s))
    scene.tube("muscle", [(0, 34 * s, -90), (0, 46 * s, -20), (8, 34 * s, 50)], 17 * s)
    scene.tube(
        "air" if random.random() < 0.5 else "bowel", [(0, 34 * s, -60), (0, 46 * s, -20), (8, 34 * s, 50)], 12 * s
    )
    return scene


def chest(random: np.random.Generator) -> Scene:
    """Dark lungs with vessels, the heart with its chambers, the aorta."""
    scene, s = _trunk(random, 150, 100, 110)
    _backbone(scene, s, 50)
    for step in range(-5, 6):  # ribs
        for side in (-1.0, 1.0):
            places = [(side * 30, 62, 0), (side * 95, 60, -8), (side * 138, 5, -22), (side * 90, -72, -44)]
            scene.tube("bone", [(x * s, y * s, z + step * 28.0) for x, y, z in places], 5 * s)
    for side in (-1.0, 1.0):
        scene.ball("lung", (side * 78 * s, -4 * s, 10), (56 * s, 78 * s, 160))
        for index in range(14):
            angle = index * 2.4
            far = (side * (78 + 30 * math.cos(angle)) * s, 55 * s * math.sin(angle), 10 + 12.0 * (index - 7))
            scene.rod("venous_blood", (side * 30 * s, 0, 20), far, 4, 1)
    scene.ball("liver", (-50 * s, -5 * s, -130), (88 * s, 75 * s, 66))
    scene.ball("fat", (18 * s, -42 * s, -25), (64 * s, 48 * s, 66))
    scene.ball("heart_muscle", (34 * s, -34 * s, -32), (44 * s, 37 * s, 46))
    scene.ball("arterial_blood", (36 * s, -32 * s, -32), (29 * s, 23 * s, 33))
    scene.ball("heart_muscle", (-4 * s, -52 * s, -32), (36 * s, 27 * s, 42))
    scene.ball("venous_blood", (-5 * s, -53 * s, -32), (31 * s, 22 * s, 37))
    for side, y in ((1.0, -8.0), (-1.0, -20.0)):
        scene.ball("venous_blood", (side * 22 * s, y * s, 12), (26 * s, 22 * s, 24))
    arch = [(20, 22, -300), (20, 22, 60), (8, -4, 88), (-6, -34, 60), (2, -36, 0)]
    scene.tube("arterial_blood", [(x * s, y * s, float(z)) for x, y, z in arch], 12 * s)
    scene.rod("air", (0, 4 * s, 40), (0, 8 * s, 300), 9 * s)
    return scene


def breasts(random: np.random.Generator) -> Scene:
    """Two breasts hanging in a coil: fat with branching gland, the chest wall with heart and lungs behind."""
    s = float(random.uniform(0.8, 1.25))
    scene = Scene(half_mm=(160 * s, 105 * s, 85), random=random, turn_deg=4, bend_mm=5)
    scene.ball("fat", (0, 95 * s, 0), (165 * s, 110 * s, 1200))
    scene.ball("muscle", (0, 99 * s, 0), (145 * s, 92 * s, 1200))
    for side in (-1.0, 1.0):
        scene.ball("lung", (side * 75 * s, 110 * s, 0), (56 * s, 78 * s, 200))
    scene.ball("heart_muscle", (25 * s, 60 * s, -10), (44 * s, 36 * s, 50))
    scene.ball("arterial_blood", (28 * s, 60 * s, -10), (28 * s, 22 * s, 35))
    _backbone(scene, s, 150)
    dense = float(random.uniform(-0.5, 0.6))
    for side in (-1.0, 1.0):
        x, droop = side * 80 * s, float(random.uniform(0.8, 1.15))
        reach = 92 * s * droop
        scene.ball("skin", (x, 0, 0), (62 * s, reach + 2, 66 * s))
        scene.ball("fat", (x, 0, 0), (60 * s, reach, 64 * s))
        phase = random.uniform(0, 6, 4)

        def gland(points: Tensor, x: float = x, phase: NDArray[np.float64] = phase) -> Tensor:
            a, b, c = points[0] / 9, points[1] / 11, points[2] / 8
            branch = (
                torch.sin(a + phase[0]) + torch.sin(b + 1.7 * torch.sin(c + phase[1])) + torch.sin(c + a + phase[2])
            )
            inside = ellipsoid(points, (x, -22 * s, 0), (42 * s, 56 * s, 44 * s))
            return torch.maximum(6 * (0.2 - dense - branch), inside)

        scene.add("gland", gland, (x, -22 * s, 0), 60 * s)
        scene.ball("gland", (x, -reach, 0), (6, 8, 6))
    return scene


TRUNKS: dict[str, Callable[[np.random.Generator], Scene]] = {
    "abdomen": abdomen,
    "pelvis": pelvis,
    "chest": chest,
    "breasts": breasts,
}
