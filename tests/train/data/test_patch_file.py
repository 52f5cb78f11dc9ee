"""Files of patches: prepared studies as bytes and back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from prima.errors import UnreadableError
from prima.model.engine.prepare import PreparedStudy, prepare
from prima.study import Study
from prima.tokens.contract import OPEN
from prima.tokens.patches import BRIGHTEST
from prima.train.data.patch_file import STEPS, patches_of_prepared, read_patches, with_patches, write_patches

from .test_dense_targets import PLANES, series_of


@pytest.fixture(scope="module")
def prepared() -> PreparedStudy:
    study = Study(study_uid="1.2", description="MRI BRAIN", series=tuple(map(series_of, PLANES)))
    return prepare(study, OPEN, None)


def test_a_file_holds_what_was_prepared(prepared: PreparedStudy, tmp_path: Path) -> None:
    patches = replace(patches_of_prepared(prepared), facts={"study_uid": "1.2"})
    write_patches(patches, tmp_path / "a" / "0.npz")
    found = read_patches(tmp_path / "a" / "0.npz")
    assert found.names == tuple(series.name for series in prepared.series)
    assert found.num_patches == tuple(series.patches.num_patches for series in prepared.series)
    assert (found.description, found.facts, found.dense) == ("MRI BRAIN", {"study_uid": "1.2"}, None)
    np.testing.assert_array_equal(found.voxels, patches.voxels)
    np.testing.assert_array_equal(found.coordinates, patches.coordinates)
    with pytest.raises(UnreadableError, match="found no whole file of patches"):
        read_patches(tmp_path / "absent.npz")


def test_stored_patches_go_back_where_they_came_from(prepared: PreparedStudy) -> None:
    """In every plane; a value moves by half a step at most."""
    again = with_patches(prepared, patches_of_prepared(prepared))
    for series, twin in zip(prepared.series, again.series, strict=True):
        assert torch.equal(series.patches.coordinates, twin.patches.coordinates)
        assert twin.patches.coordinates.dtype == torch.int32
        assert twin.patches.voxels.shape == series.patches.voxels.shape
        difference = (twin.patches.voxels - series.patches.voxels.clamp(0, BRIGHTEST)).abs()
        assert 0 < float(difference.max()) <= 0.5 / STEPS + 1e-6
