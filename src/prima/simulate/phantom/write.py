"""A small deterministic phantom study, written as classic DICOM: for tests, documentation and the demo."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from prima.simulate.phantom.scan import PhantomScan, PhantomSeries, acquire, phantom_protocols
from prima.simulate.scanner.image_header import need_pydicom, new_image, put_geometry, put_slice

if TYPE_CHECKING:
    from pydicom import Dataset

_NAMESPACE = uuid.UUID("6d1f2a5e-2a4b-5c58-9a63-0a1b7f1d52c0")
_DATE, _TIME = "20240102", "101500"


def write_phantom_study(
    folder: Path, *, seed: int = 0, lesion: bool = True, protocols: Sequence[PhantomSeries] | None = None
) -> None:
    """Write a brain-like MRI study of eight series, 251 classic MR images, in about a second.

    The head is made of ellipsoids; its left side is marked by the wider lateral ventricle and, with `lesion`, by a
    bright lesion with edema. Series 1 is a three-plane localizer. Same arguments, same bytes: UIDs lie under 2.25 and
    are made of seed and position. The files are `series_<number>/<instance>.dcm`; no person was involved.

    Args:
        folder: is created when absent.
        seed: which folds, noise and UIDs.
        lesion: whether the lesion of the left hemisphere is there.
        protocols: what to acquire; the eight series of `phantom_protocols` when None.

    Raises:
        MissingDependencyError: pydicom is not installed.
    """
    need_pydicom()
    from pydicom.uid import UID

    name = f"{seed}/{lesion}"
    for protocol in phantom_protocols() if protocols is None else protocols:
        place = folder / f"series_{protocol.number:02d}"
        place.mkdir(parents=True, exist_ok=True)
        dataset = _series_header(protocol, name, seed)
        instance = 0
        for scan_index, scan in enumerate(protocol.scans):
            voxels = acquire(scan, lesion=lesion, seed=seed, noise_seed=100 * protocol.number + scan_index)
            _scan_header(dataset, scan)
            for slice_index, pixels in enumerate(voxels):
                instance += 1
                put_slice(dataset, scan.affine, slice_index, pixels, spacing_mm=scan.spacing_mm[0])
                dataset.InstanceNumber = instance
                dataset.SOPInstanceUID = _uid(f"{name}/{protocol.number}/{instance}")
                dataset.file_meta.MediaStorageSOPInstanceUID = UID(dataset.SOPInstanceUID)
                dataset.save_as(place / f"{instance:04d}.dcm", enforce_file_format=True)


def _uid(name: str) -> str:
    return f"2.25.{uuid.uuid5(_NAMESPACE, name).int}"


def _series_header(protocol: PhantomSeries, name: str, seed: int) -> Dataset:
    """Everything that the images of a series have in common (PS3.3 A.4, MR Image IOD)."""
    facts = {
        "ImageType": list(protocol.image_type),
        "StudyDate": _DATE,
        "SeriesDate": _DATE,
        "AcquisitionDate": _DATE,
        "ContentDate": _DATE,
        "StudyTime": _TIME,
        "SeriesTime": _TIME,
        "AcquisitionTime": _TIME,
        "ContentTime": _TIME,
        "AccessionNumber": "",
        "Modality": "MR",
        "Manufacturer": "openprima",
        "ManufacturerModelName": "Phantom",
        "InstitutionName": "openprima phantom",
        "StationName": "PHANTOM",
        "ReferringPhysicianName": "",
        "StudyDescription": "MRI BRAIN WO CONTRAST",
        "SeriesDescription": protocol.description,
        "ProtocolName": protocol.description,
        "PatientName": "PHANTOM^OPENPRIMA",
        "PatientID": f"PHANTOM-{seed}",
        "PatientBirthDate": "",
        "PatientSex": "O",
        "PatientAge": "045Y",
        "BodyPartExamined": "BRAIN",
        "MagneticFieldStrength": "3",
        "PatientPosition": "HFS",
        "SoftwareVersions": "1",
        "DeviceSerialNumber": "1",
        "StudyInstanceUID": _uid(name),
        "SeriesInstanceUID": _uid(f"{name}/{protocol.number}"),
        "FrameOfReferenceUID": _uid(f"{name}/frame"),
        "PositionReferenceIndicator": "",
        "StudyID": "1",
        "SeriesNumber": protocol.number,
        "AcquisitionNumber": 1,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        **protocol.facts,
    }
    return new_image(facts)


def _scan_header(dataset: Dataset, scan: PhantomScan) -> None:
    """Matrix, geometry and b-value of one stack."""
    put_geometry(dataset, scan.shape, scan.spacing_mm, scan.affine)
    if scan.b_value is not None:
        dataset.DiffusionBValue = scan.b_value
        dataset.DiffusionDirectionality = "ISOTROPIC" if scan.b_value else "NONE"
        dataset.SequenceName = f"*ep_b{scan.b_value:.0f}" + ("t" if scan.b_value else "")
    dataset.WindowCenter, dataset.WindowWidth = (1500, 3000) if scan.contrast == "ADC" else (450, 900)
