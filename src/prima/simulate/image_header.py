"""What every written MR image holds: file meta, the modules of the IOD, geometry, pixels (PS3.3 A.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from prima.simulate.planned import made_uid

if TYPE_CHECKING:
    from pydicom import Dataset


def new_image(facts: dict[str, Any]) -> Dataset:
    """A classic MR image, explicit little endian, with the facts of its study and series as DICOM keywords."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage

    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = MRImageStorage
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.ImplementationClassUID = UID(made_uid("implementation"))
    usual = {
        "SpecificCharacterSet": "ISO_IR 192",
        "SOPClassUID": MRImageStorage,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
    }
    for keyword, value in (usual | facts).items():
        setattr(dataset, keyword, value)
    return dataset


def put_geometry(
    dataset: Dataset,
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    affine: NDArray[np.float64],
    *,
    thickness_mm: float | None = None,
) -> None:
    """Matrix, spacing and orientation of one stack whose affine goes from (d, h, w, 1) to LPS mm."""
    across = affine[:3, [2, 1]] / np.array(spacing_mm)[[2, 1]]
    dataset.Rows, dataset.Columns = shape[1:]
    dataset.PixelSpacing = [decimal(value) for value in spacing_mm[1:]]
    dataset.SliceThickness = decimal(thickness_mm or spacing_mm[0])
    if dataset.MRAcquisitionType == "2D":
        dataset.SpacingBetweenSlices = decimal(spacing_mm[0])
    dataset.ImageOrientationPatient = [decimal(value) for value in across.T.ravel()]


def put_slice(
    dataset: Dataset, affine: NDArray[np.float64], index: int, pixels: NDArray[Any], *, spacing_mm: float
) -> None:
    """Position and pixels of one slice."""
    position = affine @ [index, 0, 0, 1]
    dataset.ImagePositionPatient = [decimal(value) for value in position[:3]]
    dataset.SliceLocation = decimal(index * spacing_mm)
    dataset.SmallestImagePixelValue = int(pixels.min())
    dataset.LargestImagePixelValue = int(pixels.max())
    dataset.PixelData = pixels.tobytes()


def decimal(value: float) -> str:
    """A DICOM decimal string: at most 16 characters (PS3.5 6.2).

    Example:
        >>> decimal(-0.25)
        '-0.25000000'
    """
    return f"{value + 0.0:.8f}"[:16]
