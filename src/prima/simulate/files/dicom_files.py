"""A simulated study as the files that a PACS would send: classic MR images, one file a slice (PS3.3 A.4)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from prima.simulate.scanner.acquire import AcquiredScan
from prima.simulate.scanner.image_header import (
    SHORT_TEXT,
    decimal,
    need_pydicom,
    new_image,
    put_geometry,
    put_slice,
    put_uid,
    save,
    sequence_facts,
)
from prima.simulate.scanner.physics import Sequence
from prima.simulate.scanner.planned import PlannedSeries, PlannedStudy, made_uid
from prima.simulate.study.simulate import AcquiredSeries, SimulatedStudy, first_instance, patient_affine

if TYPE_CHECKING:
    from pydicom import Dataset


def write_dicom(simulated: SimulatedStudy, folder: Path) -> int:
    """Write every series of a study made with `with_excluded=True`; the same study gives the same bytes.

    Args:
        folder: is created; files are `<series number>/<instance>.dcm`.

    Returns:
        How many files were written.

    Raises:
        MissingDependencyError: pydicom is not installed.
        ValueError: the study was made without the series that a reader leaves out.
    """
    need_pydicom()
    if not all(series.scans for series in simulated.series):
        raise ValueError("series without voxels: simulate the study with with_excluded=True to write it")
    return sum(_write_series(simulated, series, folder) for series in simulated.series)


def _write_series(simulated: SimulatedStudy, series: AcquiredSeries, folder: Path) -> int:
    planned = series.planned
    place = folder / f"{planned.number:04d}"
    place.mkdir(parents=True, exist_ok=True)
    dataset = new_image(_study_facts(simulated.planned) | _series_facts(planned))
    count = 0
    for acquired in series.scans:
        scan = acquired.planned
        affine = patient_affine(simulated.planned, scan.affine)
        _put_sequence(dataset, planned, acquired)
        put_geometry(dataset, scan.shape, scan.spacing_mm, affine, thickness_mm=scan.thickness_mm)
        first = first_instance(planned, scan)
        for index, pixels in enumerate(acquired.stored):
            count += 1
            put_slice(dataset, affine, index, pixels, spacing_mm=scan.spacing_mm[0])
            put_uid(dataset, first + index, planned.instance_uid(first + index))
            save(dataset, place / f"{first + index:04d}.dcm")
    return count


def _study_facts(planned: PlannedStudy) -> dict[str, Any]:
    """What all images of a study have in common."""
    case, scanner = planned.case, planned.scanner
    scanned, person = case.visit.scanned, case.person
    date, time = scanned.strftime("%Y%m%d"), scanned.strftime("%H%M%S")
    return {
        "StudyDate": date,
        "SeriesDate": date,
        "AcquisitionDate": date,
        "ContentDate": date,
        "StudyTime": time,
        "SeriesTime": time,
        "AcquisitionTime": time,
        "ContentTime": time,
        "AccessionNumber": case.accession,
        "Modality": "MR",
        "Manufacturer": scanner.manufacturer,
        "ManufacturerModelName": scanner.model,
        "InstitutionName": case.visit.site,
        "StationName": scanner.station,
        "ReferringPhysicianName": "",
        "StudyDescription": planned.protocol.study_description,
        "RequestedProcedureDescription": case.visit.description[:SHORT_TEXT],
        "ReasonForTheRequestedProcedure": case.visit.indication[:SHORT_TEXT],
        "PatientName": f"SIMULATED^{person.patient_id}",
        "PatientID": person.patient_id,
        "PatientBirthDate": f"{person.birth_year:04d}0101",
        "PatientSex": person.sex,
        "PatientAge": _age(case.age_years),
        "BodyPartExamined": "HEAD" if scanner.vendor in {"siemens", "uih"} else "BRAIN",
        "MagneticFieldStrength": scanner.header_field,
        "PatientPosition": "HFS",
        "SoftwareVersions": scanner.software.split("\\"),
        "DeviceSerialNumber": scanner.serial,
        "StudyInstanceUID": case.study_uid,
        "FrameOfReferenceUID": made_uid(f"{case.study_uid}/frame"),
        "PositionReferenceIndicator": "",
        "StudyID": str(case.index + 1),
        "AcquisitionNumber": 1,
        "BitsStored": scanner.bits,
        "HighBit": scanner.bits - 1,
        "PixelRepresentation": int(scanner.signed),
    }


def _age(years: float) -> str:
    """PatientAge: months of infants, years of others.

    Example:
        >>> _age(0.5), _age(45.9)
        ('006M', '045Y')
    """
    return f"{int(years * 12):03d}M" if years < 2 else f"{int(years):03d}Y"


def _series_facts(series: PlannedSeries) -> dict[str, Any]:
    facts = {
        "ImageType": list(series.image_type),
        "SeriesDescription": series.description,
        "ProtocolName": series.protocol_name,
        "SeriesInstanceUID": series.uid,
        "SeriesNumber": series.number,
        "MRAcquisitionType": "3D" if series.role.volumetric else "2D",
    }
    if series.role.gadolinium:
        facts["ContrastBolusAgent"] = "Gadolinium"
        facts["ContrastBolusVolume"] = "10"
    return facts


def _put_sequence(dataset: Dataset, series: PlannedSeries, acquired: AcquiredScan) -> None:
    """The acquisition of one stack."""
    sequence: Sequence = acquired.planned.sequence
    for keyword, value in sequence_facts(sequence).items():
        setattr(dataset, keyword, value)
    name = series.sequence_name
    if acquired.planned.part is not None:
        dataset.DiffusionBValue = sequence.b_value
        dataset.DiffusionDirectionality = "ISOTROPIC" if sequence.b_value else "NONE"
        if name is not None:
            name = f"*ep_b{sequence.b_value:.0f}" + ("t" if sequence.b_value else "")
    if name is not None:
        dataset.SequenceName = name
    if acquired.slope != 1.0:
        dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "0", decimal(acquired.slope), "normalized"
    dataset.WindowCenter, dataset.WindowWidth = _window(acquired.voxels)


def _window(voxels: NDArray[Any]) -> tuple[str, str]:
    """Centre and width that show most of what is not air."""
    high = float(np.percentile(voxels[voxels.shape[0] // 2], 99))
    return decimal(round(high / 2)), decimal(max(1, round(high)))
