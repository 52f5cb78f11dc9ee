"""What the voxels of a file say against using it, where its name and header are silent.

Masks and label maps have few values, or regions of one value; phase wraps around; CT has air at -1000 Hounsfield
units. Each rule asks for a property that magnitude images of a brain do not have; what it was measured on stands in
docs/reference/selection.md.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prima.study.exclusion import Reason

Verdict = tuple[Reason, str]
Floats = NDArray[np.float64]

NUM_LABELS = 10
"""A volume with fewer distinct values than this, but for the rounding of floating-point numbers, is a label mask."""

# Values nearer to each other than this share of the largest are one.
_SAME_VALUE = 1e-5
# Neighbours inside what is no background that have one value: 0 to 0.2 of images, 0.85 and more of label maps.
_SAME_NEIGHBOURS, _MOST_LABEL_VALUES = 0.6, 2048
# Voxels above the background that have the highest value: under 0.001 of images, 0.3 and more of soft masks.
_AT_HIGHEST = 0.15
# Half ranges of phase as scanners and converters write it, and how far from them the ends may lie.
_HALF_TURNS = (math.pi, 4096.0, 2048.0, 1000 * math.pi, 180.0)
_END_TOLERANCE = 0.02
# Neighbours that differ by more than half the range: 0.02 and more of wrapped phase, none of magnitude.
_WRAPS = 0.01
_LOOKED_AT_SLICES = 24


# Mean step between neighbours over the spread of the foreground, and that for each mm: acquired images have noise and
# edges (0.19 and more, 0.19 and more), fields, averages and statistical maps have few (0.03 of a z map).
_LEAST_STEP, _LEAST_STEP_PER_MM = 0.08, 0.06
_LEAST_PAIRS = 1000


def reason_of_content(voxels: NDArray[Any], spacing_mm: float = 1.0) -> Verdict | None:
    """Why a volume cannot be a magnitude image of a brain on MRI, None when its values have nothing against it.

    Args:
        voxels: [K, J, I], of real numbers; what is not finite is left out of account.
        spacing_mm: between neighbours along J and I, on average.

    Example:
        >>> reason_of_content(np.random.default_rng(0).random((4, 8, 8)) > 0.5)[0].value
        'segmentation'
    """
    slices = _some_slices(voxels)
    sample = slices[np.isfinite(slices)]
    if sample.size == 0:
        return None
    return (
        _few_values(voxels, sample)
        or _label_map(slices, sample)
        or _phase(slices, sample)
        or _hounsfield(sample)
        or _smooth(slices, sample, spacing_mm)
    )


def reason_of_several(volumes: NDArray[Any]) -> Verdict | None:
    """What a file of 2 to 8 volumes is when it is no time series: vectors, or images of several contrasts.

    Args:
        volumes: [T, K, J, I].
    """
    sample = np.stack([_some_slices(volume).ravel() for volume in volumes])
    sample = sample[:, np.isfinite(sample).all(axis=0)][:, ::4]
    if sample.size == 0:
        return None
    if len(sample) == 3 and sample.min() < 0:
        lengths = np.sqrt((sample**2).sum(axis=0))
        inside = lengths > 0.05
        if inside.any() and float((np.abs(lengths[inside] - 1) < 0.05).mean()) > 0.9:
            return Reason.DERIVED_MAP, "three volumes that are the parts of a direction"
    inside = (sample > np.quantile(sample, 0.5, axis=1, keepdims=True)).any(axis=0)
    if inside.sum() < 32:
        return None
    spread = sample[:, inside].std(axis=1)
    if (spread == 0).any():
        return None
    likeness = np.corrcoef(sample[:, inside])
    if float(likeness.min()) < _SAME_CONTRAST:
        return Reason.SEVERAL_CONTRASTS, (
            f"4D data, {len(sample)} volumes that are no time series but differ in contrast: "
            "write a file for each contrast"
        )
    return None


# Time points of one sequence correlate by more than this inside the head; T1, T2 and FLAIR by much less.
_SAME_CONTRAST = 0.85


def _some_slices(voxels: NDArray[Any]) -> Floats:
    """Up to so many slices along the first axis, whole, as float64."""
    step = max(1, len(voxels) // _LOOKED_AT_SLICES)
    return voxels[::step].astype(np.float64)


def _few_values(voxels: NDArray[Any], sample: Floats) -> Verdict | None:
    if _num_values(sample[:: max(1, sample.size // 65536)]) >= NUM_LABELS:
        return None
    finite = voxels[np.isfinite(voxels)] if voxels.dtype.kind == "f" else voxels
    count = _num_values(np.unique(finite).astype(np.float64))
    if count >= NUM_LABELS:
        return None
    if count == 1:
        return Reason.UNREADABLE, "no image: every voxel has the same value"
    return Reason.SEGMENTATION, f"{count} distinct values, fewer than {NUM_LABELS}: a label mask"


def _num_values(values: Floats) -> int:
    """Distinct values, those that only rounding tells apart counted once."""
    distinct = np.unique(values)
    tolerance = _SAME_VALUE * max(float(np.abs(distinct).max()), 1e-30)
    return 1 + int((np.diff(distinct) > tolerance).sum())


def _label_map(slices: Floats, sample: Floats) -> Verdict | None:
    """Regions of one value, or a mask with soft edges."""
    background, tolerance = _background(sample), _tolerance(sample)
    highest = float(sample.max())
    steps = _steps_inside(slices, background, tolerance)
    num_pairs, num_same = steps.size, int((steps <= tolerance).sum())
    values = sample[:: max(1, sample.size // 262144)]
    if num_pairs >= 64 and num_same / num_pairs >= _SAME_NEIGHBOURS and _num_values(values) <= _MOST_LABEL_VALUES:
        return Reason.SEGMENTATION, f"regions of one value ({100 * num_same / num_pairs:.0f} % of neighbours are equal)"
    above = sample[sample > float(sample.min()) + tolerance]
    if above.size and float(background) <= float(sample.min()) + tolerance:
        share = float((above >= highest - 0.005 * abs(highest)).mean())
        if share >= _AT_HIGHEST:
            return Reason.SEGMENTATION, f"a mask or probability map ({100 * share:.0f} % of it has the highest value)"
    return None


def _background(sample: Floats) -> float:
    """The most frequent value."""
    values, counts = np.unique(sample[:: max(1, sample.size // 262144)], return_counts=True)
    return float(values[counts.argmax()])


def _tolerance(sample: Floats) -> float:
    return _SAME_VALUE * max(abs(float(sample.max())), abs(float(sample.min())))


def _steps_inside(slices: Floats, background: float, tolerance: float) -> Floats:
    """Differences between neighbours within slices, neither of them background."""
    found = []
    for axis in (1, 2):
        steps = np.diff(slices, axis=axis)
        first = np.take(slices, np.arange(slices.shape[axis] - 1), axis=axis)
        inside = (np.abs(first - background) > tolerance) & (np.abs(first + steps - background) > tolerance)
        found.append(np.abs(steps[inside]))
    return np.concatenate(found)


def _phase(slices: Floats, sample: Floats) -> Verdict | None:
    low, high = float(sample.min()), float(sample.max())
    for half in (*_HALF_TURNS, (high - low) / 2):
        near = 2 * half * _END_TOLERANCE
        symmetric = abs(low + half) < near and abs(high - half) < near
        positive = abs(low) < near and abs(high - 2 * half) < near and half in _HALF_TURNS[:4]
        if not (symmetric or positive):
            continue
        inside = sample[sample != 0]
        shares = np.histogram(inside, bins=8, range=(low, high))[0] / max(inside.size, 1)
        jumps = [np.abs(np.diff(slices, axis=axis)) for axis in (1, 2)]
        wraps = sum(float((jump > half).sum()) for jump in jumps) / max(sum(jump.size for jump in jumps), 1)
        if shares.min() > 0.01 and wraps > _WRAPS * inside.size / sample.size:
            return Reason.PHASE, f"values spread over {low:.4g} to {high:.4g} and wrapping around, as phase does"
    return None


def _hounsfield(sample: Floats) -> Verdict | None:
    """Air at -1000, soft tissue around 0, bone far above: the scale of CT (water 0, air -1000)."""
    low, high = float(sample.min()), float(sample.max())
    if not (-4096 <= low <= -900 and high >= 200):
        return None
    tissue = sample[sample > -300]
    air = float((sample < -700).mean())
    soft = float(((tissue > -150) & (tissue < 200)).mean()) if tissue.size else 0.0
    if air > 0.03 and soft > 0.5:
        return Reason.NOT_MR, f"computed tomography: {100 * air:.0f} % of its values are air in Hounsfield units"
    return None


def _smooth(slices: Floats, sample: Floats, spacing_mm: float) -> Verdict | None:
    """Fields, averages and statistics, which have less noise and fewer edges than anything a scanner acquires."""
    background = _background(sample)
    far = np.abs(sample - background)
    least = max(_tolerance(sample), 0.1 * float(np.percentile(far[far > 0], 99)) if (far > 0).any() else 0.0)
    steps = _steps_inside(slices, background, least)
    inside = sample[far > least]
    if steps.size < _LEAST_PAIRS or not float(inside.std()) > 0:
        return None
    step = float(steps[np.isfinite(steps)].mean()) / float(inside.std())
    if step >= _LEAST_STEP or step / spacing_mm >= _LEAST_STEP_PER_MM:
        return None
    below = float(np.abs(inside[inside < 0]).sum() / np.abs(inside).sum())
    if 0.1 < below < 0.9:
        return Reason.FIELD_MAP, "smooth values on both sides of zero, as field maps have"
    return Reason.DERIVED_MAP, "smoother than an acquired image: a map or an average"
