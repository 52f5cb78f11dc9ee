"""Can this machine really decode compressed DICOM? A tiny image of each kind, decoded through the reading room."""

from __future__ import annotations

import base64
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prima.errors import PrimaError
from prima.workflow.doctor.check import Check

SIDE = 16
# The same 16 x 16 image (12 bits in 16), compressed four ways: name, transfer syntax, one frame in base64.
SAMPLES = (
    (
        "JPEG lossless",
        "1.2.840.10008.1.2.4.70",
        "/9j/wwALEAAQABABAREA/8QAFgABAQEAAAAAAAAAAAAAAAAAAwUQ/9oACAEBAAEAAM7u7u7u7u7vfd3d3d3d3d3vu7u7u7u7u733d3d3d3d3"
        "d77u7u7u7u7u993d3d3d3d3e+7u7u7u7u7vfd3d3d3d3d3vu7u7u7u7u733d3d3d3d3d77u7u7u7u7u993d3d3d3d3e+7u7u7u7u7vfd3d3d"
        "3d3d3vu7u7u7u7u733d3d3d3d3d//9kA",
    ),
    (
        "JPEG-LS",
        "1.2.840.10008.1.2.4.80",
        "/9j/9wALEAAQABABAREA//gADQH//wASAEMBFABA/9oACAEBAAAAAKBsDYFwNgXBMDwWCwOBsC4JgeCw+gdAyCoIg0EgkEgoKCgoKCgdD6Cg"
        "oECBAgQIECBAgQIGQ8gQIECBBBBBBBBBBBUdQQQQQQQQQQQQQQQRHEEEEEEEEEEIQhCDTaEIQhCEIQhCEIJNIQhCEIQhCEIRBJlERERERERE"
        "QSYREREREREREFLoiSSSSSSCrJJJJJJJIKqkkkqqqCqKqqqqgqaqqq+CpP9/BP/Z",
    ),
    (
        "JPEG 2000",
        "1.2.840.10008.1.2.4.90",
        "/0//UQApAAAAAAAQAAAAEAAAAAAAAAAAAAAAEAAAABAAAAAAAAAAAAABDwEB/1IADAAAAAEAAwQEAAH/XAANQICIiJCIiJCIiJD/ZAAqAAFD"
        "cmVhdGVkIGJ5IEdEQ00vT3BlbkpQRUcgdmVyc2lvbiAyLjMuMP+QAAoAAAAAAEwAAf+T3/iQUAeBV1k3/w4UmI/AA+oCgB+AIA0DCz3+L8AB"
        "84OAD7QYIhoTA3/mT6m/wAB8IkAB84QANqGFPz2mLtv/2Q==",
    ),
    (
        "RLE",
        "1.2.840.10008.1.2.5",
        "AgAAAEAAAABsAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAPEA8QDxAPEA8QDyAAAB9wD7"
        "AfsA9wH/APMB8QHxAfEB8QHxAfUB/QL6AfgCDwAHDhUcIyoxOD9GTVRbYmkPHyYtNDtCSVBXXmVsc3qBiA8+RUxTWmFob3Z9hIuSmaCnD11k"
        "a3J5gIeOlZyjqrG4v8YPfIOKkZifpq20u8LJ0Nfe5Q+boqmwt77FzNPa4ejv9v0ED7rByM/W3eTr8vkABw4VHCMP2eDn7vX8AwoRGB8mLTQ7"
        "Qg/4/wYNFBsiKTA3PkVMU1phDxceJSwzOkFIT1ZdZGtyeYAPNj1ES1JZYGdudXyDipGYnw9VXGNqcXh/ho2Um6KpsLe+D3R7gomQl56lrLO6"
        "wcjP1t0Pk5qhqK+2vcTL0tng5+71/A+yucDHztXc4+rx+P8GDRQbD9HY3+bt9PsCCRAXHiUsMzo=",
    ),
)


def check_codecs() -> list[Check]:
    """Decode each sample and compare every pixel."""
    with tempfile.TemporaryDirectory() as folder:
        return [_check(Path(folder) / "sample.dcm", *sample) for sample in SAMPLES]


def sample_image() -> NDArray[np.uint16]:
    """What every sample decodes to: [16, 16]."""
    row, column = np.mgrid[:SIDE, :SIDE]
    image: NDArray[np.uint16] = ((31 * row + 7 * column) % 1024).astype(np.uint16)
    return image


def _check(path: Path, name: str, syntax: str, frame: str) -> Check:
    try:
        _write(path, syntax, base64.b64decode(frame))
        right = np.array_equal(_decode(path), sample_image())
        found = "decodes to the exact pixels" if right else "decodes to wrong pixels"
    except (PrimaError, ImportError) as error:
        right, found = False, f"cannot be decoded ({error})"
    remedy = None if right else "pip install --force-reinstall python-gdcm"
    return Check(name=f"codec {name}", status="ok" if right else "warn", found=found, remedy=remedy)


def _decode(path: Path) -> NDArray[Any]:
    from prima.dicom.header.read import read_header
    from prima.dicom.pixels.decode import decode

    header = read_header(path)
    if header is None:
        raise PrimaError("not taken for DICOM")
    image: NDArray[Any] = decode(header[0])[0]
    return image


def _write(path: Path, syntax: str, frame: bytes) -> None:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import UID, MRImageStorage

    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = MRImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = UID("2.25.1")
    dataset.StudyInstanceUID = dataset.SeriesInstanceUID = UID("2.25.2")
    dataset.Modality = "MR"
    dataset.Rows = dataset.Columns = SIDE
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.SamplesPerPixel, dataset.PixelRepresentation = 1, 0
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.PixelData = encapsulate([frame])
    dataset["PixelData"].VR = "OB"
    dataset.save_as(path, enforce_file_format=True)
