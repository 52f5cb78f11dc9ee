"""Masks over tokens against a plain count of voxels, in every plane and padding."""

from __future__ import annotations

import numpy as np
import pytest

from prima.model.engine.prepare import prepare
from prima.study import Affine, Series, Study, Volume
from prima.tokens.contract import OPEN
from prima.tokens.patches import Patches
from prima.train.data import dense_targets as module
from prima.train.data.dense_targets import dense_targets

SHAPE, SPACING_MM = (12, 60, 60), np.array([4.5, 1.75, 1.75])
# Patient axis (x, y, z) of each array axis.
PLANES = {"axial": (2, 1, 0), "coronal": (1, 2, 0), "sagittal": (0, 2, 1)}


def series_of(plane: str) -> Series:
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis, patient_axis in enumerate(PLANES[plane]):
        affine[patient_axis, axis] = SPACING_MM[axis]
    affine[:3, 3] = (3.0, -5.0, 7.0)
    voxels = np.random.default_rng(1).integers(60, 200, SHAPE).astype(np.int16)
    voxels[:2] = 0
    return Series(
        series_uid=f"1.2.{plane}", number=1, description=plane, volume=Volume(voxels=voxels, affine=Affine(affine))
    )


@pytest.fixture(scope="module")
def patches() -> list[Patches]:
    study = Study(study_uid="1.2", series=tuple(map(series_of, PLANES)))
    return [series.patches for series in prepare(study, OPEN, None).series]


def mask_of(corner_mm: tuple[float, float, float], size: int) -> tuple[np.ndarray, Affine]:
    """A cube of voxels of 1.5 mm, (z, y, x), that begins at a corner (x, y, z)."""
    affine = np.zeros((4, 4))
    affine[0, 2] = affine[1, 1] = affine[2, 0] = 1.5
    affine[:3, 3], affine[3, 3] = corner_mm, 1
    mask = np.zeros((size + 6,) * 3, np.uint8)
    mask[3:-3, 3:-3, 3:-3] = 1
    return mask, Affine(affine)


def naive(patches: list[Patches], mask: np.ndarray, affine: Affine) -> dict[int, float]:
    """Row of the token → the share of its volume that the mask fills, voxel by voxel of the mask."""
    volume: dict[int, float] = {}
    first = 0
    for of_series in patches:
        token_mm3 = np.prod(of_series.extent) * of_series.affine.voxel_mm3
        for index in np.argwhere(mask):
            row = of_series.row_at(affine.apply(index))
            if row is not None:
                volume[first + row] = volume.get(first + row, 0.0) + 1.5**3 / token_mm3
        first += of_series.num_kept
    return volume


def test_shares_are_counts_of_voxels_in_the_box_of_a_token(patches: list[Patches]) -> None:
    masks = {3: mask_of((20.0, 20.0, 20.0), 8), 7: mask_of((41.0, 30.0, 28.0), 3)}
    dense = dense_targets(patches, masks)
    assert set(dense.diagnosis.tolist()) == {3, 7}
    for diagnosis, (mask, affine) in masks.items():
        rows = dense.diagnosis == diagnosis
        found = dict(zip(dense.token[rows].tolist(), (dense.share[rows] / 255).tolist(), strict=True))
        expected = naive(patches, mask, affine)
        assert found.keys() == expected.keys()
        assert len(found) > 3
        for token, share in expected.items():
            assert found[token] == pytest.approx(np.clip(share, 1 / 255, 1), abs=0.5 / 255 + 1e-9)


def test_a_large_mask_is_thinned_and_its_shares_stay(patches: list[Patches], monkeypatch: pytest.MonkeyPatch) -> None:
    masks = {3: mask_of((14.0, 20.0, 20.0), 18)}
    whole = dense_targets(patches, masks)
    monkeypatch.setattr(module, "MOST_POINTS", 1500)
    thinned = dense_targets(patches, masks)
    assert thinned.share.sum() != whole.share.sum()
    assert float(thinned.share.sum()) == pytest.approx(float(whole.share.sum()), rel=0.05)


def test_without_masks_there_is_nothing(patches: list[Patches]) -> None:
    assert [len(dense_targets(given, {}).token) for given in (patches, [])] == [0, 0]
    outside = dense_targets(patches, {3: mask_of((900.0, 0.0, 0.0), 4)})
    assert len(outside.token) == 0
