"""Which way the slices of a Siemens mosaic run when its private header is gone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

from prima.dicom.header.mosaic import direction_note
from prima.dicom.header.read import read_header
from prima.predict.sources import find_studies

REAL = (
    "siemens_prisma_classic_T1sag_and_mosaicDWI",
    "transfer_syntaxes_siemens_mosaic",
    "siemens_skyra_mosaic_PHANTOM",
)


def test_head_to_foot_without_a_private_header(shared: Path) -> None:
    (source,) = find_studies(shared / "data" / "cases" / "readers" / "mosaic_reversed").studies
    (series,) = source.read().series
    assert any("which way the slices of the mosaic run" in note for note in series.notes)
    heights = [series.volume.affine.apply([index, 64, 64])[2] for index in (0, series.num_slices - 1)]
    assert heights[0] < 0 < heights[1]


@pytest.mark.parametrize("folder", REAL)
def test_real_mosaics_stay_where_their_private_header_has_them(shared: Path, tmp_path: Path, folder: str) -> None:
    num_mosaics = 0
    for path in sorted((shared / "data" / "real" / folder).rglob("*")):
        if not path.is_file() or "MOSAIC" not in pydicom.dcmread(path, stop_before_pixels=True, force=True).get(
            "ImageType", ()
        ):
            continue
        num_mosaics += 1
        dataset = pydicom.dcmread(path)
        for element in [found for found in dataset if found.tag.group in (0x29, 0x51)]:
            del dataset[element.tag]
        dataset.save_as(tmp_path / "bare.dcm")
        whole, bare = read_header(path), read_header(tmp_path / "bare.dcm")
        assert whole is not None
        assert bare is not None
        assert whole[0].note is None
        assert bare[0].note == direction_note(dataset)
        assert bare[0].note is not None
        if bare[0].tiling is not None and whole[0].tiling == bare[0].tiling:
            np.testing.assert_allclose(
                [frame.position for frame in bare[1]], [frame.position for frame in whole[1]], atol=0.1
            )
    assert num_mosaics > 0
