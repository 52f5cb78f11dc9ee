"""Small grey pictures of a series in three planes, and all of its slices, for the report page.

Radiological convention: the patient's right is on the left of axial and coronal pictures; sagittal pictures look to
the left of the page (anterior on the left). The volume is only looked at: nothing of it is kept.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prima.study import Plane, Series, Volume

LONGEST_SIDE = 240
"""Pixels along the longer side of a picture."""

SLICE_SIDE = 256
"""Pixels along the longer side of a slice of the strip."""

SLICE_QUALITY = 85
"""Of the JPEG that holds all slices: 4 to 8 KiB a slice."""

HEADROOM = 1.15
"""White lies this much higher above black than the brightest tissue of the middle."""

SAMPLES_PER_AXIS = 64
"""Window and centre are found on a grid of about this many voxels along each axis."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One grey PNG and the letters of its edges (R, L, A, P, S, I)."""

    png: bytes
    width: int
    height: int
    left: str
    right: str
    top: str
    bottom: str


@dataclass(frozen=True, kw_only=True)
class Strip:
    """Every slice of the acquired plane in one grey JPEG: row after row, from foot, front or right on.

    Args:
        jpeg: a grid of `columns` slices a row.
        num_slices: how many.
        columns: slices a row.
        width: pixels of one slice.
        height: pixels of one slice.
        middle: index of the slice that the pictures show.
    """

    jpeg: bytes
    num_slices: int
    columns: int
    width: int
    height: int
    middle: int

    @property
    def rows(self) -> int:
        """Rows of the grid."""
        return -(-self.num_slices // self.columns)


@dataclass(frozen=True, kw_only=True)
class SeriesPictures:
    """A series in three planes; `acquired` is the plane it was acquired in, the others are cut from it."""

    axial: Picture
    coronal: Picture
    sagittal: Picture
    acquired: Plane
    strip: Strip

    @property
    def picture(self) -> Picture:
        """The picture of the acquired plane."""
        return {"axial": self.axial, "coronal": self.coronal, "sagittal": self.sagittal}[self.acquired]


def make_pictures(series: Series) -> SeriesPictures:
    """Draw a series through the centre of its foreground, aspect as in the patient.

    An oblique volume is shown in its own axes, each named by the patient axis nearest to it: nothing is resampled but
    the finished picture. Black is the 1st percentile of all voxels (the background, so that the darkest tissue stays
    visible); white lies a little above the 99.5th of the foreground's middle, that is without the scalp, whose fat
    would darken the brain.
    """
    voxels, spacing_mm = _to_patient_axes(series.volume)
    sample = voxels[tuple(slice(None, None, max(1, size // SAMPLES_PER_AXIS)) for size in voxels.shape)]
    foreground = _foreground(sample)
    low, high = _window(sample, foreground)
    z, y, x = (
        min(size - 1, _quantile(foreground, axis, 0.5) * max(1, size // SAMPLES_PER_AXIS))
        for axis, size in enumerate(voxels.shape)
    )
    dz, dy, dx = spacing_mm

    def picture(pixels: NDArray[Any], row_mm: float, column_mm: float, edges: str) -> Picture:
        left, right, top, bottom = tuple(edges)
        png, width, height = _png(_grey(pixels, low, high), row_mm, column_mm)
        return Picture(png=png, width=width, height=height, left=left, right=right, top=top, bottom=bottom)

    slices, row_mm, column_mm, middle = {
        "axial": (voxels, dy, dx, z),
        "coronal": (voxels[::-1].transpose(1, 0, 2), dz, dx, y),
        "sagittal": (voxels[::-1].transpose(2, 0, 1), dz, dy, x),
    }[series.plane]
    return SeriesPictures(
        axial=picture(voxels[z], dy, dx, "RLAP"),
        coronal=picture(voxels[::-1, y], dz, dx, "RLSI"),
        sagittal=picture(voxels[::-1, :, x], dz, dy, "APSI"),
        acquired=series.plane,
        strip=_strip(slices, (low, high), row_mm, column_mm, middle),
    )


def _to_patient_axes(volume: Volume) -> tuple[NDArray[Any], tuple[float, float, float]]:
    """A view of the voxels as [z to the head, y to the back, x to the left], and its spacing in mm."""
    spacing = volume.spacing_mm
    directions = volume.affine.direction
    z, y, x = max(permutations(range(3)), key=lambda axes: sum(abs(directions[2 - i, axes[i]]) for i in range(3)))
    flips = tuple(
        slice(None, None, -1 if directions[row, axis] < 0 else 1)
        for row, axis in zip((2, 1, 0), (z, y, x), strict=True)
    )
    return volume.voxels.transpose(z, y, x)[flips], (spacing[z], spacing[y], spacing[x])


def _foreground(sample: NDArray[Any]) -> NDArray[np.bool_]:
    """Voxels clearly above the background: an eighth of the way from the darkest to the nearly brightest."""
    finite: NDArray[np.bool_] = np.isfinite(sample)
    if not finite.any():
        return finite
    darkest, brightest = np.percentile(sample[finite], (1, 99))
    mask: NDArray[np.bool_] = np.greater(sample, darkest + (brightest - darkest) / 8) & finite
    return mask if mask.any() else finite


def _window(sample: NDArray[Any], foreground: NDArray[np.bool_]) -> tuple[float, float]:
    if not foreground.any():
        return 0.0, 1.0
    low = np.percentile(sample[np.isfinite(sample)], 1)
    inner = tuple(slice(_quantile(foreground, axis, 0.2), _quantile(foreground, axis, 0.8) + 1) for axis in range(3))
    middle = sample[inner][foreground[inner]]
    high = low + HEADROOM * (np.percentile(middle if middle.size else sample[foreground], 99.5) - low)
    return float(low), float(max(high, low + 1e-6 * max(1.0, abs(low))))


def _quantile(foreground: NDArray[np.bool_], axis: int, share: float) -> int:
    """The index of the sample along an axis below which this share of the foreground lies."""
    plane_axes = tuple(array_axis for array_axis in range(3) if array_axis != axis)
    size = int(foreground.shape[axis])
    below = np.cumsum(foreground.sum(axis=plane_axes))
    if below[-1] == 0:
        return size // 2
    return min(size - 1, int(np.searchsorted(below, below[-1] * share)))


def _grey(pixels: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    scaled = (pixels.astype(np.float32) - low) * (255.0 / (high - low))
    grey: NDArray[np.uint8] = np.clip(np.nan_to_num(scaled, nan=0.0), 0, 255).astype(np.uint8)
    return grey


def _strip(slices: NDArray[Any], window: tuple[float, float], row_mm: float, column_mm: float, middle: int) -> Strip:
    """All slices [K, H, W] side by side, each with square pixels."""
    width, height = _square(slices.shape[1] * row_mm, slices.shape[2] * column_mm, SLICE_SIDE)
    columns = math.ceil(math.sqrt(len(slices)))
    grid = Image.new("L", (columns * width, -(-len(slices) // columns) * height))
    for index, pixels in enumerate(slices):
        image = Image.fromarray(np.ascontiguousarray(_grey(pixels, *window)))
        row, column = divmod(index, columns)
        grid.paste(image.resize((width, height), Image.Resampling.BICUBIC), (column * width, row * height))
    buffer = io.BytesIO()
    grid.save(buffer, "JPEG", quality=SLICE_QUALITY)
    return Strip(
        jpeg=buffer.getvalue(),
        num_slices=len(slices),
        columns=columns,
        width=width,
        height=height,
        middle=middle,
    )


def _square(height_mm: float, width_mm: float, longest: int) -> tuple[int, int]:
    """Width and height in square pixels, the longer side `longest`."""
    scale = longest / max(height_mm, width_mm)
    return max(1, round(width_mm * scale)), max(1, round(height_mm * scale))


def _png(grey: NDArray[np.uint8], row_mm: float, column_mm: float) -> tuple[bytes, int, int]:
    """Encode [H, W] with square pixels, the longer side `LONGEST_SIDE`."""
    width, height = _square(grey.shape[0] * row_mm, grey.shape[1] * column_mm, LONGEST_SIDE)
    image = Image.fromarray(np.ascontiguousarray(grey)).resize((width, height), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=6)
    return buffer.getvalue(), width, height
