"""Limbs and joints: bones with marrow in muscle and fat."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch

from prima.simulate.geometry.solids import Point, ellipsoid
from prima.simulate.negatives.scene import Scene


def knee(random: np.random.Generator) -> Scene:
    """Condyles on the plateau of the tibia, kneecap, menisci, cruciate ligaments, fat pad."""
    s = float(random.uniform(0.85, 1.15))
    scene = Scene(half_mm=(72 * s, 78 * s, 92 * s), random=random, turn_deg=8, bend_mm=2.5)
    thick = float(random.uniform(4, 16))
    limb = ((0.0, 4 * s, 220 * s), (0.0, 2 * s, 0.0), (0.0, 12 * s, -220 * s))
    scene.tube("fat", limb, 66 * s + thick, 48 * s + thick)
    scene.tube("muscle", limb, 66 * s, 48 * s)
    scene.ball("fat", (0, -30 * s, -6 * s), (34 * s, 22 * s, 34 * s))
    scene.ball("fat", (0, 34 * s, 4 * s), (26 * s, 20 * s, 40 * s))
    for side in (-1.0, 1.0):
        scene.ball("cartilage", (side * 22 * s, 4 * s, 10 * s), (23 * s, 31 * s, 25 * s))
    scene.bone((0, 0, 30 * s), (0, -4 * s, 240 * s), 20 * s, 13 * s, rind=4)
    for side in (-1.0, 1.0):
        scene.knob((side * 22 * s, 4 * s, 10 * s), (19.5 * s, 27 * s, 21 * s))
    scene.ball("marrow_fat", (0, -2 * s, 20 * s), (26 * s, 18 * s, 16 * s))
    scene.ball("cartilage", (0, 2 * s, -30 * s), (40 * s, 29 * s, 15 * s))
    scene.knob((0, 2 * s, -33 * s), (37 * s, 26 * s, 14 * s))
    scene.bone((0, 2 * s, -44 * s), (0, 2 * s, -240 * s), 18 * s, 11 * s, rind=4)
    scene.bone((-32 * s, 22 * s, -46 * s), (-26 * s, 20 * s, -240 * s), 6 * s, 4 * s)
    for side in (-1.0, 1.0):
        scene.ring("fibrous", (side * 21 * s, 3 * s, -14.5 * s), 16 * s, 3.2 * s)
    scene.rod("fibrous", (3 * s, 16 * s, 14 * s), (0, -8 * s, -18 * s), 4 * s)
    scene.rod("fibrous", (-3 * s, 0, 6 * s), (0, 20 * s, -20 * s), 4.5 * s)
    scene.knob((0, -44 * s, 18 * s), (21 * s, 9 * s, 20 * s))
    scene.rod("fibrous", (0, -46 * s, 0), (0, -32 * s, -46 * s), 4 * s)
    scene.rod("fibrous", (0, -46 * s, 40 * s), (0, -40 * s, 110 * s), 5 * s)
    if random.random() < 0.4:
        scene.ball("urine", (0, -33 * s, 44 * s), (26 * s, 7 * s, 18 * s))  # effusion
    scene.tube("arterial_blood", [(3, 34 * s, 120 * s), (3, 36 * s, 0), (0, 32 * s, -120 * s)], 4)
    return scene


def thighs(random: np.random.Generator) -> Scene:
    """Both thighs side by side, in groups of muscle."""
    s = float(random.uniform(0.85, 1.2))
    scene = Scene(half_mm=(165 * s, 85 * s, 110), random=random, turn_deg=4, bend_mm=4)
    thick = float(random.uniform(6, 30))
    for side in (-1.0, 1.0):
        x = side * 82 * s
        scene.rod("fat", (x, 0, 260), (x * 0.9, 0, -260), 78 * s, 68 * s)
        scene.rod("muscle", (x, 0, 260), (x * 0.9, 0, -260), 78 * s - thick, 68 * s - thick)
        for index in range(7):  # sheets of fat between the groups
            angle = 2 * math.pi * index / 7 + 0.2
            outer = (x + 62 * s * math.cos(angle), 62 * s * math.sin(angle))
            for height in (-100.0, -50.0, 0.0, 50.0, 100.0):
                scene.rod("fat", (x, 0, height), (*outer, height + 20), 1.6, 4)
        scene.bone((x, -6, 300), (x * 0.92, -4, -300), 9 * s, rind=5)
        scene.rod("arterial_blood", (x - side * 26, 2, 300), (x - side * 20, 8, -300), 4)
    return scene


def hand(random: np.random.Generator) -> Scene:
    """A wrist with its small bones, five rays of long bones in thin flesh."""
    s = float(random.uniform(0.85, 1.15))
    scene = Scene(half_mm=(48 * s, 22 * s, 105 * s), random=random, turn_deg=15, bend_mm=2)
    rays: list[list[Point]] = []
    for index in range(5):
        spread = (index - 2) * 0.17
        lengths = (46, 34, 22, 16) if index else (38, 26, 18, 0)
        start: tuple[float, float] = ((index - 2) * 8.0, -10.0)
        places = [start]
        for length in lengths:
            last = places[-1]
            lean = spread * (2.2 if index == 0 else 1.0)
            places.append((last[0] + length * math.sin(lean), last[1] + length * math.cos(lean)))
        rays.append([(x * s, random.normal(0, 1.0), z * s) for x, z in places])
    for ray in rays:
        scene.tube("fat", ray, 12 * s, 8.5 * s)
    scene.rod("fat", (0, 0, -140 * s), (0, 0, -14 * s), 26 * s)
    scene.ball("fat", (0, 0, 10 * s), (38 * s, 16 * s, 36 * s))
    scene.rod("muscle", (0, 0, -140 * s), (0, 0, -20 * s), 22 * s)
    scene.ball("muscle", (0, 3, 10 * s), (32 * s, 10 * s, 30 * s))
    for side, radius in ((-1.0, 9.0), (1.0, 6.0)):
        scene.bone((side * 12 * s, 0, -140 * s), (side * 12 * s, 0, -34 * s), 6 * s, radius * s)
    for index in range(8):
        at = (((index % 4) - 1.5) * 10 * s, 0.0, (-24 + 10 * (index // 4)) * s)
        scene.knob(at, (5.2 * s, 6 * s, 5 * s), rind=1)
    for ray in rays:
        for start_mm, end_mm in pairwise(ray):
            gap = (np.array(end_mm) - start_mm) * 0.08
            x, y, z = (np.array(start_mm) + gap).tolist()
            u, v, w = (np.array(end_mm) - gap).tolist()
            scene.bone((x, y, z), (u, v, w), 3.4 * s, 3.0 * s, rind=1)
    return scene


def ankle(random: np.random.Generator) -> Scene:
    """Tibia on the talus, the heel bone, the arch and the tendon behind."""
    s = float(random.uniform(0.85, 1.15))
    scene = Scene(half_mm=(45 * s, 100 * s, 85 * s), random=random, turn_deg=8, bend_mm=2)
    thick = float(random.uniform(3, 8))
    for material, more in (("fat", thick), ("muscle", 0.0)):
        scene.rod(material, (0, 18 * s, 200 * s), (0, 14 * s, -10 * s), 42 * s + more, 30 * s + more)
        scene.rod(material, (0, 34 * s, -34 * s), (0, -90 * s, -46 * s), 26 * s + more, 20 * s + more)
    scene.ball("fat", (0, 44 * s, -40 * s), (26 * s, 30 * s, 26 * s))
    scene.bone((0, 8 * s, 200 * s), (0, 6 * s, 24 * s), 12 * s, 19 * s, rind=3)
    scene.bone((-24 * s, 14 * s, 200 * s), (-24 * s, 12 * s, 2 * s), 6 * s, 8 * s)
    scene.ball("cartilage", (0, 2 * s, 2 * s), (20 * s, 25 * s, 15 * s))
    scene.knob((0, 2 * s, 0), (18 * s, 23 * s, 13 * s))
    scene.knob((0, 34 * s, -28 * s), (17 * s, 32 * s, 16 * s))
    scene.knob((0, -32 * s, -14 * s), (17 * s, 12 * s, 13 * s))
    for index in range(5):
        x = (index - 2) * 11 * s
        scene.knob((x, -48 * s, -24 * s), (5 * s, 9 * s, 8 * s), rind=1)
        scene.bone((x, -58 * s, -30 * s), (x * 1.25, -112 * s, -46 * s), 4 * s, rind=1)
    scene.rod("fibrous", (0, 66 * s, 200 * s), (0, 62 * s, -24 * s), 4 * s)
    return scene


def shoulder(random: np.random.Generator) -> Scene:
    """The ball of the upper arm at its small socket, the cuff and the deltoid, lung beside it."""
    s = float(random.uniform(0.85, 1.15))
    out = float(random.choice((-1.0, 1.0)))
    scene = Scene(half_mm=(95 * s, 80 * s, 85 * s), random=random, turn_deg=6, bend_mm=3)
    thick = float(random.uniform(6, 20))
    for material, more in (("fat", thick), ("muscle", 0.0)):
        scene.ball(material, (-out * 60 * s, 0, -60 * s), (110 * s + more, 80 * s + more, 120 * s + more))
        scene.rod(material, (out * 18 * s, 0, 16 * s), (out * 50 * s, 0, -200 * s), 52 * s + more, 45 * s + more)
    scene.ball("lung", (-out * 95 * s, 0, -90 * s), (60 * s, 60 * s, 100 * s))
    scene.ball("fat", (-out * 5 * s, 0, -50 * s), (22 * s, 20 * s, 34 * s))
    scene.add(
        "fat",
        lambda p: torch.maximum(
            ellipsoid(p, (out * 14 * s, 0, 6 * s), (44 * s, 44 * s, 44 * s)),
            -ellipsoid(p, (out * 14 * s, 0, 6 * s), (41 * s, 41 * s, 41 * s)),
        ),
        (out * 14 * s, 0, 6 * s),
        46 * s,
    )
    scene.bone((out * 24 * s, 0, -10 * s), (out * 46 * s, 0, -220 * s), 13 * s, 10 * s, rind=3.5)
    scene.ball("cartilage", (out * 14 * s, 0, 6 * s), (26 * s, 26 * s, 26 * s))
    scene.knob((out * 15 * s, 0, 6 * s), (23 * s, 23 * s, 23 * s))
    scene.knob((-out * 20 * s, 2 * s, 2 * s), (9 * s, 13 * s, 18 * s))
    scene.bone((-out * 22 * s, 10 * s, -4 * s), (-out * 70 * s, 40 * s, -60 * s), 5 * s)
    scene.bone((out * 26 * s, 6 * s, 44 * s), (-out * 30 * s, 30 * s, 40 * s), 5 * s)
    scene.bone((out * 18 * s, -6 * s, 44 * s), (-out * 95 * s, -30 * s, 52 * s), 5.5 * s)
    scene.rod("fibrous", (-out * 40 * s, 0, 32 * s), (out * 20 * s, 0, 33 * s), 4 * s, 2.5 * s)
    return scene


LIMBS: dict[str, Callable[[np.random.Generator], Scene]] = {
    "knee": knee,
    "thighs": thighs,
    "hand": hand,
    "ankle": ankle,
    "shoulder": shoulder,
}
