"""Small volumes with the statistics of MR images, and files of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

AFFINE = np.diag([3.0, 3.0, 5.0, 1.0])


def made_head(shape: tuple[int, int, int] = (64, 64, 24), seed: int = 0, csf: float = 900.0) -> NDArray[np.float64]:
    """Magnitude [I, J, K]: noise outside, skull, tissue of two kinds and fluid inside, Rician noise everywhere."""
    random = np.random.default_rng(seed)
    axes = np.meshgrid(*(np.linspace(-1, 1, size) for size in shape), indexing="ij")
    radius = np.sqrt(sum((axis / reach) ** 2 for axis, reach in zip(axes, (0.75, 0.85, 0.9), strict=True)))
    signal = np.select([radius < 0.25, radius < 0.7, radius < 0.85, radius < 1.0], [csf, 500.0, 650.0, 150.0], 0.0)
    signal = signal * (1 + 0.2 * axes[0])
    noise = random.normal(scale=20, size=(2, *shape))
    return np.hypot(signal + noise[0], noise[1])


@pytest.fixture
def head() -> Callable[..., NDArray[np.float64]]:
    """Makes a head; see `made_head`."""
    return made_head


@pytest.fixture
def save_image() -> Callable[..., Path]:
    """Writes voxels [I, J, K] in any format that nibabel writes."""

    def save(path: Path, voxels: NDArray[Any], affine: NDArray[Any] = AFFINE, unit: str | None = "mm") -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        image: Any
        if path.name.endswith((".mgz", ".mgh")):
            image = nib.freesurfer.mghformat.MGHImage(voxels, affine)
        elif path.suffix in (".hdr", ".img"):
            image = nib.nifti1.Nifti1Pair(voxels, affine)
        else:
            image = nib.nifti1.Nifti1Image(voxels, affine)
            if unit is not None:
                image.header.set_xyzt_units(unit)
        image.to_filename(path)
        return path

    return save
