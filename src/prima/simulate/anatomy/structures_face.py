"""Face, skull base and neck: orbits, sinuses and airway, jaw, muscles, vertebrae. Follows the skull.

Simplified from textbook anatomy (Gray's Anatomy; Som and Curtin, Head and Neck Imaging): enough that a slice through
the face is not mistaken for putty.
"""

from __future__ import annotations

import numpy as np
import torch

from prima.simulate.anatomy.drawing import Drawing
from prima.simulate.anatomy.head import Head
from prima.simulate.geometry.solids import ellipsoid, rod, tube


def neck(head: Head, rng: np.random.Generator) -> None:
    """Muscles of neck and jaw, tongue, parotid, mandible, vertebrae."""
    draw = Drawing(head, (0, -80, -160), (76, 110, -50), skull=True, node_mm=4.0)
    draw.wander(17.0, 2.6, rng)
    p = draw.folded
    sparing = ("csf", "gm", "wm", "bone", "marrow_fat", "air", "skin")
    muscles = (
        ellipsoid(p, (19, 74, -104), (17, 15, 48)),
        ellipsoid(p, (40, 60, -96), (13, 20, 46)),
        rod(p, (57, 32, -60), (42, 0, -150), 8),
        rod(p, (8, 10, -62), (9, 12, -150), 5.5),
        rod(p, (24, 22, -76), (26, 24, -150), 7),
        ellipsoid(p, (54, -16, -84), (7, 15, 26)),
        rod(p, (34, -14, -62), (42, -2, -94), 9),
        ellipsoid(p, (0, -40, -96), (23, 29, 20)),
        ellipsoid(p, (8, -34, -122), (20, 30, 8)),
    )
    gap = torch.sin(p[0] * 0.55 + p[1] * 0.32 + 2 * torch.sin(p[2] * 0.07)) * 0.5 + 0.5
    for solid in muscles:
        draw.put("fat", solid - 1.8, density=0.55, sparing=sparing, edge_mm=4.0)
        draw.put("muscle", solid, density=0.78 + 0.18 * gap, sparing=sparing, edge_mm=3.0)
    gland = ellipsoid(p, (58, 8, -78), (8, 13, 20))
    draw.put("muscle", gland, density=0.45, sparing=sparing, edge_mm=4.0)
    jaw = torch.minimum(
        tube(p, ((52, 0, -58), (49, -6, -92), (46, -12, -106)), 4.0, 5.0),
        tube(p, ((46, -12, -106), (32, -48, -114), (14, -68, -116), (0, -72, -116)), 5.5, 6.5),
    )
    teeth = tube(p, ((38, -34, -95), (27, -56, -97), (12, -67, -98), (0, -70, -98)), 5.5, 4.0)
    upper = tube(p, ((34, -32, -80), (25, -54, -82), (12, -66, -83), (0, -69, -83)), 6.5, 4.5)
    marrow = 0.35 + 0.4 * float(rng.random())
    for solid in (jaw, upper):
        draw.put("bone", solid, density=0.85, sparing=sparing, edge_mm=2.5)
        draw.put("marrow_fat", solid + 2.2, density=marrow, sparing=("air", "skin"), edge_mm=3.0)
    draw.put("bone", teeth, density=(1.25 - gap).clamp(0.2, 0.9), sparing=("skin",), edge_mm=3.0)
    _spine(draw, rng)


def _spine(draw: Drawing, rng: np.random.Generator) -> None:
    """The column: discs and ligaments as dark as muscle, bodies of marrow in a thin shell, arches behind."""
    p, cord = draw.folded, ("csf", "wm", "gm")
    draw.put("muscle", torch.maximum((p[0] / 10).square() + ((p[1] - 24) / 9).square() - 1, p[2] + 74) * 6,
             sparing=cord, density=0.9, edge_mm=3.0)  # fmt: skip
    level = (p[2] + 92) / 17
    height = (level - level.round()).abs() * 17
    body = torch.maximum(((p[0] / 10).square() + ((p[1] - 24) / 8.5).square()).sqrt() * 9 - 9, height - 6.8)
    body = torch.minimum(torch.maximum(body, p[2] + 98), ellipsoid(p, (0, 24, -86), (7, 6.5, 15)))
    marrow = 0.45 + 0.3 * float(rng.random())
    draw.put("bone", body, density=0.75, sparing=cord, edge_mm=2.5)
    draw.put("marrow_fat", body + 1.2, density=marrow, sparing=cord, edge_mm=2.0)
    draw.put("muscle", body + 1.2, density=0.35, sparing=cord, edge_mm=2.0)
    atlas = tube(p, ((0, 16, -74), (14, 20, -74), (24, 36, -74), (14, 58, -74), (0, 64, -74)), 4.2)
    spines = [tube(p, ((12, 34, -98 - 17 * k), (17, 46, -98 - 17 * k), (0, 62, -104 - 17 * k)), 3.6) for k in range(4)]
    for solid in (atlas, *spines):
        draw.put("bone", solid, density=0.7, sparing=cord, edge_mm=3.0)
        draw.put("marrow_fat", solid + 1.8, density=marrow, sparing=cord, edge_mm=2.5)


def base(head: Head, rng: np.random.Generator) -> None:
    """Bone of the skull base: clivus, petrous and sphenoid bones, mastoid and ear canals, zygoma."""
    draw = Drawing(head, (0, -84, -74), (84, 52, -14), skull=True)
    draw.wander(15.0, 1.5, rng)
    p = draw.folded
    inside = ("csf", "gm", "wm")
    clivus = rod(p, (0, 4, -40), (0, 27, -62), 7.0, 4.5)
    petrous = rod(p, (56, 34, -44), (16, 15, -42), 10.0, 6.0)
    sphenoid = ellipsoid(p, (0, -20, -40), (20, 20, 11))
    wing = rod(p, (16, -22, -28), (44, -30, -22), 4.0)
    zygoma = tube(p, ((30, -74, -54), (46, -62, -56), (62, -34, -52), (68, 2, -50)), 5.0, 3.0)
    mastoid = ellipsoid(p, (54, 36, -52), (10, 14, 18))
    for solid, marrow, depth in ((clivus, 0.8, 1.6), (petrous, 0.15, 3.0), (sphenoid, 0.35, 2.0), (wing, 0.5, 1.5),
                                 (zygoma, 0.7, 1.4), (mastoid, 0.1, 2.0)):  # fmt: skip
        draw.put("bone", solid, sparing=(*inside, "skin", "air"))
        draw.put("marrow_fat", solid + depth, density=marrow, sparing=inside)
    cells = torch.sin(p[0] * 1.3) * torch.sin(p[1] * 1.1) * torch.sin(p[2] * 1.2)
    draw.put("air", mastoid + 3.0, density=(0.45 + cells).clamp(0, 0.9), sparing=inside)
    draw.put("air", ellipsoid(p, (40, 24, -42), (4, 5, 5)), density=0.9, sparing=inside)
    draw.put("air", tube(p, ((54, 21, -44), (66, 18, -42), (78, 20, -46)), 2.4), density=0.9, sparing=inside)
    draw.put("csf", rod(p, (18, 31, -36), (30, 31, -36), 2.6, 1.8))
    for centre in ((36, 20, -42), (34, 27, -40)):  # cochlea, vestibule
        draw.put(
            "csf", ellipsoid(p, (float(centre[0]), float(centre[1]), float(centre[2])), (2.4, 2.4, 2.4)), density=0.7
        )


def sinuses(head: Head, rng: np.random.Generator) -> None:
    """Nose, sinuses, pharynx: air with mucosa around it; each side has its own size, some mucosa is thick."""
    draw = Drawing(head, (0, -112, -150), (46, 24, -2), skull=True)
    draw.wander(14.0, 1.6, rng)
    p, left = draw.folded, draw.points[0] > 0
    inside = ("csf", "gm", "wm")

    def sided(spread: float) -> torch.Tensor:
        left_size, right_size = (float(value) * spread for value in rng.standard_normal(2).clip(-1.5, 1.5))
        return torch.where(left, left_size, right_size)

    thick = abs(float(rng.standard_normal())) * 0.5
    pockets = (
        (ellipsoid(p, (28, -52, -64), (13, 17, 17)) + sided(1.2), 0.8 + thick),
        (ellipsoid(p, (9, -46, -41), (7, 19, 9)) + sided(0.7), 0.6),
        (ellipsoid(p, (8, -21, -40), (8, 12, 9)) + sided(1.5), 0.7),
        (ellipsoid(p, (10, -77.5, -15), (9, 3.6, 9)) + sided(1.4) + 0.6, 0.6),
    )
    for pocket, mucosa in pockets:
        draw.put("bone", pocket - 1.2, density=0.8, sparing=(*inside, "skin", "air"), edge_mm=2.5)
        draw.put("nasal_mucosa", pocket, density=0.7, sparing=(*inside, "skin", "air"))
        draw.put("air", pocket + mucosa, sparing=(*inside, "skin"))
    a, b, c = draw.points + 2.5 * torch.sin(0.35 * draw.points.roll(1, 0) + float(rng.random()) * 6)
    cells = (torch.sin(b * 0.47) * torch.sin(c * 0.42) * torch.sin(a * 0.5 + 0.8)).abs()
    draw.put("nasal_mucosa", pockets[1][0], density=(0.8 - 2.2 * cells).clamp(0, 0.7), sparing=inside, edge_mm=3.0)
    nose = torch.minimum(ellipsoid(p, (6, -58, -60), (8, 32, 15)), rod(p, (6, -80, -66), (7, -97, -66), 4.0))
    draw.put("nasal_mucosa", nose - 1.2, sparing=inside)
    draw.put("air", nose + 0.6, sparing=inside)
    swell = float(rng.standard_normal()) * 0.8  # the nasal cycle: one side is the wider
    cycle = torch.where(left, swell, -swell)
    draw.put("nasal_mucosa", rod(p, (9, -80, -68), (8, -36, -68), 4.0) + cycle, sparing=inside)
    draw.put("nasal_mucosa", rod(p, (8, -72, -57), (7, -38, -56), 3.0) + cycle, sparing=inside)
    bend = 1.5 * float(rng.standard_normal()) * torch.exp(-((p[1] + 64) / 16).square())
    draw.put("nasal_mucosa", torch.maximum((draw.points[0] - bend).abs() - 1.6, nose - 2), sparing=inside)
    flat = torch.cat((p[:1] * 0.62, p[1:]))
    throat = tube(flat, ((0, -26, -58), (0, -12, -68), (0, -4, -90), (0, -7, -112), (0, -4, -160)), 6.5, 5.5)
    throat = throat + 3.2 * torch.exp(-((p[2] + 84) / 9).square()) + 1.5 * torch.sin(p[2] * 0.13)
    draw.put("nasal_mucosa", throat - 2.0, density=0.7, sparing=inside, edge_mm=3.0)
    draw.put("air", throat, sparing=inside)
    mouth = ellipsoid(p, (0, -46, -82), (20, 22, 2.5))
    draw.put("muscle", mouth - 1.5, sparing=inside)
    draw.put("air", mouth, density=0.8 * float(rng.random()), sparing=inside)


def orbits(head: Head, rng: np.random.Generator) -> None:
    """Orbital fat, globes, optic nerves with their sheaths, the straight muscles, lacrimal glands."""
    draw = Drawing(head, (0, -92, -62), (54, -14, -16), skull=True)
    p = draw.folded
    inside = ("csf", "gm", "wm")
    cone = tube(p, ((32, -66, -37), (27, -46, -36), (17, -26, -32)), 15.5, 4.0)
    draw.put("bone", cone - 1.8, sparing=(*inside, "skin", "air"))
    septa = torch.sin(p[0] * 0.9 + p[1] * 0.4) * torch.sin(p[2] * 0.8)
    draw.put("muscle", cone, density=0.8, sparing=inside)
    draw.put("fat", cone + 1, density=0.75 + 0.2 * septa, sparing=inside, edge_mm=3.0)
    draw.put("muscle", torch.maximum(cone, p[1] + 69), density=0.7, sparing=("skin", "air"), edge_mm=4.0)  # the lids
    gaze = torch.from_numpy(rng.standard_normal(2).clip(-2, 2) * 1.2).float()
    for start, end in (((24, -60, -37), (17, -32, -33)), ((43, -58, -37), (20, -30, -33)),
                       ((32, -58, -47), (18, -30, -36)), ((31, -60, -27), (18, -30, -30))):  # fmt: skip
        draw.put("muscle", rod(p, start, end, 2.2, 1.6), sparing=inside)
    draw.put("csf", tube(p, ((32, -56, -37), (24, -38, -34), (14, -20, -29)), 3.0, 2.2), sparing=inside)
    draw.put("wm", tube(p, ((32, -56, -37), (24, -38, -34), (14, -20, -29)), 1.9, 1.8), sparing=inside)
    globe = ellipsoid(p, (32, -67, -37), (12, 12.2, 12))
    draw.put("dura", globe)
    draw.put("vitreous", globe + 1.0)
    turned = torch.cat((p[:1] - torch.where(draw.points[:1] > 0, gaze[0], -gaze[0]), p[1:2], p[2:] - gaze[1]))
    draw.put("lens", ellipsoid(turned, (32, -75.5, -37), (4.6, 2.1, 4.6)))
    draw.put("muscle", ellipsoid(p, (43, -70, -28), (4, 6, 4)), density=0.8, sparing=inside)
