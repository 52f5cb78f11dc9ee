"""What every written image holds: file meta, the modules of the IOD, geometry, pixels (PS3.3 A.4)."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from prima.files.optional import require
from prima.simulate.scanner.physics import Sequence
from prima.simulate.scanner.planned import made_uid
from prima.study.affine import Affine

if TYPE_CHECKING:
    from pydicom import Dataset


_SCANNING: dict[str, tuple[str | list[str], str | list[str]]] = {
    "spin_echo": ("SE", "SK"),
    "inversion": (["SE", "IR"], ["SK", "SP"]),
    "mprage": (["GR", "IR"], ["SK", "SP", "MP"]),
    "spoiled": ("GR", "SP"),
    "diffusion": ("EP", ["SK", "SP"]),
    "swi": ("GR", "SP"),
    "tof": ("GR", "SP"),
    "balanced": ("GR", "SS"),
}
"""ScanningSequence and SequenceVariant of each kind of sequence."""

SHORT_TEXT = 64
"""Most characters of a long string (LO, PS3.5 6.2): what is longer is cut in a header."""


def need_pydicom() -> None:
    """Say early, and in words, what is missing.

    Raises:
        MissingDependencyError: pydicom is not installed.
    """
    require("pydicom", "writing DICOM")


def new_image(facts: dict[str, Any]) -> Dataset:
    """A classic image, explicit little endian, with the facts of its study and series as DICOM keywords.

    It is an MR image unless the facts hold another SOPClassUID.
    """
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage

    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = UID(facts.get("SOPClassUID", MRImageStorage))
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
    affine: Affine,
    *,
    thickness_mm: float | None = None,
) -> None:
    """Matrix, spacing and orientation of one stack whose affine goes from (d, h, w) to LPS mm."""
    across = affine[:3, [2, 1]] / np.array(spacing_mm)[[2, 1]]
    dataset.Rows, dataset.Columns = shape[1:]
    dataset.PixelSpacing = [decimal(value) for value in spacing_mm[1:]]
    dataset.SliceThickness = decimal(thickness_mm or spacing_mm[0])
    if dataset.get("MRAcquisitionType") == "2D":
        dataset.SpacingBetweenSlices = decimal(spacing_mm[0])
    dataset.ImageOrientationPatient = [decimal(value) for value in across.T.ravel()]


def header_affine(affine: Affine, shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]) -> Affine:
    """Where a reader finds a stack that `put_geometry` and `put_slice` describe: positions are decimal strings there.

    Args:
        affine: from (d, h, w) to LPS mm.
        shape: [D, H, W].
        spacing_mm: (slice, row, column).
    """
    row, column = (_stored(affine[:3, axis] / spacing_mm[axis]) for axis in (2, 1))
    first, last = (_stored(affine[:3] @ [index, 0, 0, 1]) for index in (0, shape[0] - 1))
    pixel = _stored(np.array(spacing_mm[1:]))
    return Affine.of_slices(first, last, shape[0], row=row, column=column, spacing_mm=(pixel[0], pixel[1]))


def _stored(values: NDArray[np.float64]) -> list[float]:
    return [float(decimal(value)) for value in values]


def put_slice(dataset: Dataset, affine: Affine, index: int, pixels: NDArray[Any], *, spacing_mm: float) -> None:
    """Position and pixels of one slice."""
    position = affine @ [index, 0, 0, 1]
    dataset.ImagePositionPatient = [decimal(value) for value in position[:3]]
    dataset.SliceLocation = decimal(index * spacing_mm)
    dataset.SmallestImagePixelValue = int(pixels.min())
    dataset.LargestImagePixelValue = int(pixels.max())
    dataset.PixelData = pixels.tobytes()


def put_uid(dataset: Dataset, instance: int, uid: str) -> None:
    """Number and UID of one image."""
    from pydicom.uid import UID

    dataset.InstanceNumber = instance
    dataset.SOPInstanceUID = UID(uid)
    dataset.file_meta.MediaStorageSOPInstanceUID = UID(uid)


def save(dataset: Dataset, path: Path) -> None:
    """Write one image; a full disk is told as the system tells it, not as the writer of the data set does."""
    image = BytesIO()
    dataset.save_as(image, enforce_file_format=True)
    path.write_bytes(image.getvalue())


def sequence_facts(sequence: Sequence) -> dict[str, Any]:
    """What a sequence writes into the header (PS3.3 C.8.3.1)."""
    scanning, variant = _SCANNING[sequence.kind]
    facts: dict[str, Any] = {
        "ScanningSequence": scanning,
        "SequenceVariant": variant,
        "ScanOptions": "FS" if sequence.fat_suppressed else "",
        "RepetitionTime": decimal(sequence.tr_ms),
        "EchoTime": decimal(sequence.te_ms),
        "EchoTrainLength": sequence.echo_train,
        "FlipAngle": decimal(sequence.flip_deg),
    }
    return facts | ({"InversionTime": decimal(sequence.ti_ms)} if sequence.ti_ms else {})


def decimal(value: float) -> str:
    """A DICOM decimal string: at most 16 characters (PS3.5 6.2).

    Example:
        >>> decimal(-0.25)
        '-0.25000000'
    """
    return f"{value + 0.0:.8f}"[:16]
