"""Where a label map lies in the template: landmarks, and the affine between them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prima.simulate.anatomy.label_map import LabelMap, LabelRow, label_rows
from prima.simulate.anatomy.template import load_template

Floats = NDArray[np.float64]

_CEREBRUM = (2, 3, 41, 42)
_EXTREME_WEIGHT = 2.0
# An extreme is the value that so many of a thousand voxels lie beyond: a single stray voxel says nothing.
_BEYOND = 0.002


def landmarks_mm(head: LabelMap) -> tuple[Floats, list[int]]:
    """Middles [N, 3] of structures with a place in the template, LPS mm of the head; their numbers in the table."""
    found, numbers = [], []
    index = np.argwhere(_among(head, tuple(row.label for row in _landmark_rows())))
    labels = head.labels[tuple(index.T)]
    for number, row in enumerate(_landmark_rows()):
        of_this = index[labels == row.label]
        if len(of_this):
            found.append(head.affine.apply(of_this.mean(axis=0)))
            numbers.append(number)
    return np.array(found), numbers


def _among(head: LabelMap, labels: tuple[int, ...]) -> NDArray[np.bool_]:
    table = np.zeros(max(label_rows()) + 1, bool)
    table[list(labels)] = True
    return table[head.labels]


def _landmark_rows() -> list[LabelRow]:
    return [row for row in label_rows().values() if row.middle_mm is not None]


def to_template(head: LabelMap) -> Floats:
    """[4, 4] from LPS mm of the head to the template: landmarks and the ends of the cerebrum, least squares."""
    found, numbers = landmarks_mm(head)
    places = np.array([row.middle_mm for row in _landmark_rows()])[numbers]
    points = [np.append(point, 1) for point in found]
    rows: list[list[tuple[Floats, float, float]]] = [
        [(point, place[axis], 1.0) for point, place in zip(points, places, strict=True)] for axis in range(3)
    ]
    ends, template_ends = _ends(head), _template_ends()
    for (axis, end), point in ends.items():
        rows[axis].append((np.append(point, 1), template_ends[axis, end], _EXTREME_WEIGHT))
    matrix = np.eye(4)
    for axis in range(3):
        left = np.array([point * weight for point, _, weight in rows[axis]])
        right = np.array([target * weight for _, target, weight in rows[axis]])
        matrix[axis] = np.linalg.lstsq(left, right, rcond=None)[0]
    return matrix


def _ends(head: LabelMap) -> dict[tuple[int, str], Floats]:
    """The point of the cerebrum farthest along each direction: (axis, "low" or "high")."""
    points = head.affine.apply(np.argwhere(_among(head, _CEREBRUM)).astype(float))
    result = {}
    for axis in range(3):
        low, high = np.quantile(points[:, axis], (_BEYOND, 1 - _BEYOND))
        result[axis, "low"] = points[points[:, axis] <= low].mean(axis=0)
        result[axis, "high"] = points[points[:, axis] >= high].mean(axis=0)
    result.pop((2, "low"))  # temporal lobes here, in the template's maps the cerebellum
    return result


def _template_ends() -> dict[tuple[int, str], float]:
    """The same of the template: one coordinate each."""
    template = load_template()
    brain = (template.tissue.sum(0) > 0.5).cpu().numpy()
    z, y, x = (
        origin + template.tissue_lattice.node_mm * np.arange(size)
        for origin, size in zip(template.tissue_lattice.origin_mm, brain.shape, strict=True)
    )
    brain &= (z > -22)[:, None, None]
    points = np.argwhere(brain)
    values = np.stack([x[points[:, 2]], y[points[:, 1]], z[points[:, 0]]], axis=1)
    result = {}
    for axis in range(3):
        low, high = np.quantile(values[:, axis], (_BEYOND, 1 - _BEYOND))
        result[axis, "low"] = float(values[values[:, axis] <= low, axis].mean())
        result[axis, "high"] = float(values[values[:, axis] >= high, axis].mean())
    result.pop((2, "low"))
    return result
