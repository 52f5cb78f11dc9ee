"""Padding at the end of a type's range is replaced; values of an image are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from prima.study.nifti import read_nifti_study
from prima.study.padding import without_padding


@pytest.mark.parametrize(("dtype", "fill"), [(np.int16, -32768), (np.uint16, 65535), (np.int16, 32767)])
def test_padding_around_a_head(
    head: Callable[..., NDArray[np.float64]], save_image: Callable[..., Path], tmp_path: Path, dtype: type, fill: int
) -> None:
    voxels = np.rint(head()).astype(dtype)
    lowest = voxels[6:].min()
    voxels[:6] = fill
    (series,) = read_nifti_study([save_image(tmp_path / "t1.nii", voxels)]).series
    assert series.volume.voxels[:, :, :6].max() == lowest
    np.testing.assert_array_equal(series.volume.voxels[:, :, 6:], voxels[6:].transpose(2, 1, 0))
    assert series.notes == (f"padding of {fill} replaced by the lowest other value",)


def test_the_brightest_voxels_of_an_image_are_none() -> None:
    full = np.linspace(0, 65535, 4096).astype(np.uint16)
    assert without_padding(full) == (full, None)
    single = np.full(4096, 7, np.int16)
    single[0] = -32768
    assert without_padding(single)[1] is None
