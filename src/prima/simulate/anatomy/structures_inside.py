"""Inside the skull: deep grey nuclei, choroid plexus, pituitary and pineal, dura, arteries, venous sinuses, the cord.

Places were read off the template; calibres of vessels after Krabbe-Hartkamp 1998, of sinuses after Ayanzen 2000 (the
right transverse sinus is mostly the larger).
"""

from __future__ import annotations

import numpy as np
import torch

from prima.simulate.anatomy.drawing import Drawing
from prima.simulate.anatomy.head import Head
from prima.simulate.anatomy.regions import NUCLEI
from prima.simulate.geometry.solids import Point, ellipsoid, rod, tube


def nuclei(head: Head, rng: np.random.Generator) -> None:
    """Deep grey matter, out of what the template calls grey; the pallidum and midbrain nuclei out of white, too."""
    draw = Drawing(head, (0, -32, -44), (38, 66, 34), skull=False)
    p = draw.folded
    deep = torch.stack([ellipsoid(p, *solid) for solid in NUCLEI["deep_nuclei"]]).amin(0)
    draw.turn("gm", "deep_gm", deep, edge_mm=3.0)
    for name, share in (("globus_pallidus", 0.55), ("thalamus", 0.35), ("substantia_nigra", 0.6), ("red_nucleus", 0.6),
                        ("dentate_nucleus", 0.5)):  # fmt: skip
        solid = torch.stack([ellipsoid(p, *part) for part in NUCLEI[name]]).amin(0)
        draw.turn("wm", "deep_gm", solid, density=share, edge_mm=2.5)
    p = draw.points  # perivascular spaces under the putamen: where they are seen, they are so on one side at a time
    for _ in range(int(rng.integers(0, 5))):
        x, y = float(rng.uniform(20, 30)) * float(rng.choice([-1, 1])), float(rng.uniform(-6, 8))
        space = rod(p, (x, y, -8), (x * 1.04, y - 1, float(rng.uniform(-5, 1))), 0.6)
        draw.put("csf", space, density=float(rng.uniform(0.2, 0.7)))


def midline(head: Head, rng: np.random.Generator) -> None:
    """Sella with the pituitary, stalk and chiasm; pineal; choroid plexus; cord."""
    sella(head, rng)
    plexus(head, rng)
    cord(head)


def sella(head: Head, rng: np.random.Generator) -> None:
    """Cavernous sinuses, pituitary with its stalk, chiasm; the pineal."""
    draw = Drawing(head, (0, -24, -46), (22, 40, 6), skull=False)
    p = draw.folded
    draw.put("venous_blood", ellipsoid(p, (12, -3, -31), (5, 11, 6)), density=0.7)
    height = 4.2 + 0.7 * float(rng.standard_normal())
    draw.put("bone", ellipsoid(p, (0, -4, -34), (9, 8, height + 3.0)), density=0.9)
    draw.put("csf", ellipsoid(p, (0, -4, -29), (8, 7, 4)))
    draw.put("pituitary", ellipsoid(p, (0, -4, -34), (7.0, 5.2, max(height, 2.8))))
    draw.put("pituitary", rod(p, (0, -4, -31), (0, -1, -20), 1.6, 1.2))
    draw.put("wm", torch.minimum(rod(p, (13, -18, -28), (0, -6, -21), 2.0), rod(p, (0, -6, -21), (12, 8, -16), 2.0)))
    draw.put("pituitary", ellipsoid(p, (0, 31, -2), (3.0, 4.0, 2.6)), density=0.85)


def plexus(head: Head, rng: np.random.Generator) -> None:
    """Choroid plexus of the lateral and the fourth ventricles."""
    draw = Drawing(head, (0, -8, -50), (38, 66, 26), skull=False)
    p = draw.folded
    course = ((4, 0, 11), (11, 18, 19), (22, 40, 12), (30, 28, -8), (30, 14, -15))
    strand = tube(p, course, 1.3)
    clump = ellipsoid(p, (23, 41, 10), (4.0 + float(rng.random()), 6.5, 4.5))
    fourth = rod(p, (0, 52, -38), (8, 46, -42), 1.6)
    frond = 0.6 + 0.35 * torch.sin(1.9 * p[0] + 1.3 * p[1]) * torch.sin(1.7 * p[2])
    draw.put("choroid", torch.stack((strand, clump, fourth)).amin(0), density=frond, among=("csf",))


def cord(head: Head) -> None:
    """The spinal cord below the medulla."""
    draw = Drawing(head, (0, 30, -160), (14, 60, -56), skull=True)
    flat = torch.cat((draw.folded[:1] * 0.8, draw.folded[1:]))
    core = tube(flat, ((0, 40, -60), (0, 46, -78), (0, 45, -104), (0, 40, -150)), 5.2, 4.6)
    below = (1 - (draw.folded[2] + 68) / 5).clamp(0, 1)
    draw.put("wm", core, density=below)
    draw.put("gm", core + 3.2, density=0.7 * below)


def dura(head: Head, _: np.random.Generator) -> None:
    """Falx and tentorium, where the template leaves room for them."""
    draw = Drawing(head, (0, -76, -8), (3, 106, 84), skull=False)
    p = draw.folded
    arch = -ellipsoid(p, (0, 12, 10), (40, 62, 32))
    draw.put("dura", torch.maximum(p[0] - 0.45, torch.maximum(arch, -6 - p[2])), density=0.8, among=("csf", "gm"))
    draw = Drawing(head, (0, 32, -32), (60, 106, 12), skull=False)
    p = draw.folded
    roof = 8 - 0.3 * (p[1] - 42) - 0.42 * p[0]
    sheet = torch.maximum((p[2] - roof).abs() - 0.45, 34 + 0.2 * p[0] - p[1])
    draw.put("dura", sheet, density=0.7, among=("csf",))


def arteries(head: Head, rng: np.random.Generator) -> None:
    """Internal carotids, circle of Willis and its first branches, vertebrals and basilar; small individual bends."""
    bend = torch.from_numpy(rng.standard_normal(6).clip(-2, 2) * 0.8).float()
    for low, high, courses in _ARTERIES:
        draw = Drawing(head, low, high, skull=False, node_mm=1.0)
        left, p = draw.points[0] > 0, draw.folded.clone()
        p[1] += torch.where(left, bend[0], bend[1]) * torch.sin(p[0] * 0.35)
        p[2] += torch.where(left, bend[2], bend[3]) * torch.sin(p[0] * 0.3 + 1)
        for course, first, last in courses:
            draw.put("arterial_blood", tube(p, course, first, last))
    draw = Drawing(head, (0, 8, -56), (6, 34, -18), skull=False, node_mm=1.0)
    wander = draw.points.clone()
    wander[0] += 1.6 * bend[4] * torch.sin((wander[2] + 22) * 0.1)
    draw.put("arterial_blood", tube(wander, ((0, 28, -53), (0, 16, -40), (0, 13, -30), (0, 15, -22)), 1.8, 1.6))


Course = tuple[tuple[Point, ...], float, float]
# Two corners of a part and the arteries in it: points on the left side, radius at the start and at the end.
_ARTERIES: tuple[tuple[Point, Point, tuple[Course, ...]], ...] = (
    (
        (0, -14, -76),
        (28, 30, -12),
        (
            (
                ((24, 24, -74), (24, 18, -52), (13, 9, -41), (12, 2, -33), (11, -9, -31), (10, -9, -24), (11, -4, -17)),
                2.5,
                2.1,
            ),
            (((10, 0, -18), (9, 14, -20)), 0.8, 0.7),
        ),
    ),
    (
        (0, -20, -20),
        (47, 22, 18),
        (
            (((11, -4, -17), (20, -6, -17), (32, -3, -15)), 1.5, 1.3),
            (((32, -3, -15), (38, -1, -6), (41, 6, 4), (44, 20, 12)), 1.1, 0.7),
            (((32, -3, -15), (37, -9, -7), (42, -16, 4), (46, -18, 14)), 1.1, 0.7),
        ),
    ),
    (
        (0, -38, -18),
        (12, 6, 38),
        (
            (((11, -4, -17), (5, -11, -15), (2, -14, -14)), 1.1, 1.0),
            (((2, -14, -14), (2, -30, -4), (2, -36, 10), (2, -22, 32), (2, 4, 36)), 1.1, 0.7),
        ),
    ),
    ((0, 12, -24), (19, 64, 2), ((((2, 15, -22), (11, 16, -20), (17, 28, -15), (16, 44, -8), (14, 62, 0)), 1.2, 0.7),)),
    ((0, 26, -76), (22, 40, -52), ((((20, 38, -74), (12, 36, -66), (6, 31, -58), (0, 28, -53)), 1.5, 1.5),)),
)


def veins(head: Head, rng: np.random.Generator) -> None:
    """Superior sagittal, straight, transverse and sigmoid sinuses, internal cerebral veins."""
    upper = Drawing(head, (0, -60, -16), (7, 112, 90), skull=False)
    p = upper.folded
    cavity = head.template.lattice.at(head.template.cavity, upper.points.cpu())[0].to(head.device)
    size = 2.2 + 0.022 * (p[1] + 60)
    inside = torch.maximum(p[0] + (cavity + 1.5).abs() - size, torch.minimum(-p[2] - 4, 70 - p[1]))
    upper.put("venous_blood", torch.maximum(inside, -14 - p[2]), density=0.95)
    upper.put("venous_blood", tube(p, ((0, 40, 6), (0, 70, 2), (0, 103, -10)), 1.8, 2.4))
    upper.put("venous_blood", tube(p, ((2, 8, 10), (2, 30, 6), (0, 40, 6)), 0.9, 1.4))
    draw = Drawing(head, (0, 26, -70), (60, 112, -6), skull=False, node_mm=3.0)
    p, right = draw.folded, draw.points[0] < 0
    dominance = 0.5 + 0.6 * float(rng.standard_normal())
    wider = torch.where(right, dominance, -dominance)
    course = ((0, 104, -12), (24, 94, -17), (44, 72, -22), (53, 50, -27), (48, 40, -42), (30, 34, -56), (27, 30, -66))
    draw.put("venous_blood", tube(p, course, 3.2) - wider)
