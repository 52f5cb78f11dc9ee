"""Patches of a study changed at random: another head and another scanner, without simulating one.

Contracts whose grid is centred on the head only, for mirroring. A study is mirrored as a whole, the contrast of each
series is changed as a whole, and each token gets noise and blur of its series.

Shape suffixes: T tokens, z slices, y rows, x columns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from prima.tokens.contract import CENTRE_INDEX, PLANE_AXIS, PLANE_OF_PLANE_AXIS, Contract
from prima.tokens.patches import BRIGHTEST
from prima.train.data.patch_file import STEPS, StudyPatches, to_float


@dataclass(frozen=True, kw_only=True)
class PatchAugmentation:
    """How often and how far; the first three are standard deviations of a logarithm.

    Args:
        gain: of the brightness of a series.
        gamma: of the exponent of its contrast.
        shading: of the slope of its brightness over the head, from one side to the other.
        noise: largest standard deviation of noise, as a share of the window.
        blur: largest weight of the neighbours of a pixel in its new value; the sign is drawn, so half are sharpened.
        mirrored: share of studies whose left is made right.
    """

    gain: float = 0.12
    gamma: float = 0.18
    shading: float = 0.08
    noise: float = 0.03
    blur: float = 0.5
    mirrored: float = 0.5


def mirrored(study: StudyPatches, contract: Contract) -> StudyPatches:
    """The study with left and right exchanged; dense targets stay with their tokens.

    Example:
        >>> from prima.tokens.contract import OPEN
        >>> one = StudyPatches(
        ...     voxels=np.zeros((1, 2, 16, 16), np.uint8), coordinates=np.array([[64, 512, 512]], np.int16),
        ...     offsets=np.array([0, 1]), planes=np.array([0], np.uint8), names=("T2",), description="",
        ...     num_patches=(1,),
        ... )
        >>> mirrored(one, OPEN).coordinates.tolist()
        [[64, 512, 496]]
    """
    plane_T = np.repeat(study.planes, np.diff(study.offsets))
    is_sagittal = plane_T == PLANE_AXIS["sagittal"]
    turned = study.voxels[..., ::-1].copy()
    turned[is_sagittal] = study.voxels[is_sagittal][:, ::-1]
    extents = np.array([contract.patch_shape(plane)[2] for plane in PLANE_OF_PLANE_AXIS])[plane_T]
    coordinates = study.coordinates.copy()
    coordinates[:, 2] = (2 * CENTRE_INDEX - 1 - coordinates[:, 2] // extents) * extents
    return replace(study, voxels=turned, coordinates=coordinates)


def changed_contrast(
    voxels_Tzyx: torch.Tensor,
    series_T: torch.Tensor,
    position_T3: torch.Tensor,
    random: np.random.Generator,
    config: PatchAugmentation,
) -> torch.Tensor:
    """Scaled voxels as another scanner might have given them.

    Args:
        voxels_Tzyx: [T, slices, rows, columns] float32, 1 at the top of the window.
        series_T: number of each token's series, from 0.
        position_T3: where each token lies in the head, about -1 to 1 along each axis.
        random: decides everything; the same state gives the same result.
        config: see there.
    """
    num = int(series_T.max()) + 1 if len(series_T) else 0
    drawn = torch.from_numpy(random.standard_normal((num, 5)).astype(np.float32))
    uniform = torch.from_numpy(random.random((num, 2)).astype(np.float32))
    gain, gamma = (drawn[:, 0] * config.gain).exp(), (drawn[:, 1] * config.gamma).exp()
    slope = (position_T3 * drawn[series_T, 2:]).sum(1).mul(config.shading).exp()

    def of_token(value: torch.Tensor) -> torch.Tensor:
        return value[series_T][:, None, None, None]

    contrasted = voxels_Tzyx.clamp_min(1e-3) ** of_token(gamma) * (of_token(gain) * slope[:, None, None, None])
    weight = of_token((uniform[:, 0] * 2 - 1).clamp_min(-0.5) * config.blur)
    padded = torch.nn.functional.pad(contrasted, (1, 1, 1, 1), mode="replicate")
    around = (padded[..., 1:-1, :-2] + padded[..., 1:-1, 2:] + padded[..., :-2, 1:-1] + padded[..., 2:, 1:-1]) / 4
    contrasted = contrasted + weight * (around - contrasted)
    seed = int(random.integers(2**62))
    noise = torch.randn(contrasted.shape, generator=torch.Generator().manual_seed(seed))
    return (contrasted + noise * of_token(uniform[:, 1] * config.noise)).clamp_(0, BRIGHTEST)


def position_of(coordinates_T3: NDArray[np.int16], planes_T: NDArray[np.uint8], contract: Contract) -> torch.Tensor:
    """[T, 3] where tokens lie in the head, about -1 to 1 along each axis."""
    shapes = np.array([contract.patch_shape(plane) for plane in PLANE_OF_PLANE_AXIS])[planes_T]
    index = coordinates_T3 / shapes - CENTRE_INDEX + 0.5
    largest = np.abs(index).max(0, initial=1.0)
    return torch.from_numpy((index / largest).astype(np.float32))


def augmented(
    study: StudyPatches, contract: Contract, random: np.random.Generator, config: PatchAugmentation
) -> StudyPatches:
    """A whole study changed, as bytes again: for tokens that are made once and learnt from often."""
    changed = mirrored(study, contract) if contract.centred and random.random() < config.mirrored else study
    sizes = np.diff(study.offsets)
    series = torch.from_numpy(np.repeat(np.arange(len(sizes)), sizes))
    position = position_of(changed.coordinates, np.repeat(study.planes, sizes), contract)
    contrasted = changed_contrast(to_float(torch.from_numpy(changed.voxels)), series, position, random, config)
    return replace(changed, voxels=(contrasted * STEPS).round_().to(torch.uint8).numpy())
