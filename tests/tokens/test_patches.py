"""Padding, foreground and the order of tokens, against one patch at a time in plain loops."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from prima.study import Affine
from prima.tokens.contract import PLANE_AXIS, PUBLISHED, Contract
from prima.tokens.patches import cut_patches, select_foreground
from prima.tokens.resample import OrientedVolume

# 128 voxels a patch: several counts fall into one percent.
SMALL = replace(PUBLISHED, patch_slices=2, patch_in_plane=8, encoder_slices=4, min_tokens=3)


def oriented(voxels: NDArray[np.generic], plane: str) -> OrientedVolume:
    return OrientedVolume(voxels=voxels, affine=Affine(np.eye(4)), plane_axis=PLANE_AXIS[plane])


def cut_plainly(
    voxels: NDArray[np.generic], plane: str, contract: Contract
) -> tuple[list[NDArray[np.float32]], list[tuple[int, int, int]], int]:
    """The rule as it is written down: scaled patches and start voxels in order, and the percentage used."""
    extent = contract.patch_shape(plane)
    sizes = [-(-size // step) * step for size, step in zip(voxels.shape, extent, strict=True)]
    padded = np.zeros(sizes, np.float32)
    before = [(size - own) // 2 for size, own in zip(sizes, voxels.shape, strict=True)]
    padded[tuple(slice(b, b + own) for b, own in zip(before, voxels.shape, strict=True))] = voxels
    maximum = padded.max()
    level = 0.5 if maximum < 5 else 50
    starts = list(product(*(range(0, size, step) for size, step in zip(sizes, extent, strict=True))))
    patches = [padded[tuple(slice(s, s + e) for s, e in zip(start, extent, strict=True))] for start in starts]
    percents = [100 * int((patch > level).sum()) // patch.size for patch in patches]
    for percent in range(contract.foreground_percent, -1, -1):
        kept = [index for index, value in enumerate(percents) if value >= percent]
        if len(kept) > contract.min_tokens or percent == 0:
            break
    kept.sort(key=lambda index: (percents[index], index))
    scaled = [patches[index] / maximum if maximum > 0 else patches[index] for index in kept]
    return scaled, [starts[index] for index in kept], percent


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(*[st.integers(1, 26)] * 3),
    plane=st.sampled_from(list(PLANE_AXIS)),
    share=st.floats(0, 1),
    top=st.sampled_from([3, 60, 900]),
    dtype=st.sampled_from(["int16", "uint16", "float64"]),
)
def test_equals_one_patch_at_a_time(
    seed: int, shape: tuple[int, int, int], plane: str, share: float, top: int, dtype: str
) -> None:
    random = np.random.default_rng(seed)
    voxels = (random.uniform(0, top, shape) * (random.uniform(size=shape) < share)).astype(dtype)
    found = cut_patches(oriented(voxels, plane), SMALL)
    patches, starts, percent = cut_plainly(voxels, plane, SMALL)
    assert found.coordinates.tolist() == [list(start) for start in starts]
    assert found.foreground_percent == percent
    assert np.array_equal(found.voxels.numpy(), np.stack(patches))
    assert found.coordinates.dtype == torch.int32 and found.voxels.dtype == torch.float32


@pytest.mark.parametrize(
    ("size", "before", "after"), [(8, 0, 0), (9, 1, 2), (10, 1, 1), (11, 0, 1), (1, 1, 2), (12, 0, 0)]
)
def test_half_of_the_padding_comes_first(size: int, before: int, after: int) -> None:
    voxels = np.full((size, 32, 32), 100, np.int16)
    cut = cut_patches(oriented(voxels, "axial"), replace(PUBLISHED, foreground_percent=0))
    slices = cut.voxels[cut.coordinates[:, 0].argsort()].amax(dim=(2, 3)).flatten().tolist()
    assert slices == [0.0] * before + [1.0] * size + [0.0] * after


@pytest.mark.parametrize(("top", "num_above"), [(4.9, 40), (5.0, 0), (51.0, 1)])
def test_the_level_depends_on_the_maximum(top: float, num_above: int) -> None:
    """40 patches at 0.6, one of them holding the maximum: dim volumes count from 0.5 on, others from 50 on."""
    voxels = np.full((4, 32, 32 * 40), 0.6)
    voxels[:, :, :32] = top
    cut = cut_patches(oriented(voxels, "axial"), replace(PUBLISHED, min_tokens=0))
    assert cut.num_kept == (num_above or 40)
    assert cut.foreground_percent == (5 if num_above else 0)


def test_a_volume_of_zeros_keeps_every_patch_and_stays_zero() -> None:
    cut = cut_patches(oriented(np.zeros((8, 64, 64), np.uint16), "axial"), PUBLISHED)
    assert (cut.num_kept, cut.num_patches, cut.foreground_percent) == (8, 8, 0)
    assert cut.foreground_share == 1 and not cut.voxels.any()


@pytest.mark.parametrize(
    ("counts", "percent", "num_kept"),
    [
        ({5: 26}, 5, 26),
        ({5: 25}, 0, 125),
        ({5: 25, 4: 1}, 4, 26),
        ({9: 20, 3: 3, 2: 3}, 2, 26),
        ({100: 25, 1: 1}, 1, 26),
        ({100: 25}, 0, 125),
        ({}, 0, 100),
    ],
)
def test_the_percentage_falls_until_more_than_25_remain(counts: dict[int, int], percent: int, num_kept: int) -> None:
    values = np.array([0] * 100 + [value for value, count in counts.items() for _ in range(count)])
    kept, used = select_foreground(values, PUBLISHED)
    assert (used, len(kept)) == (percent, num_kept)


@given(st.lists(st.integers(0, 100), min_size=1, max_size=80), st.integers(0, 8), st.integers(0, 40))
def test_order_is_by_percent_then_by_index(values: list[int], percent: int, min_tokens: int) -> None:
    kept, used = select_foreground(
        np.array(values), replace(PUBLISHED, foreground_percent=percent, min_tokens=min_tokens)
    )
    expected = [index for index, value in enumerate(values) if value >= used]
    assert kept.tolist() == sorted(expected, key=lambda index: (values[index], index))
    assert len(kept) > min_tokens or used == 0
    assert used == percent or sum(value > used for value in values) <= min_tokens


@pytest.mark.parametrize("plane", list(PLANE_AXIS))
def test_each_slice_is_duplicated_in_place(plane: str) -> None:
    axis = PLANE_AXIS[plane]
    shape = [32, 32, 32]
    shape[axis] = 4
    voxels = np.random.default_rng(0).uniform(60, 100, shape)
    (patch,) = cut_patches(oriented(voxels, plane), PUBLISHED).for_encoder(PUBLISHED, slice(None))
    patch = patch[0].movedim(axis, 0)
    once = torch.from_numpy(np.moveaxis(voxels.astype(np.float32) / np.float32(voxels.max()), axis, 0).copy())
    assert patch.shape == (8, 32, 32)
    assert torch.equal(patch[0::2], once) and torch.equal(patch[1::2], once)
