"""Scores around zero are read as brightness; what lies below zero by nature is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from prima.study.nifti import read_nifti_study
from prima.study.normalised import above_zero

Head = Callable[..., NDArray[np.float64]]


@pytest.mark.parametrize("masked", [True, False], ids=["brain alone", "whole image"])
def test_scores_keep_the_order_of_brightness(
    head: Head, save_image: Callable[..., Path], tmp_path: Path, masked: bool
) -> None:
    voxels = head()
    brain = voxels > 0.3 * voxels.max()
    mean, deviation = voxels[brain].mean(), voxels[brain].std()
    scores = (voxels - mean) / deviation
    if masked:
        voxels, scores = np.where(brain, voxels, 0), np.where(brain, scores, 0)
    (series,) = read_nifti_study([save_image(tmp_path / "t1.nii", scores.astype(np.float32))]).series
    read = series.volume.voxels.transpose(2, 1, 0)
    assert series.notes == ("values around zero: read as brightness above the darkest",)
    assert read.min() == 0
    if masked:
        assert read[~brain].max() == 0
    inside = read[brain] > 0
    slope = np.polyfit(voxels[brain][inside], read[brain][inside], 1)[0]
    assert slope == pytest.approx(1 / deviation, rel=1e-3)


@pytest.mark.parametrize(
    "voxels",
    [
        np.arange(-1024, 3000, dtype=np.int16),
        np.arange(-1024.0, 3000.0),
        np.linspace(-3.0, 400.0, 5000),
        np.linspace(0.0, 1.0, 500),
        np.zeros(50),
    ],
    ids=["Hounsfield", "Hounsfield as floats", "ringing", "from 0 to 1", "nothing"],
)
def test_other_values_are_left_alone(voxels: NDArray[np.float64]) -> None:
    found, remark = above_zero(voxels)
    assert remark is None
    assert found is voxels
