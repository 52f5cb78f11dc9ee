"""Writing small synthetic DICOM files for the tests of this room."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

MR = "1.2.840.10008.5.1.4.1.1.4"
ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"
AXIAL = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
SAGITTAL = [0.0, 1.0, 0.0, 0.0, 0.0, -1.0]
CORONAL = [1.0, 0.0, 0.0, 0.0, 0.0, -1.0]


class Writer:
    """Writes images of one study; every call may override or (with None) remove any element by keyword."""

    study_uid = "1.2.3.4"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = itertools.count(1)

    def dataset(self, image: NDArray[Any], **elements: Any) -> Dataset:
        """A classic MR image with the pixels of `image` [rows, columns]."""
        number = next(self.count)
        found = Dataset()
        values = {
            "SOPClassUID": MR,
            "SOPInstanceUID": f"1.2.3.9.{number}",
            "StudyInstanceUID": self.study_uid,
            "SeriesInstanceUID": "1.2.3.5",
            "SeriesNumber": 1,
            "InstanceNumber": number,
            "Modality": "MR",
            "Manufacturer": "ACME",
            "SeriesDescription": "AX T2",
            "ImageType": ["ORIGINAL", "PRIMARY", "M"],
            "ImagePositionPatient": [0.0, 0.0, 5.0 * number],
            "ImageOrientationPatient": AXIAL,
            "PixelSpacing": [0.5, 0.75],
            "SliceThickness": 5.0,
            "Rows": image.shape[0],
            "Columns": image.shape[1],
            "SamplesPerPixel": 1,
            "PhotometricInterpretation": "MONOCHROME2",
            "BitsAllocated": image.dtype.itemsize * 8,
            "BitsStored": image.dtype.itemsize * 8,
            "HighBit": image.dtype.itemsize * 8 - 1,
            "PixelRepresentation": int(image.dtype.kind == "i"),
            **elements,
        }
        with warnings.catch_warnings(action="ignore"):  # some tests write what no scanner should
            for keyword, value in values.items():
                if value is not None:
                    setattr(found, keyword, value)
        found.PixelData = image.tobytes()
        found["PixelData"].VR = "OW"
        return found

    def save(self, dataset: Dataset, name: str | None = None, syntax: UID = ExplicitVRLittleEndian) -> Path:
        """Write a data set with preamble and meta information."""
        path = self.folder / (name or f"IM{dataset.InstanceNumber:04d}")
        path.parent.mkdir(parents=True, exist_ok=True)
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = syntax
        with warnings.catch_warnings(action="ignore"):
            dataset.save_as(path, enforce_file_format=True)
        return path

    def image(
        self, value: int = 0, *, name: str | None = None, shape: tuple[int, int] = (8, 6), **elements: Any
    ) -> Path:
        """One slice whose pixels count up from `value`."""
        pixels = (np.arange(shape[0] * shape[1]).reshape(shape) + value).astype(np.uint16)
        return self.save(self.dataset(pixels, **elements), name)

    def stack(
        self, num_slices: int = 6, *, base: int = 0, names: Sequence[str] | None = None, **elements: Any
    ) -> list[Path]:
        """An axial stack with 5 mm between slices; slice k has pixels from base + 100 k on."""
        return [
            self.image(
                base + 100 * index,
                name=None if names is None else names[index],
                **{"ImagePositionPatient": [1.0, 2.0, 5.0 * index], **elements},
            )
            for index in range(num_slices)
        ]


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    """A writer into the test's own folder."""
    return Writer(tmp_path / "study")


@pytest.fixture
def make_writer() -> Callable[[Path], Writer]:
    """Writers into any folder."""
    return Writer
