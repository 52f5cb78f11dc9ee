"""How the receive coils see: sensitivity over a head in its coil, in head space.

Elements of an array lie on the helmet, so that what is near the surface gives more signal (Roemer 1990, MRM 16:192), as
far as normalisation leaves it; the helmet ends at the chin, and signal fades down the neck over a few centimetres.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from prima.study.affine import Affine

END_MM, END_SPREAD_MM = -104.0, 8.0
"""Height at which half of the signal is left, and how it differs between studies."""
WIDTH_MM = 12.0
MIDDLE_MM = (0.0, 15.0, 5.0)
RADIUS_MM = (72.0, 92.0, 80.0)
"""Of the head: what lies so far from the middle along x, y or z gains by the whole strength."""


def receive(image: torch.Tensor, affine: Affine, *, end_mm: float, surface: float) -> None:
    """Multiply a scan [D, H, W] with the sensitivity, in place; turns of the stack are left out of account.

    Args:
        affine: from (d, h, w) to head space in mm.
        end_mm: height at which half of the signal is left.
        surface: gain at the surface, against the middle.
    """
    centre = affine @ [*((size - 1) / 2 for size in image.shape), 1.0]
    for axis, size in enumerate(image.shape):
        patient = int(np.argmax(np.abs(affine[:3, axis])))
        places = centre[patient] + (np.arange(size) - (size - 1) / 2) * affine[patient, axis]
        line = 1 + surface * np.square((places - MIDDLE_MM[patient]) / RADIUS_MM[patient]).clip(0, 2)
        if patient == 2:
            line = np.where(places < 0, 1, line) * below(places, end_mm)
        shape = [-1 if array_axis == axis else 1 for array_axis in range(3)]
        image.mul_(torch.from_numpy(line.astype(np.float32)).to(image.device).reshape(shape))


def below(z_mm: NDArray[np.float64], end_mm: float) -> NDArray[np.float64]:
    """1 in the brain, a half at the end of the coil.

    Example:
        >>> below(np.array([0.0, -104.0, -200.0]), -104.0).round(2)
        array([1. , 0.5, 0. ])
    """
    return np.asarray(1 / (1 + np.exp((end_mm - z_mm) / WIDTH_MM)))
