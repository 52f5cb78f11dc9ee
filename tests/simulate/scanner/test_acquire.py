import dataclasses

import numpy as np
import pytest
import torch

from prima.simulate.geometry.stack_geometry import pose_matrix, stack_affine
from prima.simulate.scanner.noise import add_rician
from prima.simulate.scanner.planned import plan_study
from prima.simulate.scanner.profile import make_resampling
from prima.simulate.scanner.protocols import PROTOCOLS
from prima.simulate.scanner.scanners import SCANNERS
from prima.study import Affine

HEAD = Affine([[0, 0, 2.0, -60], [0, 2.0, 0, -70], [2.0, 0, 0, -80], [0, 0, 0, 1]])
SHAPE = (80, 70, 60)


def positions(affine, shape):
    index = np.stack(np.meshgrid(*(np.arange(size) for size in shape), indexing="ij"), axis=-1)
    return index @ affine[:3, :3].T + affine[:3, 3]


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
@pytest.mark.parametrize("tilt", [0.0, -12.0])
def test_a_linear_image_comes_back_at_the_scans_own_positions(plane, tilt):
    gradient = np.array([0.3, -0.7, 1.1])
    head = torch.from_numpy((positions(HEAD, SHAPE) @ gradient).astype(np.float32))
    shape, spacing = (6, 20, 20), (5.0, 1.5, 1.5)
    affine = stack_affine(plane, shape, spacing, (3.0, 1.0, -4.0), tilt)
    resample = make_resampling(HEAD, SHAPE, affine, shape, thickness_mm=5.0, pixel_mm=1.5)
    np.testing.assert_allclose(resample(head).numpy(), positions(affine, shape) @ gradient, atol=2e-3)


def test_a_slice_keeps_what_lies_in_it_and_mixes_its_neighbours():
    head = torch.zeros(SHAPE)
    head[40] = 1.0  # a sheet of 2 mm across the slices
    shape = (9, 8, 8)
    affine = stack_affine("axial", shape, (5.0, 4.0, 4.0), (0.0, 0.0, 0.0))
    thick = make_resampling(HEAD, SHAPE, affine, shape, thickness_mm=5.0, pixel_mm=4.0)(head)[:, 4, 4]
    assert float(thick.sum()) * 5.0 == pytest.approx(2.0, rel=0.1)
    assert 0.3 < float(thick.max()) < 0.45


def test_nothing_lies_outside_of_the_head_grid_and_a_narrow_field_folds():
    head = torch.ones(SHAPE)
    shape = (4, 8, 8)
    away = stack_affine("axial", shape, (5.0, 2.0, 2.0), (500.0, 0.0, 0.0))
    assert float(make_resampling(HEAD, SHAPE, away, shape, thickness_mm=5, pixel_mm=2)(head).max()) == 0
    inside = stack_affine("axial", shape, (5.0, 2.0, 2.0), (0.0, 0.0, 0.0))
    folded = make_resampling(HEAD, SHAPE, inside, shape, thickness_mm=5, pixel_mm=2, wrap_mm=16.0)(head)
    assert float(folded.min()) == pytest.approx(3.0, abs=1e-4)


def test_noise_is_rician():
    air = add_rician(torch.zeros(20, 200, 200), 2.0, np.random.default_rng(0))
    assert float(air.mean()) == pytest.approx(2.0 * np.sqrt(np.pi / 2), rel=0.02)
    tissue = add_rician(torch.full((20, 200, 200), 100.0), 2.0, np.random.default_rng(0), interpolation=1.4)
    assert float(tissue.std()) == pytest.approx(2.0, rel=0.03)


@pytest.mark.parametrize("scanner", SCANNERS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_scanner_runs_every_protocol(scanner, protocol, make_case):
    planned = plan_study(make_case(scanner=scanner, protocol=protocol))
    assert 6 <= len(planned.series) <= 18
    assert planned.series[0].name == "loc"
    assert len({series.uid for series in planned.series}) == len(planned.series)
    used = [series for series in planned.series if series.role.reason is None]
    assert len(used) >= 5
    for series in used:
        assert len(series.description) <= 64
        for scan in series.scans:
            assert min(scan.shape) >= 10
            spacing = np.linalg.norm(scan.affine[:3, :3], axis=0)
            np.testing.assert_allclose(spacing, scan.spacing_mm)


def test_a_plan_depends_on_its_case_alone(make_case):
    first, again = (plan_study(make_case(protocol="tumor")) for _ in range(2))
    assert [series.uid for series in first.series] == [series.uid for series in again.series]
    np.testing.assert_array_equal(first.pose, again.pose)
    other = plan_study(dataclasses.replace(make_case(protocol="tumor"), index=9))
    assert (other.pose != first.pose).any()


def test_a_pose_turns_and_keeps_lengths():
    pose = pose_matrix(4.0, -3.0)
    np.testing.assert_allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-12)
    assert np.linalg.det(pose) == pytest.approx(1)
