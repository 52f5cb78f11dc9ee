import re
from collections import defaultdict

import numpy as np
import pydicom
import pytest

from prima.simulate.phantom.scan import PhantomScan, acquire, phantom_protocols
from prima.simulate.phantom.write import write_phantom_study


@pytest.fixture(scope="module")
def phantom(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom")
    write_phantom_study(folder)
    by_series = defaultdict(list)
    for path in sorted(folder.rglob("*.dcm")):
        dataset = pydicom.dcmread(path)
        by_series[dataset.SeriesNumber].append(dataset)
    return folder, by_series


def test_series_and_images(phantom):
    _, by_series = phantom
    found = {number: (datasets[0].SeriesDescription, len(datasets)) for number, datasets in by_series.items()}
    assert found == {
        1: ("localizer", 3),
        2: ("AX T1 SE", 22),
        3: ("AX T2 TSE", 22),
        4: ("AX T2 FLAIR", 22),
        5: ("AX DWI TRACE", 44),
        6: ("AX ADC", 22),
        7: ("SAG T1 3D MPRAGE", 112),
        8: ("COR T2 TSE", 24),
    }
    assert {dataset.DiffusionBValue for dataset in by_series[5]} == {0, 1000}


def test_uids_are_valid_unique_and_of_one_study(phantom):
    _, by_series = phantom
    datasets = [dataset for datasets in by_series.values() for dataset in datasets]
    uids = [dataset.SOPInstanceUID for dataset in datasets]
    assert len(set(uids)) == len(uids)
    assert len({dataset.StudyInstanceUID for dataset in datasets}) == 1
    assert len({dataset.SeriesInstanceUID for dataset in datasets}) == 8
    for uid in [*uids, datasets[0].StudyInstanceUID, datasets[0].SeriesInstanceUID]:
        assert re.fullmatch(r"2\.25\.[1-9][0-9]{30,38}", uid)
    assert all(dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID for dataset in datasets)
    assert all(str(dataset.PatientName) == "PHANTOM^OPENPRIMA" for dataset in datasets)


def test_header_geometry_is_the_scan_geometry(phantom):
    _, by_series = phantom
    for protocol in phantom_protocols():
        datasets = iter(by_series[protocol.number])
        for scan in protocol.scans:
            for index in range(scan.shape[0]):
                dataset = next(datasets)
                row, column = np.reshape(np.array(dataset.ImageOrientationPatient, float), (2, 3))
                assert abs(row @ column) < 1e-6
                step = np.cross(row, column)
                expected = scan.affine
                np.testing.assert_allclose(row * dataset.PixelSpacing[1], expected[:3, 2], atol=1e-5)
                np.testing.assert_allclose(column * dataset.PixelSpacing[0], expected[:3, 1], atol=1e-5)
                np.testing.assert_allclose(step * scan.spacing_mm[0], expected[:3, 0], atol=1e-5)
                np.testing.assert_allclose(dataset.ImagePositionPatient, (expected @ [index, 0, 0, 1])[:3], atol=1e-5)


def test_same_arguments_same_bytes(phantom, tmp_path):
    folder, _ = phantom
    write_phantom_study(tmp_path)
    for path in sorted(folder.rglob("*.dcm")):
        assert path.read_bytes() == (tmp_path / path.relative_to(folder)).read_bytes()


def value_at(voxels, scan, place_mm):
    index = np.linalg.solve(scan.affine, [*place_mm, 1.0])[:3]
    return float(voxels[tuple(np.rint(index).astype(int))])


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_the_lesion_is_bright_and_on_the_left_in_every_plane(plane):
    scan = PhantomScan(plane=plane, shape=(40, 128, 128), spacing_mm=(5.0, 2.0, 2.0), contrast="FLAIR")
    with_lesion = acquire(scan, lesion=True, seed=0, noise_seed=0)
    without = acquire(scan, lesion=False, seed=0, noise_seed=0)
    left, right = (37, 12, 12), (-37, 12, 12)
    assert value_at(with_lesion, scan, left) > 1.5 * value_at(with_lesion, scan, right)
    assert value_at(without, scan, left) < 1.4 * value_at(without, scan, right)
    np.testing.assert_array_equal(scan.affine[:3, :3] != 0, np.abs(scan.affine[:3, :3]) > 1)


def test_without_the_lesion_the_left_ventricle_is_still_wider():
    scan = PhantomScan(plane="axial", shape=(40, 128, 128), spacing_mm=(4.0, 1.8, 1.8), contrast="T2")
    voxels = acquire(scan, lesion=False, seed=3, noise_seed=0)
    bright = [value_at(voxels, scan, (side * 18.0, 0, 24)) for side in (1, -1)]
    assert bright[0] > 1.5 * bright[1]


def test_seeds_differ():
    scan = PhantomScan(plane="axial", shape=(2, 64, 64), spacing_mm=(5.0, 4.0, 4.0), contrast="T1")
    images = [acquire(scan, lesion=True, seed=seed, noise_seed=0) for seed in (0, 1)]
    assert (images[0] != images[1]).any()
