"""Facts about the values of a volume, at its own resolution and in its own units.

The network of the gate sees 5 mm voxels between percentiles, so that it knows neither units, nor how sharp an image is,
nor whether its values end in a wall. These are measured here; what they mean stands in `prima.model.gate.physics`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prima.study import Volume

Floats = NDArray[np.float32]

# Shares are taken from about so many voxels, steps between voxels from about so many lines along an axis.
_LOOKED_AT, _NUM_LINES = 100_000, 900
# Voxels so far apart are compared (or neighbours, where those are farther), and three times as far.
_NEAR_MM, _FARTHER = 2.0, 3
# Along longer steps, such as those between slices, nothing is said of detail.
_LONGEST_STEP_MM = 4.5
# An object is what differs from the background by so much of what its brightest does.
_LEAST_OF_OBJECT = 0.1
_FEWEST_PAIRS = 400
# Hounsfield units: fat and more above the first; water and soft tissue between the others; bone or a contrast agent
# above the last.
_TISSUE_HU, _SOFT_HU, _BONE_HU = -300.0, (-20.0, 100.0), 200.0
_AIR_HU, _RIM_HU = -500.0, (-500.0, -150.0)


@dataclass(frozen=True, kw_only=True)
class ValueFacts:
    """What the values of a volume are like. Shares are 0..1; the object is what is no background.

    Args:
        low: the least value.
        high: the highest value.
        at_low: share of all voxels that have the least value, within a thousandth of the range.
        air: share of all voxels under -500.
        rim: share of all voxels from -500 to -150, where the edges of air are in Hounsfield units.
        bone: share of all voxels above 200.
        soft: of the voxels above -300 and above the least value, the share from -20 to 100.
        soft_middle: median of those.
        soft_width: from their 10th to their 90th percentile.
        at_high: share of the object within half a hundredth of the highest value.
        both_signs: share of the object's sum of absolute values that is of the rarer sign.
        detail_mm: width of the finest detail in the object, along the axis where it is finest: what a Gaussian would
            have as full width at half maximum; None where the object is too small to tell.
        flat: share of voxels of the object that equal the next one along an axis, of the axis with fewest.
        object_ml: volume of the object.
        field_ml: volume of everything.
    """

    low: float
    high: float
    at_low: float
    air: float
    rim: float
    bone: float
    soft: float
    soft_middle: float
    soft_width: float
    at_high: float
    both_signs: float
    detail_mm: float | None
    flat: float
    object_ml: float
    field_ml: float


@dataclass(frozen=True, kw_only=True)
class _Steps:
    """Along one axis: see `detail_mm` and `flat` of `ValueFacts`."""

    detail_mm: float
    flat: float


def value_facts(volume: Volume) -> ValueFacts:
    """Measure a volume whose values are finite.

    Example:
        >>> from prima.study import Affine
        >>> ramp = np.linspace(0, 1, 40)[None, None].repeat(40, axis=0).repeat(40, axis=1)
        >>> value_facts(Volume(voxels=ramp, affine=Affine(np.eye(4)))).detail_mm > 20
        True
    """
    voxels = volume.voxels
    every = max(1, round((voxels.size / _LOOKED_AT) ** (1 / 3)))
    sample = voxels[::every, ::every, ::every].astype(np.float32).ravel()
    low, high = float(sample.min()), float(sample.max())
    background = _background(sample)
    far = np.abs(sample - background)
    least = max(_LEAST_OF_OBJECT * float(np.percentile(far, 99.5)), 1e-12)
    inside = sample[far > least] if (far > least).any() else sample
    tissue = sample[sample > max(_TISSUE_HU, low + 1e-3 * (high - low))]
    soft = tissue[(tissue > _SOFT_HU[0]) & (tissue < _SOFT_HU[1])]
    tenth, middle, ninetieth = np.percentile(soft, (10, 50, 90)) if soft.size else (0.0, 0.0, 0.0)
    mass = float(np.abs(inside).sum(dtype=np.float64)) or 1.0
    negative = float(np.abs(inside[inside < 0]).sum(dtype=np.float64)) / mass
    field_ml = voxels.size * float(np.prod(volume.spacing_mm)) / 1000
    steps = [found for axis in range(3) if (found := _steps(volume, axis, background, least)) is not None]
    return ValueFacts(
        low=low,
        high=high,
        at_low=float((sample <= low + 1e-3 * (high - low)).mean()),
        air=float((sample < _AIR_HU).mean()),
        rim=float(((sample > _RIM_HU[0]) & (sample < _RIM_HU[1])).mean()),
        bone=float((sample > _BONE_HU).mean()),
        soft=soft.size / max(tissue.size, 1),
        soft_middle=float(middle),
        soft_width=float(ninetieth - tenth),
        at_high=float((inside >= high - 0.005 * (high - background)).mean()),
        both_signs=min(negative, 1 - negative),
        detail_mm=min((found.detail_mm for found in steps), default=None),
        flat=min((found.flat for found in steps), default=0.0),
        object_ml=field_ml * float((far > least).mean()),
        field_ml=field_ml,
    )


def blur_mm(ratio: float, step_mm: float) -> float:
    """Full width at half maximum of a Gaussian, in mm, that makes noise as smooth as the image is.

    White noise blurred by a Gaussian of deviation s has a mean squared difference D(h) = 1 - exp(-h^2 / 4 s^2) at a
    distance h, which is solved for s.

    Args:
        ratio: D at a step over D at three steps: a third at sharp edges, one of noise alone, a ninth of a ramp.
        step_mm: the step.

    Example:
        >>> f"{blur_mm(1.0, 2.0):.1f} {blur_mm(0.333, 2.0):.1f} {blur_mm(0.14, 2.0):.1f}"
        '0.0 3.8 9.5'
    """
    if ratio >= 1:
        return 0.0
    low, high = 1e-6, 1.0 - 1e-6  # of exp(-h^2 / 4 s^2)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if (1 - middle) / (1 - middle**9) > ratio else (low, middle)
    deviation = step_mm / (2 * math.sqrt(-math.log((low + high) / 2)))
    return deviation * 2 * math.sqrt(2 * math.log(2))


def _background(sample: Floats) -> float:
    """Zero; the least value where that is above zero, or where it is negative and frequent and zero is rare."""
    low = float(sample.min())
    if low < 0 and float((sample == 0).mean()) < 0.05 and float((sample == low).mean()) > 0.05:
        return low
    return max(low, 0.0)


def _steps(volume: Volume, axis: int, background: float, least: float) -> _Steps | None:
    """Differences along an axis within the object; None where it is too short or its voxels lie too far apart."""
    spacing = volume.spacing_mm[axis]
    step = max(1, round(_NEAR_MM / spacing))
    reach = _FARTHER * step
    if spacing > _LONGEST_STEP_MM or volume.voxels.shape[axis] <= reach:
        return None
    sizes = [size for other, size in enumerate(volume.voxels.shape) if other != axis]
    every = max(1, round(math.sqrt(sizes[0] * sizes[1] / _NUM_LINES)))
    chosen = tuple(
        slice(None) if other == axis else slice(None, None, min(every, max(1, size // 8)))
        for other, size in enumerate(volume.voxels.shape)
    )
    lines = np.moveaxis(volume.voxels[chosen], axis, 0).astype(np.float32)
    inside = np.abs(lines - background) > least
    places = [slice(index * step, index * step - reach or None) for index in range(_FARTHER + 1)]
    whole = np.logical_and.reduce([inside[place] for place in places])
    first, second, last = (lines[places[index]][whole] for index in (0, 1, _FARTHER))
    near, farther = (float(((other - first) ** 2).sum(dtype=np.float64)) for other in (second, last))
    if len(first) < _FEWEST_PAIRS:
        return None
    width = blur_mm(near / farther, step * spacing) if farther > 0 else math.inf
    return _Steps(detail_mm=width, flat=float((first == second).mean()))
