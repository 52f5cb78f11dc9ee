"""Face, skull base and neck: orbits, sinuses and airway, jaw, muscles, vertebrae. Follows the skull.

Simplified from textbook anatomy (Gray's Anatomy; Som and Curtin, Head and Neck Imaging): enough that a slice through
the face is not mistaken for putty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from prima.simulate.drawing import Drawing
from prima.simulate.solids import ellipsoid, rod, tube

if TYPE_CHECKING:
    from prima.simulate.head import Head


def neck(head: Head, rng: np.random.Generator) -> None:
    """Muscles of neck and jaw, parotid, mandible, vertebrae."""
    draw = Drawing(head, (0, -80, -160), (76, 110, -50), skull=True, node_mm=4.0)
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
        ellipsoid(p, (0, -42, -98), (21, 26, 17)),
    )
    gap = torch.sin(p[0] * 0.55 + p[1] * 0.32 + 2 * torch.sin(p[2] * 0.07)) * 0.5 + 0.5
    for solid in muscles:
        draw.put("fat", solid - 2.2, density=0.9, sparing=sparing)
        draw.put("muscle", solid, density=0.82 + 0.14 * gap, sparing=sparing)
    gland = ellipsoid(p, (58, 8, -78), (8, 13, 20))
    draw.put("muscle", gland, density=0.45, sparing=sparing)
    jaw = torch.minimum(
        tube(p, ((52, 0, -58), (49, -6, -92), (46, -12, -106)), 4.5, 6.0),
        tube(p, ((46, -12, -106), (32, -48, -114), (14, -70, -116), (0, -74, -116)), 6.5, 7.5),
    )
    teeth = tube(p, ((38, -34, -94), (27, -58, -96), (12, -70, -97), (0, -73, -97)), 6.0)
    upper = tube(p, ((34, -32, -80), (25, -56, -82), (12, -69, -82), (0, -72, -82)), 6.5)
    for solid in (jaw, upper):
        draw.put("bone", solid, sparing=sparing)
        draw.put("marrow_fat", solid + 2.2, sparing=sparing)
    draw.put("bone", teeth, density=0.95)
    atlas = tube(p, ((0, 16, -74), (14, 20, -74), (24, 36, -74), (14, 58, -74), (0, 64, -74)), 4.5)
    bodies = [ellipsoid(p, (0, 25, -84), (6, 6, 14))]
    bodies += [ellipsoid(p, (0, 24 - 0.02 * k, -100 - 17 * k), (10, 8.5, 8.0)) for k in range(4)]
    spines = [tube(p, ((12, 34, -98 - 17 * k), (17, 46, -98 - 17 * k), (0, 64, -104 - 17 * k)), 4.0) for k in range(4)]
    for solid in (atlas, *bodies, *spines):
        draw.put("bone", solid, sparing=("csf", "wm", "gm"))
        draw.put("marrow_fat", solid + 1.6, density=0.85, sparing=("csf", "wm", "gm"))
        draw.put("muscle", solid + 1.6, density=0.25 + 0.1 * float(rng.random()), sparing=("csf", "wm", "gm"))


def base(head: Head, _: np.random.Generator) -> None:
    """Bone of the skull base: clivus, petrous and sphenoid bones, mastoid and ear canals, zygoma."""
    draw = Drawing(head, (0, -84, -74), (84, 52, -14), skull=True)
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
    draw.put("air", rod(p, (54, 21, -44), (88, 19, -45), 3.2), density=0.95, sparing=inside)
    draw.put("csf", rod(p, (18, 31, -36), (30, 31, -36), 2.6, 1.8))
    for centre in ((36, 20, -42), (34, 27, -40)):  # cochlea, vestibule
        draw.put(
            "csf", ellipsoid(p, (float(centre[0]), float(centre[1]), float(centre[2])), (2.4, 2.4, 2.4)), density=0.7
        )


def sinuses(head: Head, rng: np.random.Generator) -> None:
    """Nose, sinuses, pharynx: air with mucosa around it; each side has its own size, some mucosa is thick."""
    draw = Drawing(head, (0, -112, -150), (46, 24, -2), skull=True)
    p, left = draw.folded, draw.points[0] > 0
    inside = ("csf", "gm", "wm")

    def sided(spread: float) -> torch.Tensor:
        one, two = (float(value) * spread for value in rng.standard_normal(2).clip(-1.5, 1.5))
        return torch.where(left, one, two)

    thick = abs(float(rng.standard_normal())) * 0.5
    pockets = (
        (ellipsoid(p, (28, -52, -64), (13, 17, 17)) + sided(1.2), 0.8 + thick),
        (ellipsoid(p, (9, -46, -41), (7, 19, 9)) + sided(0.7), 0.6),
        (ellipsoid(p, (8, -21, -40), (8, 12, 9)) + sided(1.5), 0.7),
        (ellipsoid(p, (10, -77.5, -15), (9, 3.6, 9)) + sided(1.4) + 0.6, 0.6),
    )
    for pocket, mucosa in pockets:
        draw.put("bone", pocket - 1.5, sparing=(*inside, "skin", "air"))
        draw.put("nasal_mucosa", pocket, sparing=(*inside, "skin", "air"))
        draw.put("air", pocket + mucosa, sparing=(*inside, "skin"))
    cells = (torch.sin(p[1] * 0.62) * torch.sin(p[2] * 0.6 + 1) * torch.sin(p[0] * 0.8)).abs()
    draw.put("nasal_mucosa", pockets[1][0], density=(1.1 - 3.0 * cells).clamp(0, 0.8), sparing=inside)
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
    throat = tube(flat, ((0, -26, -58), (0, -12, -68), (0, -6, -90), (0, -10, -112), (0, -8, -160)), 6.5, 5.5)
    draw.put("nasal_mucosa", throat - 2.0, sparing=inside)
    draw.put("air", throat, sparing=inside)
    mouth = ellipsoid(p, (0, -46, -82), (20, 22, 2.5))
    draw.put("muscle", mouth - 1.5, sparing=inside)
    draw.put("air", mouth, density=0.8 * float(rng.random()), sparing=inside)


def orbits(head: Head, rng: np.random.Generator) -> None:
    """Orbital fat, globes, optic nerves with their sheaths, the straight muscles, lacrimal glands."""
    draw = Drawing(head, (0, -92, -62), (54, -14, -16), skull=True)
    p = draw.folded
    inside = ("csf", "gm", "wm")
    cone = tube(p, ((32, -66, -37), (27, -46, -36), (17, -26, -32)), 16.5, 4.0)
    draw.put("bone", cone - 1.8, sparing=(*inside, "skin", "air"))
    draw.put("fat", cone, sparing=inside)
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
