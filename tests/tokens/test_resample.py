"""Resampling in the plane and turning to LPS: against a second implementation, by hand, and by world coordinates."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from prima.study import Affine, Volume
from prima.tokens.contract import PUBLISHED, Contract
from prima.tokens.resample import PIXEL_TYPE_IDS, orient, resample_in_plane, turn_to_lps

SEPARABLE = replace(PUBLISHED, resampling="separable")
SMALL = replace(SEPARABLE, in_plane_size=16)

both_ways = pytest.mark.parametrize("contract", [PUBLISHED, SEPARABLE], ids=["itk", "separable"])


def axial(voxels: NDArray[np.generic]) -> Volume:
    """A volume whose (slice, row, column) run along (head, back, left), 5 × 0.75 × 0.5 mm."""
    return Volume(voxels=voxels, affine=Affine(np.diag([5.0, 0.75, 0.5, 1.0])[[2, 1, 0, 3]]))


def rotation(angles: tuple[float, float, float]) -> NDArray[np.float64]:
    """Rotation by an angle (radians) about x, then y, then z."""
    result = np.eye(3)
    for axis, angle in enumerate(angles):
        one = np.eye(3)
        first, second = (axis + 1) % 3, (axis + 2) % 3
        one[[first, second], [first, second]] = np.cos(angle)
        one[first, second], one[second, first] = -np.sin(angle), np.sin(angle)
        result = one @ result
    return result


@pytest.mark.parametrize("name", list(PIXEL_TYPE_IDS))
def test_pixel_type_ids_are_those_of_the_image_library(name: str) -> None:
    assert sitk.GetImageFromArray(np.zeros((1, 1, 1), name)).GetPixelIDValue() == PIXEL_TYPE_IDS[name]


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(2, 300),
    columns=st.integers(2, 300),
    dtype=st.sampled_from(["int16", "uint16", "uint8", "int32"]),
    angles=st.tuples(*[st.floats(-0.4, 0.4)] * 3),
)
def test_both_ways_agree_within_one_count(
    seed: int, rows: int, columns: int, dtype: str, angles: tuple[float, float, float]
) -> None:
    random = np.random.default_rng(seed)
    voxels = random.integers(0 if dtype[0] == "u" else -100, 200, (2, rows, columns)).astype(dtype)
    affine = np.eye(4)
    affine[:3, :3] = rotation(angles)[:, ::-1] * random.uniform(0.3, 6, 3)
    affine[:3, 3] = random.uniform(-200, 200, 3)
    volume = Volume(voxels=voxels, affine=Affine(affine))
    found, expected = (resample_in_plane(volume, contract) for contract in (PUBLISHED, SEPARABLE))
    assert found.voxels.dtype == expected.voxels.dtype == dtype
    assert np.array_equal(found.affine, expected.affine)
    difference = np.abs(found.voxels.astype(int) - expected.voxels)
    inside = [np.arange(256) * size / 256 < size - 0.5 - 1e-6 for size in (rows, columns)]
    assert difference[:, inside[0]][:, :, inside[1]].max() <= 1


def test_a_direction_with_numbers_near_nothing_moves_no_voxel(capfd: pytest.CaptureFixture[str]) -> None:
    plain = axial(np.random.default_rng(0).integers(0, 200, (2, 40, 40)).astype(np.int16))
    for tiny in (1e-300, 1e-309, 1e-311):
        affine = np.array(plain.affine)
        affine[0, 1], affine[1, 2] = tiny, -tiny
        tilted = resample_in_plane(replace(plain, affine=Affine(affine)), PUBLISHED)
        assert np.array_equal(tilted.voxels, resample_in_plane(plain, PUBLISHED).voxels)
    assert capfd.readouterr().err == ""


@settings(max_examples=10)
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(2, 300), columns=st.integers(2, 300))
def test_both_ways_agree_on_real_numbers(seed: int, rows: int, columns: int) -> None:
    volume = axial(np.random.default_rng(seed).uniform(-1, 1, (2, rows, columns)))
    found, expected = (resample_in_plane(volume, contract).voxels for contract in (PUBLISHED, SEPARABLE))
    assert np.abs(found - expected).max() < 1e-9


@both_ways
@pytest.mark.parametrize(("dtype", "fill"), [("int16", 2), ("uint16", 3), ("float64", 9)])
@pytest.mark.parametrize(("size", "num_filled"), [(32, 4), (64, 2), (100, 1), (128, 1), (129, 0), (200, 0), (512, 0)])
def test_what_lies_outside_takes_the_id_of_the_pixel_type(
    contract: Contract, dtype: str, fill: int, size: int, num_filled: int
) -> None:
    """The value 50 everywhere: inside it stays, from half a pixel beyond the last sample on it is the fill."""
    resampled = resample_in_plane(axial(np.full((1, size, size), 50, dtype)), contract).voxels[0]
    inside = 256 - num_filled
    assert (resampled[:inside, :inside] == 50).all()
    assert (resampled[inside:] == fill).all() and (resampled[:, inside:] == fill).all()


@both_ways
def test_zero_or_the_habit_of_the_published_pipeline(contract: Contract) -> None:
    volume = axial(np.full((1, 64, 64), 50, np.int16))
    assert resample_in_plane(volume, replace(contract, fill="zero")).voxels[0, -1, -1] == 0


@both_ways
def test_the_edge_is_kept_for_half_a_pixel(contract: Contract) -> None:
    """4 pixels a sample: beyond the last sample, at 63, two more keep its value and two are outside."""
    ramp = np.broadcast_to(np.arange(64, dtype=np.float64), (1, 64, 64)).copy()
    row = resample_in_plane(axial(ramp), contract).voxels[0, 0]
    expected = [62, 62.25, 62.5, 62.75, 63, 63, 9, 9]
    assert np.allclose(row[-8:], expected, rtol=0, atol=1e-9)
    column = resample_in_plane(axial(ramp.swapaxes(1, 2).copy()), contract).voxels[0, :, 0]
    assert np.allclose(column[-8:], expected, rtol=0, atol=1e-9)


def test_integers_are_truncated_towards_zero() -> None:
    ramp = np.array([[[-3, -2], [-3, -2]]], np.int16)
    four = replace(SEPARABLE, in_plane_size=4)
    assert resample_in_plane(axial(ramp), four).voxels[0, 0].tolist() == [-3, -2, -2, 2]
    assert resample_in_plane(axial(-ramp), four).voxels[0, 0].tolist() == [3, 2, 2, 2]


@both_ways
@pytest.mark.parametrize("dtype", ["int16", "uint16", "float64"])
def test_a_matrix_of_the_size_wanted_is_left_alone(contract: Contract, dtype: str) -> None:
    volume = axial(np.random.default_rng(0).integers(0, 4000, (3, 256, 256)).astype(dtype))
    resampled = resample_in_plane(volume, contract)
    assert np.array_equal(resampled.voxels, volume.voxels)
    assert np.array_equal(resampled.affine, volume.affine)


@both_ways
def test_the_field_of_view_is_unchanged(contract: Contract) -> None:
    volume = axial(np.zeros((2, 100, 300), np.int16))
    affine = resample_in_plane(volume, contract).affine
    assert np.array_equal(affine[:, 3], volume.affine[:, 3])
    before = volume.affine[:3, :3] * [1, 100, 300]
    assert np.allclose(affine[:3, :3] * [1, 256, 256], before, rtol=1e-15, atol=0)


SIGNED_ORDERS = list(product(permutations(range(3)), product([1, -1], repeat=3)))


@pytest.mark.parametrize(("order", "signs"), SIGNED_ORDERS)
@pytest.mark.parametrize("angles", [(0.0, 0.0, 0.0), (0.3, -0.2, 0.25)], ids=["straight", "oblique"])
def test_every_voxel_stays_where_it_is_in_the_patient(
    order: tuple[int, int, int], signs: tuple[int, int, int], angles: tuple[float, float, float]
) -> None:
    """All 48 orders and directions of the axes."""
    affine = np.eye(4)
    affine[:3, :3] = (rotation(angles) * signs)[:, order] * [5.0, 0.9, 0.7]
    affine[:3, 3] = [-80.0, 12.5, 33.0]
    voxels = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    turned, turned_affine = turn_to_lps(voxels, Affine(affine))
    assert turned.flags.c_contiguous and sorted(turned.ravel()) == list(range(24))
    for index in np.ndindex(turned.shape):
        before = np.array([*np.argwhere(voxels == turned[index])[0], 1.0])
        assert np.allclose(turned_affine.matrix @ [*index, 1.0], affine @ before, rtol=0, atol=1e-12)
    directions = turned_affine[:3, :3] / np.linalg.norm(turned_affine[:3, :3], axis=0)
    for array_axis, patient_axis in enumerate((2, 1, 0)):
        assert directions[patient_axis, array_axis] > 0.8, "index (z, y, x) grows along head, back, left"


@given(st.integers(0, 2**32 - 1))
def test_each_patient_axis_is_used_once(seed: int) -> None:
    """Also where two array axes are nearest to the same patient axis."""
    affine = np.eye(4)
    affine[:3, :3] = np.random.default_rng(seed).normal(size=(3, 3))
    assert sorted(Affine(affine).patient_axes()) == [0, 1, 2]


@pytest.mark.parametrize(
    ("stacked_along", "shape", "plane"),
    [(2, (5, 16, 16), "axial"), (1, (16, 5, 16), "coronal"), (0, (16, 16, 5), "sagittal")],
)
def test_the_plane_is_the_axis_of_another_size(stacked_along: int, shape: tuple[int, ...], plane: str) -> None:
    others = [axis for axis in (2, 1, 0) if axis != stacked_along]
    affine = np.eye(4)[:, [stacked_along, *others, 3]]
    volume = orient(Volume(voxels=np.zeros((5, 20, 12), np.int16), affine=Affine(affine)), SMALL)
    assert (volume.voxels.shape, volume.plane) == (shape, plane)


@pytest.mark.parametrize(("stacked_along", "plane"), [(2, "axial"), (1, "coronal"), (0, "sagittal")])
def test_a_cube_takes_its_plane_from_the_acquisition(stacked_along: int, plane: str) -> None:
    others = [axis for axis in (2, 1, 0) if axis != stacked_along]
    affine = np.eye(4)[:, [stacked_along, *others, 3]]
    volume = orient(Volume(voxels=np.zeros((16, 20, 12), np.int16), affine=Affine(affine)), SMALL)
    assert (volume.voxels.shape, volume.plane) == ((16, 16, 16), plane)
