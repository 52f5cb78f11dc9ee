"""A label map of a simulated head, in FreeSurfer's and SynthSeg's numbers and axes."""

from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from prima.simulate.anatomy.build_head import build_head
from prima.simulate.anatomy.head import TISSUE_NAMES
from prima.simulate.anatomy.label_map import label_rows
from prima.simulate.geometry.solids import Point
from prima.simulate.people.case import Case

SPACING_MM = 2.0
_LABEL_OF = {
    "csf": 24, "bone": 515, "marrow_fat": 516, "fat": 507, "muscle": 507, "skin": 511, "air": 0, "vitreous": 506,
    "lens": 506, "arterial_blood": 24, "venous_blood": 514, "dura": 24, "pituitary": 24, "choroid": 24,
    "nasal_mucosa": 509,
}  # fmt: skip
_NUCLEI = {10: (9, 12, 8), 11: (6, 12, 10), 12: (6, 15, 10), 13: (5, 8, 6), 17: (7, 14, 6), 18: (7, 7, 7)}
_RIGHT = {10: 49, 11: 50, 12: 51, 13: 52, 17: 53, 18: 54, 8: 47}


def labels_of(case: Case) -> tuple[NDArray[np.int16], NDArray[np.float64]]:
    """[i, j, k] labels and the affine to RAS mm of a case's head, turned to the left, the feet and the front."""
    head = build_head(case, spacing_mm=SPACING_MM)
    most = head.fractions.argmax(0)
    labels = np.zeros(head.grid.shape, np.int16)
    x, y, z = head.shape.lattice.on_grid(head.shape.inner, head.grid)
    left = (x > 0).numpy()
    ventricle = head.shape.template.ventricle_lattice.at(head.shape.template.ventricle, head.shape.inner)
    hollow = head.shape.lattice.on_grid(ventricle, head.grid)[0].numpy() < 0
    behind = ((z < -18) & (y > 36)).numpy()
    for channel, name in enumerate(TISSUE_NAMES):
        here = (most == channel).numpy()
        if name in _LABEL_OF:
            labels[here] = _LABEL_OF[name]
        elif name == "wm":
            labels[here] = np.where(left, 2, 41)[here]
        else:
            labels[here] = np.where(behind, np.where(left, 8, 47), np.where(left, 3, 42))[here]
    labels[(labels == 24) & hollow] = np.where(left, 4, 43)[(labels == 24) & hollow]
    points = np.stack([x.numpy(), y.numpy(), z.numpy()])
    brain = np.isin(labels, (2, 3, 41, 42, 8, 47))
    for label, size in _NUCLEI.items():
        middle = label_rows()[label].middle_mm
        assert middle is not None
        for number, sign in ((label, 1), (_RIGHT[label], -1)):
            labels[brain & _ellipsoid(points, (sign * middle[0], middle[1], middle[2]), size)] = number
    labels[brain & _ellipsoid(points, (0, 28, -33), (9, 10, 22))] = 16
    labels[_ellipsoid(points, (0, 45, -34), (7, 4, 8))] = 15
    turned = labels.transpose(2, 1, 0)[:, :, ::-1].transpose(0, 2, 1)  # x to the left, z to the feet, y to the back
    low_z = float(head.grid.affine.apply([0, 0, 0])[2])
    first = head.grid.affine.apply([0, 0, 0])
    affine = np.zeros((4, 4))
    affine[0, 0], affine[2, 1], affine[1, 2] = -SPACING_MM, -SPACING_MM, -SPACING_MM
    affine[:3, 3] = [-first[0], -first[1], low_z + SPACING_MM * (labels.shape[0] - 1)]
    affine[3, 3] = 1
    return np.ascontiguousarray(turned), affine


def _ellipsoid(points: NDArray[np.float32], middle: Point, size: Point) -> NDArray[np.bool_]:
    return sum(((points[axis] - middle[axis]) / size[axis]) ** 2 for axis in range(3)) < 1


def write_label_map(path: Path, labels: NDArray[np.int16], affine: NDArray[np.float64]) -> Path:
    nib.save(nib.Nifti1Image(labels, affine), path)
    return path
