"""Finding studies under a path."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import nibabel
import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from prima.predict.sources import find_studies
from prima.study import Reason


def write_stack(folder: Path, *, study: str, series: int = 1, num_slices: int = 5, description: str = "AX T2") -> None:
    """A small axial series."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(num_slices):
        image = (np.arange(48).reshape(8, 6) + 100 * index + series).astype(np.uint16)
        dataset = Dataset()
        dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
        dataset.SOPInstanceUID = f"{study}.{series}.{index + 1}"
        dataset.StudyInstanceUID = study
        dataset.SeriesInstanceUID = f"{study}.{series}"
        dataset.SeriesNumber = series
        dataset.Modality = "MR"
        dataset.SeriesDescription = description
        dataset.PatientAge, dataset.PatientSex, dataset.StudyDate = "034Y", "F", "20200102"
        dataset.StudyDescription = "MRI BRAIN"
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "M"]
        dataset.ImagePositionPatient = [0.0, 0.0, 4.0 * index]
        dataset.ImageOrientationPatient = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
        dataset.PixelSpacing = [1.0, 1.0]
        dataset.Rows, dataset.Columns = image.shape
        dataset.SamplesPerPixel = 1
        dataset.PhotometricInterpretation = "MONOCHROME2"
        dataset.BitsAllocated = dataset.BitsStored = 16
        dataset.HighBit = 15
        dataset.PixelRepresentation = 0
        dataset.PixelData = image.tobytes()
        dataset["PixelData"].VR = "OW"
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.save_as(folder / f"{series}_{index}", enforce_file_format=True)


def test_studies_are_told_apart_by_uid_and_not_by_folder(tmp_path: Path) -> None:
    write_stack(tmp_path / "disc" / "a", study="1.2.1", series=1)
    write_stack(tmp_path / "disc" / "b", study="1.2.1", series=2)
    write_stack(tmp_path / "disc" / "b", study="1.2.2", series=3)
    (tmp_path / "disc" / "readme.txt").write_text("viewer")
    found = find_studies(tmp_path)
    assert [source.study_uid for source in found.studies] == ["1.2.1", "1.2.2"]
    assert [source.where.name for source in found.studies] == ["disc", "b"]
    assert [[series.number for series in source.read().series] for source in found.studies] == [[1, 2], [3]]
    assert (found.problems, found.num_other_files) == ((), 1)


def test_facts_of_the_study(tmp_path: Path) -> None:
    write_stack(tmp_path, study="1.2.1")
    study = find_studies(tmp_path).studies[0].read()
    assert (study.study_uid, study.description, study.date) == ("1.2.1", "MRI BRAIN", "20200102")
    assert (study.patient.age_years, study.patient.sex) == (34.0, "F")


def test_a_single_file(tmp_path: Path) -> None:
    write_stack(tmp_path, study="1.2.1")
    (source,) = find_studies(tmp_path / "1_0").studies
    (excluded,) = source.read().excluded
    assert excluded.reason == Reason.TOO_FEW_SLICES


def test_dicom_beside_nifti(tmp_path: Path) -> None:
    write_stack(tmp_path / "dicom", study="1.2.1")
    folder = tmp_path / "nifti"
    folder.mkdir()
    image = nibabel.Nifti1Image(np.random.default_rng(0).integers(0, 900, (8, 8, 6)).astype(np.int16), np.eye(4))
    nibabel.save(image, folder / "t1.nii.gz")
    found = find_studies(tmp_path)
    assert [source.study_uid for source in found.studies] == ["1.2.1", None]
    assert [len(source.read().series) for source in found.studies] == [1, 1]


def test_progress_and_order_are_the_same_each_time(tmp_path: Path) -> None:
    for name in ("10", "9", "b"):
        write_stack(tmp_path / name, study=f"1.2.{ord(name[0])}")
    seen: list[int] = []
    first = find_studies(tmp_path, on_file=seen.append)
    assert seen == list(range(1, 16))
    assert [source.where.name for source in first.studies] == ["9", "10", "b"]
    shutil.move(tmp_path / "9", tmp_path / "x")
    shutil.move(tmp_path / "x", tmp_path / "9")
    assert [source.where.name for source in find_studies(tmp_path).studies] == ["9", "10", "b"]


@pytest.mark.parametrize("workers", [1, 4])
def test_workers_do_not_change_the_study(tmp_path: Path, workers: int) -> None:
    write_stack(tmp_path, study="1.2.1")
    study = find_studies(tmp_path).studies[0].read(workers=workers)
    assert study.series[0].volume.voxels[:, 0, 0].tolist() == [1, 101, 201, 301, 401]


def test_warning_filters_are_left_as_they_were(tmp_path: Path) -> None:
    write_stack(tmp_path, study="1.2.1")
    before = list(warnings.filters)
    find_studies(tmp_path).studies[0].read()
    assert warnings.filters == before
