"""How the slices of a scan lie in the patient."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prima.study.affine import Affine
from prima.study.volume import Plane

# How array axes lie in the patient (LPS): slice, row index, column index. Rows and columns as on a film seen from the
# feet (axial), the front (coronal) and the left (sagittal).
_AXES: dict[Plane, tuple[tuple[int, ...], ...]] = {
    "axial": ((0, 0, 1), (0, 1, 0), (1, 0, 0)),
    "coronal": ((0, 1, 0), (0, 0, -1), (1, 0, 0)),
    "sagittal": ((-1, 0, 0), (0, 0, -1), (0, 1, 0)),
}


def stack_affine(
    plane: Plane,
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    centre_mm: tuple[float, float, float],
    tilt_deg: float = 0.0,
) -> Affine:
    """From (d, h, w) to LPS mm of a stack whose middle is `centre_mm`, turned about the patient's x.

    Example:
        >>> stack_affine("coronal", (3, 5, 5), (4.0, 1.0, 1.0), (0.0, 0.0, 0.0)).origin_mm
        array([-2., -4.,  2.])
    """
    angle = np.deg2rad(tilt_deg)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    matrix = np.eye(4)
    matrix[:3, :3] = turn @ np.array(_AXES[plane], np.float64).T * spacing_mm
    matrix[:3, 3] = np.array(centre_mm) - matrix[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Affine(matrix)


def pose_matrix(roll_deg: float, yaw_deg: float) -> NDArray[np.float64]:
    """[4, 4] of a head that leans to a shoulder (`roll_deg`, about y) and looks aside (`yaw_deg`, about z)."""
    roll, yaw = np.deg2rad([roll_deg, yaw_deg])
    about_y = np.array([[np.cos(roll), 0, np.sin(roll)], [0, 1, 0], [-np.sin(roll), 0, np.cos(roll)]])
    about_z = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
    matrix = np.eye(4)
    matrix[:3, :3] = about_z @ about_y
    return matrix
