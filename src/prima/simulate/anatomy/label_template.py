"""A label map made into a template: laid into template space, with the surfaces that shape and pathology ask for.

Sites, hooks and forms of lesions read a template's cavity, skin and ventricles; a label map that has them is deformed,
pushed and painted on as the packaged template is. Needs scipy.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from prima.files.optional import require
from prima.simulate.anatomy.label_landmarks import landmarks_mm, to_template
from prima.simulate.anatomy.label_map import LabelMap, LabelRow, label_rows
from prima.simulate.anatomy.template import LabelTissue, Template, load_template
from prima.simulate.geometry.lattice import Lattice

_LOW_MM, _HIGH_MM = (-150, -132, -100), (110, 136, 100)
_SURFACE_MM = 2
_CLOSED_MM = 10.0
_BRAIN = ("gm", "wm", "deep_gm")


def template_of(head: LabelMap) -> Template:
    """The template that a label map makes.

    Raises:
        MissingDependencyError: scipy is not installed.
    """
    ndimage = require("scipy.ndimage", "building heads on label maps", extra="simulate")
    packaged = load_template()
    codes, materials = _coded(head.labels)
    lattice = Lattice(
        shape=(_HIGH_MM[0] - _LOW_MM[0] + 1, _HIGH_MM[1] - _LOW_MM[1] + 1, _HIGH_MM[2] - _LOW_MM[2] + 1),
        node_mm=1.0,
        origin_mm=(float(_LOW_MM[0]), float(_LOW_MM[1]), float(_LOW_MM[2])),
    )
    matrix = to_template(head)
    to_index = np.linalg.inv(matrix @ head.affine.matrix)[:, [2, 1, 0, 3]]  # from (z, y, x) mm of the template
    offset = to_index[:3] @ [*lattice.origin_mm, 1]
    codes = ndimage.affine_transform(codes, to_index[:3, :3], offset, lattice.shape, order=0, mode="nearest")
    coarse = slice(None, None, _SURFACE_MM)
    coarse_codes = codes[coarse, coarse, coarse]
    brain = np.array([row.tissue in _BRAIN and row.inside == "yes" for row in materials])[coarse_codes]
    inside = np.array([row.inside != "no" for row in materials])[coarse_codes]
    ventricle = np.array([row.inside == "ventricle" for row in materials])[coarse_codes]
    solid = np.array([row.tissue != "air" for row in materials])[coarse_codes]
    surfaces = {
        "cavity": _distance(ndimage, _whole(ndimage, inside, 4.0)),
        "skin": _distance(ndimage, _whole(ndimage, solid, _CLOSED_MM)),
        "ventricle": _distance(ndimage, ventricle),
    }
    surface_lattice = replace(lattice, shape=surfaces["cavity"].shape, node_mm=float(_SURFACE_MM))
    cavity, skin, ventricles = (
        surface_lattice.on_lattice(torch.from_numpy(field.astype(np.float32))[None], target)
        for field, target in zip(
            surfaces.values(), (packaged.lattice, packaged.lattice, packaged.ventricle_lattice), strict=True
        )
    )
    return replace(
        packaged,
        cavity=cavity,
        skin=skin,
        ventricle=ventricles,
        labels=LabelTissue(
            codes=torch.from_numpy(codes),
            lattice=lattice,
            materials=tuple((row.tissue, row.share, row.rest, row.inside) for row in materials),
            brain=torch.from_numpy(ndimage.gaussian_filter(brain.astype(np.float32), 0.5))[None],
            brain_lattice=surface_lattice,
            landmarks_mm=torch.from_numpy(_laid(head, matrix).astype(np.float32)),
        ),
    )  # fmt: skip


def _laid(head: LabelMap, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """[N, 3] landmarks in the template's frame, NaN where the head has none of that structure."""
    found, names = landmarks_mm(head)
    rows = np.full((sum(row.middle_mm is not None for row in label_rows().values()), 3), np.nan)
    rows[names] = (np.c_[found, np.ones(len(found))] @ matrix.T)[:, :3]
    return rows


def _coded(labels: NDArray[np.int16]) -> tuple[NDArray[np.uint8], list[LabelRow]]:
    """Codes of materials: labels that are made of the same share one."""
    materials: list[LabelRow] = []
    table = np.zeros(max(label_rows()) + 1, np.uint8)
    for label, row in label_rows().items():
        alike = replace(row, label=0, middle_mm=None)
        if alike not in materials:
            materials.append(alike)
        table[label] = materials.index(alike)
    return table[labels], materials


def _whole(ndimage: Any, mask: NDArray[np.bool_], closed_mm: float) -> NDArray[np.bool_]:
    """The largest piece, closed over gaps, without holes in any axial slice."""
    parts, count = ndimage.label(mask)
    if count > 1:
        sizes = np.bincount(parts.ravel())
        sizes[0] = 0
        mask = parts == int(np.argmax(sizes))
    reach = round(closed_mm / _SURFACE_MM / 2)
    padded = np.pad(mask, reach, mode="edge")
    padded = ndimage.binary_erosion(ndimage.binary_dilation(padded, iterations=reach), iterations=reach, border_value=1)
    closed = padded[reach:-reach, reach:-reach, reach:-reach] | mask
    return np.stack([ndimage.binary_fill_holes(layer) for layer in closed])


def _distance(ndimage: Any, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Signed mm to the border, negative inside, smoothed by a millimetre."""
    outside, inside = (ndimage.distance_transform_edt(part, sampling=_SURFACE_MM) for part in (~mask, mask))
    signed: NDArray[np.float64] = ndimage.gaussian_filter(outside - inside, 0.5)
    return signed
