"""Regions of a head as maps in 0..1: which part of the tissue belongs to which lobe, space, nucleus or territory.

Borders are soft and drawn in template space: lobes and territories belong to the nearest of a few seeds, nuclei are
ellipsoids. Territories after Tatu 1998 and 2012, in outline.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from prima.simulate.anatomy.head import Head
from prima.simulate.geometry.fields import step
from prima.simulate.geometry.solids import Point, ellipsoid, mirrored
from prima.simulate.people.case import Side

# Seeds on the left side, template LPS mm; a point belongs to the region of the nearest seed.
LOBES: dict[str, tuple[Point, ...]] = {
    "frontal_lobe": (
        (10, -58, 0),
        (40, -34, 10),
        (14, -30, 48),
        (34, -4, 52),
        (16, -34, -18),
        (14, 0, 58),
        (30, -26, 28),
    ),
    "parietal_lobe": ((42, 36, 46), (14, 52, 52), (52, 42, 28), (20, 36, 66), (24, 44, 34), (12, 40, 36)),
    "temporal_lobe": (
        (54, 6, -22),
        (58, 34, -2),
        (34, -8, -34),
        (44, 40, -18),
        (34, 16, -28),
        (40, 22, -12),
        (60, 12, -4),
    ),
    "occipital_lobe": ((12, 88, 6), (34, 82, 6), (14, 74, 2), (28, 84, -10), (24, 70, 12), (16, 84, 26)),
    "insula": ((38, -6, 0), (38, 8, 6)),
    "central": ((10, 0, 22), (24, -4, 4), (12, 16, 8), (10, -24, 8), (16, 6, -6)),
    "brainstem": ((0, 22, -14), (0, 26, -32), (0, 38, -54), (0, 42, -68), (8, 28, -32)),
    "cerebellum": (
        (24, 62, -36),
        (6, 66, -24),
        (6, 62, -46),
        (38, 58, -38),
        (14, 70, -52),
        (16, 48, -36),
        (12, 54, -18),
    ),
}
TERRITORIES: dict[str, tuple[Point, ...]] = {
    "aca_territory": ((6, -50, 0), (8, -34, 38), (8, 4, 56), (8, 36, 52), (6, -24, 24), (10, -60, 20)),
    "mca_territory": (
        (46, -8, 8),
        (44, 24, 20),
        (48, 44, 26),
        (40, -30, 24),
        (56, 20, -6),
        (28, -2, 8),
        (40, 4, 44),
        (40, -10, -28),
        (30, 10, 26),
    ),
    "pca_territory": ((12, 84, 4), (30, 80, 0), (32, 40, -18), (12, 62, 4), (12, 20, 6), (16, 78, 22), (28, 24, -18)),
    "posterior_circulation": ((24, 62, -40), (0, 28, -34), (8, 66, -26), (0, 40, -58), (10, 50, -20)),
}
NUCLEI: dict[str, tuple[tuple[Point, Point], ...]] = {
    "thalamus": (((12, 19, 7), (10, 15, 9)),),
    "caudate": (((12, -14, 6), (7, 12, 11)), ((15, 2, 20), (5, 14, 5))),
    "putamen": (((26, -3, 2), (7, 18, 11)),),
    "globus_pallidus": (((19, 4, -1), (6, 10, 7)),),
    "hippocampus": (((28, 20, -14), (8, 18, 7)),),
    "amygdala": (((24, 4, -19), (8, 8, 8)),),
    "corpus_callosum": (((0, -28, 8), (14, 9, 10)), ((0, 0, 25), (16, 32, 7)), ((0, 38, 14), (16, 9, 10))),
    "internal_capsule": (((20, 4, 10), (6, 26, 14)),),
    "pituitary": (((0, -4, -33), (9, 8, 6)),),
    "substantia_nigra": (((10, 19, -13), (6, 4, 4)),),
    "red_nucleus": (((5, 21, -9), (3, 3, 4)),),
    "dentate_nucleus": (((14, 56, -36), (6, 9, 6)),),
    "deep_nuclei": (
        ((12, 19, 7), (11, 16, 10)),
        ((12, -14, 6), (8, 13, 12)),
        ((15, 2, 20), (6, 15, 6)),
        ((26, -3, 2), (8, 19, 12)),
        ((19, 4, -1), (7, 11, 8)),
    ),
}


def _soft_seeds(points: Tensor, groups: dict[str, tuple[Point, ...]], name: str) -> Tensor:
    """How clearly the nearest seed is one of a group's, 0.5 on the border, over about 6 mm."""
    folded = mirrored(points)
    nearest: dict[str, Tensor] = {}
    for group, seeds in groups.items():
        far = [sum((folded[i] - seed[i]).square() for i in range(3)) for seed in seeds]
        nearest[group] = torch.stack([torch.as_tensor(part) for part in far]).amin(0).sqrt()
    nearest_other = torch.stack([far for group, far in nearest.items() if group != name]).amin(0)
    return step(0.5 + (nearest_other - nearest[name]) / 12)


def _solids(points: Tensor, solids: tuple[tuple[Point, Point], ...], edge_mm: float) -> Tensor:
    folded = mirrored(points)
    return step(0.5 - torch.stack([ellipsoid(folded, *solid) for solid in solids]).amin(0) / edge_mm)


def _tissues(head: Head, *names: str) -> Tensor:
    return torch.stack([head.fraction(name) for name in names]).sum(0)


def _spread(head: Head, of_points: Callable[[Tensor], Tensor]) -> Tensor:
    """A smooth map of template points, at the voxels."""
    lattice = head.shape.lattice
    return lattice.on_grid(of_points(head.shape.inner)[None].to(head.device), head.grid)[0]


def _ventricle_distance(head: Head) -> Tensor:
    return _spread(head, lambda points: head.template.ventricle_lattice.at(head.template.ventricle, points)[0])


_BRAIN = ("gm", "wm", "deep_gm")


def region_map(head: Head, name: str, side: Side = "both") -> Tensor:
    """[z, y, x] in 0..1: how much of each voxel belongs to a region (`region_names`), as the head is now.

    Raises:
        KeyError: there is no such region; the message names those there are.
    """
    if name in LOBES:
        region = _tissues(head, *_BRAIN) * _spread(head, lambda points: _soft_seeds(points, LOBES, name))
    elif name in TERRITORIES:
        region = _tissues(head, *_BRAIN) * _spread(head, lambda points: _soft_seeds(points, TERRITORIES, name))
    elif name in NUCLEI:
        region = _tissues(head, *_BRAIN, "pituitary") * _spread(head, lambda points: _solids(points, NUCLEI[name], 3.0))
    elif name in _MAPS:
        region = _MAPS[name](head)
    else:
        raise KeyError(f"no region {name!r}; known: {', '.join(region_names())}")
    if side in ("left", "right"):
        sign = 1 if side == "left" else -1
        region = region * _spread(head, lambda points: step(0.5 + sign * points[0] / 4))
    return region


def region_names() -> tuple[str, ...]:
    """The names of the regions."""
    return (*LOBES, *TERRITORIES, *NUCLEI, *_MAPS)


def _ventricles(head: Head) -> Tensor:
    return _tissues(head, "csf", "choroid") * step((4.0 - _ventricle_distance(head)) / 3)


def _part_of_ventricles(low: Point, high: Point) -> Callable[[Head], Tensor]:
    def part(head: Head) -> Tensor:
        def inside(points: Tensor) -> Tensor:
            folded = mirrored(points)
            share = torch.ones_like(folded[0])
            for i in range(3):
                share = share * step((folded[i] - low[i]) / 4 + 0.5) * step((high[i] - folded[i]) / 4 + 0.5)
            return share

        return _ventricles(head) * _spread(head, inside)

    return part


def _cisterns(head: Head) -> Tensor:
    outside = _tissues(head, "csf") * step((_ventricle_distance(head) - 1.0) / 3)

    def base(points: Tensor) -> Tensor:
        folded = mirrored(points)
        low = step((2 - folded[2]) / 8) * step((folded[2] + 74) / 6)
        basal = step((34 - folded[0]) / 8) * step((folded[1] + 24) / 8) * step((60 - folded[1]) / 10)
        return torch.maximum(low * basal, step(1 - ellipsoid(folded, (0, 62, -60), (22, 14, 14)) / 4))

    return outside * _spread(head, base)


_MAPS: dict[str, Callable[[Head], Tensor]] = {
    "brain": lambda head: _tissues(head, *_BRAIN),
    "cortex": lambda head: _tissues(head, "gm"),
    "grey_matter": lambda head: _tissues(head, "gm", "deep_gm"),
    "white_matter": lambda head: _tissues(head, "wm"),
    "deep_gm": lambda head: _tissues(head, "deep_gm"),
    "csf_spaces": lambda head: _tissues(head, "csf", "choroid"),
    "inside": lambda head: _tissues(head, *_BRAIN, "csf", "choroid"),
    "ventricles": _ventricles,
    "lateral_ventricles": lambda head: (
        _ventricles(head) - _MAPS["third_ventricle"](head) - _MAPS["fourth_ventricle"](head)
    ),
    "third_ventricle": _part_of_ventricles((-1, -16, -20), (4, 30, 8)),
    "fourth_ventricle": _part_of_ventricles((-1, 32, -70), (18, 64, -16)),
    "sulci": lambda head: (
        _tissues(head, "csf")
        * step((_ventricle_distance(head) - 1.0) / 3)
        * _spread(head, lambda p: step((p[2] + 14) / 10))
    ),
    "cisterns": _cisterns,
    "periventricular": lambda head: _tissues(head, "wm") * step((10 - _ventricle_distance(head)) / 5),
    "deep_white_matter": lambda head: (
        _tissues(head, "wm") * step((_ventricle_distance(head) - 6) / 5) * step((26 - _ventricle_distance(head)) / 8)
    ),
    "cerebrum": lambda head: _tissues(head, *_BRAIN) - _MAPS["infratentorial"](head),
    "infratentorial": lambda head: region_map(head, "brainstem") + region_map(head, "cerebellum"),
    "skull": lambda head: _tissues(head, "bone", "marrow_fat"),
    "scalp": lambda head: _tissues(head, "skin", "fat"),
    "dura": lambda head: _tissues(head, "dura"),
    "choroid_plexus": lambda head: _tissues(head, "choroid"),
    "outside": lambda head: _tissues(head, "air"),
    "venous_sinuses": lambda head: _tissues(head, "venous_blood"),
    "arteries": lambda head: _tissues(head, "arterial_blood"),
}
