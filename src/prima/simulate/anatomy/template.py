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
from numpy.typing import NDArray
from torch import Tensor

from prima.simulate.geometry.lattice import Lattice


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelTissue:
    """Tissue of a template that was made of a label map.

    Args:
        codes: [z, y, x] uint8, each voxel's row in `materials`, at 1 mm.
        lattice: where its voxels lie.
        materials: (tissue, share, rest, "yes" inside the skull, "ventricle" or "no") of each code.
        brain: [1, d, h, w] share of brain around each node, smoothed by a millimetre.
        brain_lattice: where its nodes lie.
        landmarks_mm: [N, 3] middles of deep structures in the template's frame.
    """

    codes: Tensor
    lattice: Lattice
    materials: tuple[tuple[str, float, str, str], ...]
    brain: Tensor
    brain_lattice: Lattice
    landmarks_mm: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Template:
    """Maps in template space, LPS mm.

    Args:
        tissue: [2, z, y, x] grey and white matter in 0..1 at 1 mm.
        tissue_lattice: where its voxels lie.
        cavity: [1, d, h, w] signed mm to the inner table of the skull and the spinal canal, negative inside.
        skin: the same for the surface of head and neck.
        lattice: where the nodes of these two lie.
        ventricle: [1, d, h, w] the same for the ventricles.
        ventricle_lattice: where its nodes lie.
        labels: tissue by labels, which takes the place of `tissue`; None in the packaged template.
    """

    tissue: Tensor
    tissue_lattice: Lattice
    cavity: Tensor
    skin: Tensor
    lattice: Lattice
    ventricle: Tensor
    ventricle_lattice: Lattice
    labels: LabelTissue | None = None


@lru_cache(maxsize=4)
def load_template(spacing_mm: float = 1.0, device: str = "cpu") -> Template:
    """The packaged template; the tissue maps are averaged a little when they will be read at a coarser spacing."""
    with (files("prima.simulate.anatomy") / "packaged" / "template.npz").open("rb") as file, np.load(file) as data:
        arrays = dict(data)
    tissue = torch.from_numpy(np.stack((arrays["gm"], arrays["wm"]))).float().div_(255)
    if spacing_mm > 1.25:
        tissue = _average(tissue, spacing_mm)
    surfaces = {
        name: torch.from_numpy(arrays[name].astype(np.float32))[None].to(device)
        for name in ("cavity", "skin", "ventricle")
    }
    return Template(
        tissue=tissue.to(device),
        tissue_lattice=_lattice(tissue, arrays["tissue_origin"], 1.0),
        cavity=surfaces["cavity"],
        skin=surfaces["skin"],
        ventricle=surfaces["ventricle"],
        lattice=_lattice(surfaces["skin"], arrays["lattice_origin"], float(arrays["lattice_mm"])),
        ventricle_lattice=_lattice(surfaces["ventricle"], arrays["ventricle_origin"], float(arrays["ventricle_mm"])),
    )


def _lattice(field: Tensor, origin: NDArray[np.float64], node_mm: float) -> Lattice:
    shape, low = field.shape[1:], [float(value) for value in origin]
    return Lattice(shape=(shape[0], shape[1], shape[2]), node_mm=node_mm, origin_mm=(low[0], low[1], low[2]))


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
