"""Masks, label maps, phase and CT are left out by their values, under any name; magnitude is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from prima.study.nifti import read_nifti_study
from prima.study.nifti_content import reason_of_content, reason_of_several

Head = Callable[..., NDArray[np.float64]]


def regions(head: NDArray[np.float64], size: int = 6) -> NDArray[np.int16]:
    """Blocks of one number each inside the head: about 60 labels."""
    inside = head > 200
    blocks = np.indices(head.shape) // np.array([size * 2, size * 2, size])[:, None, None, None]
    labels = 1 + blocks[0] + 6 * blocks[1] + 36 * blocks[2]
    return np.where(inside, labels, 0).astype(np.int16)


def masks(head: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
    inside = head > 200
    soft = np.clip((head - 100) / 100, 0, 1)
    return {
        "0 and 0.99999997": np.where(inside, 0.99999997, 0.0),
        "0 and 255": (inside * 255).astype(np.uint8),
        "rounding of every voxel": inside + np.random.default_rng(1).uniform(-1e-7, 1e-7, head.shape),
        "three tissues": np.select([head > 700, head > 300], [2.0, 1.0]),
        "0 and a scale factor": inside * 0.00392,
        "many labels": regions(head),
        "many labels with rounding": regions(head) * 1.0000001 + 1e-7,
        "labels of four digits": np.where(regions(head) > 0, regions(head) + 1000, 0).astype(np.int32),
        "soft edges": soft,
        "probability as bytes": np.rint(soft * 255).astype(np.uint8),
        "background of -1": np.where(inside, 1.0, -1.0),
    }


@pytest.mark.parametrize("kind", list(masks(np.zeros((8, 8, 8)))))
def test_masks_and_label_maps(head: Head, save_image: Callable[..., Path], tmp_path: Path, kind: str) -> None:
    path = save_image(tmp_path / "t1.nii.gz", masks(head())[kind])
    (excluded,) = read_nifti_study([path]).excluded
    assert excluded.reason == "segmentation", excluded.detail


@pytest.mark.parametrize(
    ("low", "high"), [(-np.pi, np.pi), (-4096, 4094), (0, 4095), (0, 2 * np.pi), (-180, 180), (-3141.6, 3141.6)]
)
@pytest.mark.parametrize("masked", [False, True])
def test_phase(
    head: Head, save_image: Callable[..., Path], tmp_path: Path, low: float, high: float, masked: bool
) -> None:
    random = np.random.default_rng(3)
    magnitude = head()
    ramp = np.indices(magnitude.shape)[0] * 0.4 + np.indices(magnitude.shape)[1] * 0.25
    turns = (ramp + random.normal(scale=0.1, size=ramp.shape)) / (2 * np.pi) % 1
    turns = np.where(magnitude > 100, turns, 0.5 - low * 0 if masked else random.random(ramp.shape))
    voxels = low + turns * (high - low)
    if masked:
        voxels = np.where(magnitude > 100, voxels, 0.0)
    (excluded,) = read_nifti_study([save_image(tmp_path / "swi.nii.gz", voxels.astype(np.float32))]).excluded
    assert excluded.reason == "phase"


@pytest.mark.parametrize("outside", [-1000.0, -1024.0, -3024.0])
def test_ct_in_hounsfield_units(head: Head, save_image: Callable[..., Path], tmp_path: Path, outside: float) -> None:
    signal = head()
    random = np.random.default_rng(5)
    hounsfield = np.select([signal > 800, signal > 300, signal > 100], [10.0, 35.0, 900.0], -1000.0)
    hounsfield = hounsfield + random.normal(scale=8, size=signal.shape)
    hounsfield[:3] = outside
    (excluded,) = read_nifti_study(
        [save_image(tmp_path / "head.nii.gz", np.rint(hounsfield).astype(np.int16))]
    ).excluded
    assert excluded.reason == "not_mr"
    assert "Hounsfield" in (excluded.detail or "")


@pytest.mark.parametrize("kind", ["field in Hz", "field in radians", "z map", "average"])
def test_smooth_maps(head: Head, save_image: Callable[..., Path], tmp_path: Path, kind: str) -> None:
    signal = head()
    inside = signal > 100
    place = np.indices(signal.shape) / np.array(signal.shape)[:, None, None, None]
    waves = np.sin(4 * place[0]) * np.cos(3 * place[1]) + 0.4 * np.sin(7 * place[2])
    voxels = {
        "field in Hz": 150 * (waves - 0.3),
        "field in radians": 1.2 * (waves - 0.4),
        "z map": 3 * np.clip(waves, 0, None),
        "average": 400 + 200 * waves,
    }[kind]
    (excluded,) = read_nifti_study([save_image(tmp_path / "a.nii.gz", np.where(inside, voxels, 0.0))]).excluded
    assert excluded.reason == ("field_map" if "field" in kind else "derived_map")


def test_phase_in_a_unit_of_its_own(head: Head, save_image: Callable[..., Path], tmp_path: Path) -> None:
    ramp = np.indices(head().shape)[0] * 0.4
    turns = np.where(head() > 100, ramp / (2 * np.pi) % 1, np.random.default_rng(4).random(ramp.shape))
    (excluded,) = read_nifti_study([save_image(tmp_path / "a.nii", (turns * 2 - 1) * 777)]).excluded
    assert excluded.reason == "phase"


def magnitudes(head: Head) -> dict[str, NDArray[Any]]:
    plain = head()
    inside = plain > 100
    return {
        "as it is": np.rint(plain).astype(np.int16),
        "as bytes": np.clip(plain / 4, 0, 255).astype(np.uint8),
        "stripped": np.where(inside, plain, 0),
        "between 0 and 1": plain / plain.max(),
        "mean 0 and standard deviation 1": np.where(inside, (plain - 500) / 200, 0),
        "up to 4095": np.rint(plain / plain.max() * 4095).astype(np.uint16),
        "clipped at a percentile": np.clip(plain, 0, np.percentile(plain, 97)),
        "undershoot": np.where(inside, plain, np.random.default_rng(2).normal(scale=5, size=plain.shape)),
        "real part": plain - 400,
    }


@pytest.mark.parametrize("kind", list(magnitudes(lambda: np.ones((8, 8, 8)))))
def test_magnitude_is_used_however_it_is_scaled(
    head: Head, save_image: Callable[..., Path], tmp_path: Path, kind: str
) -> None:
    study = read_nifti_study([save_image(tmp_path / "t1.nii.gz", magnitudes(head)[kind])])
    assert [excluded.detail for excluded in study.excluded] == []


def test_one_value_is_no_image() -> None:
    verdict = reason_of_content(np.full((6, 8, 8), 3.0))
    assert verdict is not None
    assert verdict[0] == "unreadable"


def test_values_that_are_not_finite_are_left_out_of_account(head: Head) -> None:
    broken = np.where(head() > 200, 1.0, np.nan)
    assert reason_of_content(np.full((6, 8, 8), np.nan)) is None
    verdict = reason_of_content(np.where(np.isnan(broken), 0.0, broken))
    assert verdict is not None
    assert verdict[0] == "segmentation"


def four_contrasts(head: Head) -> NDArray[np.float64]:
    first = head()
    inverted = np.where(first > 100, 1200 - first, first)
    return np.stack([first, inverted, head(seed=1, csf=50.0), head(seed=2, csf=1500.0)], axis=-1)


@pytest.mark.parametrize("num_volumes", [2, 3, 4])
def test_several_modalities_in_one_file(
    head: Head, save_image: Callable[..., Path], tmp_path: Path, num_volumes: int
) -> None:
    path = save_image(tmp_path / "BRATS_001.nii.gz", four_contrasts(head)[..., :num_volumes])
    (excluded,) = read_nifti_study([path]).excluded
    assert excluded.reason == "several_contrasts"
    assert f"{num_volumes} volumes" in (excluded.detail or "")


def test_a_time_series_is_still_functional(head: Head, save_image: Callable[..., Path], tmp_path: Path) -> None:
    base = head()
    times = np.stack([base + np.random.default_rng(time).normal(scale=15, size=base.shape) for time in range(5)], -1)
    (excluded,) = read_nifti_study([save_image(tmp_path / "run.nii.gz", times)]).excluded
    assert excluded.reason == "functional"


def test_directions_of_a_tensor() -> None:
    vectors = np.random.default_rng(0).normal(size=(3, 8, 16, 16))
    vectors /= np.linalg.norm(vectors, axis=0)
    verdict = reason_of_several(np.where(np.arange(16) > 4, vectors, 0.0))
    assert verdict is not None
    assert verdict[0] == "derived_map"
