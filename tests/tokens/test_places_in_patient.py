"""Every token, plane and voxel has its place in the patient: token → mm → voxel of the series, and back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from prima.study import Affine, Series, Volume
from prima.tokens.contract import OPEN, PUBLISHED, Contract
from prima.tokens.tokenizer import patches_of

# In which directions of the patient (x left, y back, z up) slices, rows and columns follow each other.
DIRECTIONS = {
    "axial": [(0, 0, 1), (0, 1, 0), (1, 0, 0)],
    "coronal": [(0, 1, 0), (0, 0, -1), (1, 0, 0)],
    "sagittal": [(1, 0, 0), (0, 0, -1), (0, 1, 0)],
}
SHAPE, SPACING = (20, 128, 112), (6.0, 1.7, 1.9)
CONTRACTS = {"published": replace(PUBLISHED, resampling="separable"), "open": OPEN}


def affine_of(plane: str, *, flipped: bool, oblique: bool) -> Affine:
    direction = np.array(DIRECTIONS[plane], float).T
    if oblique:
        turn = np.eye(3)
        turn[[0, 1, 0, 1], [0, 1, 1, 0]] = [np.cos(0.2), np.cos(0.2), -np.sin(0.2), np.sin(0.2)]
        tilt = np.eye(3)
        tilt[[1, 2, 1, 2], [1, 2, 2, 1]] = [np.cos(0.3), np.cos(0.3), -np.sin(0.3), np.sin(0.3)]
        direction = turn @ tilt @ direction
    if flipped:
        direction = direction * [-1, 1, -1]
    centre = direction * SPACING @ ((np.array(SHAPE) - 1) / 2)
    return Affine.of_parts(np.array([12.0, -7.0, 31.0]) - centre, direction, SPACING)


def head_with_a_spot(affine: Affine, spot_mm: np.ndarray) -> Volume:
    """A grey oval with one bright spot, to the left, in front and above its middle."""
    places = affine.apply(np.moveaxis(np.indices(SHAPE), 0, -1))
    middle = affine.apply((np.array(SHAPE) - 1) / 2)
    far = np.linalg.norm((places - middle) / [70, 80, 55], axis=-1)
    voxels = np.where(far < 1, 300, 0)
    voxels = np.where(np.linalg.norm(places - spot_mm, axis=-1) < 6, 1000, voxels)
    return Volume(voxels=voxels.astype(np.int16), affine=affine)


@pytest.mark.parametrize("contract", list(CONTRACTS.values()), ids=list(CONTRACTS))
@pytest.mark.parametrize("oblique", [False, True], ids=["straight", "oblique"])
@pytest.mark.parametrize("flipped", [False, True], ids=["", "flipped"])
@pytest.mark.parametrize("plane", list(DIRECTIONS))
def test_the_token_that_holds_a_spot_is_the_brightest(
    plane: str, flipped: bool, oblique: bool, contract: Contract
) -> None:
    affine = affine_of(plane, flipped=flipped, oblique=oblique)
    spot_mm = np.array([50.0, -31.0, 48.0])
    volume = head_with_a_spot(affine, spot_mm)
    patches = patches_of(Series(series_uid="1.2", volume=volume), contract)
    row = patches.row_at(spot_mm)
    assert row is not None
    assert float(patches.voxels[row].max()) == pytest.approx(float(patches.voxels.max()))
    corners = patches.corners_mm()[row]
    inside = Affine(patches.affine).inverse()
    low, high = inside.apply(corners).min(0), inside.apply(corners).max(0)
    assert np.all(inside.apply(spot_mm) >= low) and np.all(inside.apply(spot_mm) <= high)
    # the brightest voxel of the token, in the patient and then in the series, is bright there too
    brightest = np.unravel_index(int(patches.voxels[row].argmax()), patches.extent)
    place_mm = patches.affine_of(row).apply(brightest)
    assert np.linalg.norm(place_mm - spot_mm) < 6 + max(SPACING)
    index = np.rint(affine.inverse().apply(place_mm)).astype(int)
    window = tuple(slice(max(at - 1, 0), at + 2) for at in index)
    assert volume.voxels[window].max() == 1000


@pytest.mark.parametrize("contract", list(CONTRACTS.values()), ids=list(CONTRACTS))
@pytest.mark.parametrize("plane", list(DIRECTIONS))
def test_token_to_patient_and_back(plane: str, contract: Contract) -> None:
    volume = head_with_a_spot(affine_of(plane, flipped=True, oblique=True), np.zeros(3))
    patches = patches_of(Series(series_uid="1.2", volume=volume), contract)
    centres = patches.centres_mm()
    assert [patches.row_at(centre) for centre in centres] == list(range(patches.num_kept))
    np.testing.assert_allclose(patches.corners_mm().mean(axis=1), centres, atol=1e-9)
    for row in range(0, patches.num_kept, 17):
        middle = (np.array(patches.extent) - 1) / 2
        np.testing.assert_allclose(patches.affine_of(row).apply(middle), centres[row], atol=1e-9)
    assert patches.row_at([900.0, 0.0, 0.0]) is None
    # the foreground's middle is the head's middle, left and right not exchanged
    assert np.linalg.norm(centres.mean(axis=0) - volume.affine.apply((np.array(SHAPE) - 1) / 2)) < 15
