"""The template that every head is made of: tissue maps and surfaces of an average adult, packaged with the library.

Grey and white matter come from the ICBM 152 nonlinear symmetric template 2009a (Fonov 2011; see packaged/NOTICE.md);
`runs/make_template.py` says what was changed and what was added.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
import torch
from torch import Tensor

from prima.simulate.lattice import Lattice


@dataclass(frozen=True, kw_only=True, eq=False)
class Template:
    """Maps in template space, LPS mm.

    Args:
        tissue: [2, z, y, x] grey and white matter in 0..1 at 1 mm.
        tissue_lattice: where its voxels lie.
        cavity: [1, d, h, w] signed mm to the inner table of the skull and the spinal canal, negative inside.
        ventricle: the same for the ventricles.
        skin: the same for the surface of head and neck.
        lattice: where the nodes of these three lie.
    """

    tissue: Tensor
    tissue_lattice: Lattice
    cavity: Tensor
    ventricle: Tensor
    skin: Tensor
    lattice: Lattice


@lru_cache(maxsize=4)
def load_template(spacing_mm: float = 1.0, device: str = "cpu") -> Template:
    """The packaged template; the tissue maps are averaged a little when they will be read at a coarser spacing."""
    with (files("prima.simulate") / "packaged" / "template.npz").open("rb") as file, np.load(file) as data:
        tissue = torch.from_numpy(np.stack((data["gm"], data["wm"]))).float().div_(255)
        origin, low, node = data["tissue_origin"], data["lattice_origin"], float(data["lattice_mm"])
        surfaces = {name: torch.from_numpy(data[name].astype(np.float32))[None] for name in ("cavity", "ventricle", "skin")}
    if spacing_mm > 1.25:
        tissue = _average(tissue, spacing_mm)
    shape, coarse = tissue.shape[1:], surfaces["skin"].shape[1:]
    return Template(
        tissue=tissue.to(device),
        tissue_lattice=Lattice(
            shape=(shape[0], shape[1], shape[2]), node_mm=1.0, origin_mm=(origin[0], origin[1], origin[2])
        ),
        lattice=Lattice(shape=(coarse[0], coarse[1], coarse[2]), node_mm=node, origin_mm=(low[0], low[1], low[2])),
        **{name: surface.to(device) for name, surface in surfaces.items()},
    )


def _average(tissue: Tensor, spacing_mm: float) -> Tensor:
    """Blur [C, z, y, x] at 1 mm by three taps an axis, such that coarser sampling does not alias."""
    side = min(0.28, 0.1 + 0.1 * (spacing_mm - 1))
    taps = torch.tensor([side, 1 - 2 * side, side])
    for axis in range(3):
        shape = [1, 1, 1, 1, 1]
        shape[2 + axis] = 3
        padding = tuple(int(i == axis) for i in range(3))
        tissue = torch.nn.functional.conv3d(tissue[:, None], taps.view(shape), padding=padding)[:, 0]
    return tissue
