"""Pixels and geometry against SimpleITK, an independent reader, over real series."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prima.dicom.header.read import read_header
from prima.files.walk import walk
from prima.predict.sources import find_studies
from prima.study import Series

sitk: Any = pytest.importorskip("SimpleITK")

CLASSIC = [
    "ge_signa15_axial_PD_FSE",
    "siemens_prisma_classic_T1sag_and_mosaicDWI",
    "philips_elition_classic_study",
    "compressed_fragments_PHANTOM",
]


def paths_of(folder: Path, series: Series) -> list[str]:
    """Files of a series in its slice order."""
    where = {}
    for path in walk(folder).files:
        header = read_header(path)
        if isinstance(header, tuple):
            where[header[0].sop_uid] = str(path)
    return [where[uid] for uid in series.instance_uids]


@pytest.mark.parametrize("name", CLASSIC)
def test_series_equals_simpleitk(shared: Path, name: str) -> None:
    folder = shared / "data" / "real" / name
    for source in find_studies(folder).studies:
        for series in source.read().series:
            reader = sitk.ImageSeriesReader()
            reader.SetFileNames(paths_of(folder, series))
            image = reader.Execute()
            peer = sitk.GetArrayFromImage(image)
            assert series.volume.voxels.dtype == peer.dtype
            np.testing.assert_array_equal(series.volume.voxels, peer)
            for index in [(0, 0, 0), (peer.shape[0] - 1, 3, 5), (1, peer.shape[1] - 1, peer.shape[2] - 1)]:
                theirs = image.TransformIndexToPhysicalPoint([int(value) for value in index[::-1]])
                np.testing.assert_allclose(series.volume.affine @ [*index, 1], [*theirs, 1], atol=0.05)


def test_golden_study_equals_simpleitk(shared: Path) -> None:
    folder = shared / "data" / "golden" / "study"
    (source,) = find_studies(folder, keep_all=True).studies
    for series, sub in zip(source.read().series, sorted(folder.iterdir()), strict=True):
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(paths_of(sub, series))
        peer = sitk.GetArrayFromImage(reader.Execute())
        assert series.volume.voxels.dtype == peer.dtype
        np.testing.assert_array_equal(series.volume.voxels, peer)


@pytest.mark.parametrize(
    ("slope", "intercept"),
    [("1", "0"), ("2", "0"), ("1", "-1024"), ("0.5", "0"), ("3", "-5"), ("1", "0.5"), ("-1", "0")],
)
@pytest.mark.parametrize("kind", [np.uint16, np.int16, np.uint8])
def test_rescaled_type_equals_simpleitk(writer, slope: str, intercept: str, kind: type) -> None:
    for index in range(4):
        image = (np.arange(48).reshape(8, 6) + 30 * index).astype(kind)
        elements = {"RescaleSlope": slope, "RescaleIntercept": intercept}
        writer.save(writer.dataset(image, ImagePositionPatient=[0, 0, 5.0 * index], **elements))
    (series,) = find_studies(writer.folder).studies[0].read().series
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(sorted(str(path) for path in writer.folder.iterdir()))
    peer = sitk.GetArrayFromImage(reader.Execute())
    np.testing.assert_array_equal(series.volume.voxels.astype(np.float64), peer.astype(np.float64))
    assert series.volume.voxels.dtype == peer.dtype
