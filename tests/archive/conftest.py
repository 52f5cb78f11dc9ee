"""A small hospital export: DICOM files of a few bytes, made in any number."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from prima.archive.ingest.folder import folder_instances
from prima.archive.ingest.ingest import ingest_instances
from prima.archive.ingest.reports import take_reports
from prima.archive.store.layout import Archive
from prima.archive.store.tables import scan
from prima.archive.store.writing import ingesting
from prima.report.report import Report

MR = "1.2.840.10008.5.1.4.1.1.4"


class Export:
    """Writes studies of tiny MR images below a folder; any element may be overridden, or removed with None."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def image(
        self, name: str, *, study: int = 1, series: int = 1, instance: int = 1, value: int = 0, **more: Any
    ) -> Path:
        """One axial slice of 4 by 4 pixels."""
        found = Dataset()
        values = {
            "SOPClassUID": MR,
            "SOPInstanceUID": f"1.2.{study}.{series}.{instance}",
            "StudyInstanceUID": f"1.2.{study}",
            "SeriesInstanceUID": f"1.2.{study}.{series}",
            "PatientID": f"P{study}",
            "PatientAge": "045Y",
            "PatientSex": "F",
            "AccessionNumber": f"A{study}",
            "StudyDate": "20240110",
            "StudyTime": "101500",
            "StudyDescription": "MRI BRAIN",
            "Manufacturer": "ACME",
            "Modality": "MR",
            "SeriesNumber": series,
            "SeriesDescription": f"AX T{series}",
            "InstanceNumber": instance,
            "ImageType": ["ORIGINAL", "PRIMARY", "M"],
            "ImagePositionPatient": [0.0, 0.0, 5.0 * instance],
            "ImageOrientationPatient": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
            "PixelSpacing": [1.0, 1.0],
            "SliceThickness": 5.0,
            "Rows": 4,
            "Columns": 4,
            "SamplesPerPixel": 1,
            "PhotometricInterpretation": "MONOCHROME2",
            "BitsAllocated": 16,
            "BitsStored": 16,
            "HighBit": 15,
            "PixelRepresentation": 0,
            **more,
        }
        for keyword, content in values.items():
            if content is not None:
                setattr(found, keyword, content)
        found.PixelData = (np.arange(16, dtype=np.uint16) + value + 100 * instance).tobytes()
        found["PixelData"].VR = "OW"
        found.file_meta = FileMetaDataset()
        found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        found.save_as(path, enforce_file_format=True)
        return path

    def study(self, study: int, *, num_series: int = 2, num_slices: int = 4, **more: Any) -> list[Path]:
        """A study of axial stacks."""
        return [
            self.image(f"{study}/{series}/IM{instance}", study=study, series=series, instance=instance, **more)
            for series in range(1, num_series + 1)
            for instance in range(1, num_slices + 1)
        ]


@pytest.fixture
def export(tmp_path: Path) -> Export:
    """An export in the test's own folder."""
    return Export(tmp_path / "export")


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """A new archive."""
    return Archive.open_or_make(tmp_path / "archive")


def said(**facts: Any) -> Report:
    """A final report of the tenth of January, about a study that has to be named."""
    return Report(**{"text": "IMPRESSION: Normal.", "filed_at": datetime(2024, 1, 10, 15), **facts})


@pytest.fixture(name="said")
def _said() -> Callable[..., Report]:
    """Reports as a carrier gives them."""
    return said


def contents(archive: Archive) -> dict[str, Any]:
    """Everything an archive holds that two ways to the same end must share: files by content, rows without times."""
    files = {
        str(path.relative_to(archive.root)): path.read_bytes()
        for folder in ("instances", "conflicts")
        for path in (archive.root / folder).rglob("*")
        if path.is_file()
    }
    tables = {
        name: scan(archive, name)
        .drop("revision", "received_at", "source", strict=False)
        .collect()
        .sort(pl.all())
        .rows(named=True)
        for name in ("studies", "series", "reports", "exclusions")
    }
    left = sorted(path.name for folder in (archive.incoming, archive.pending) for path in folder.glob("*"))
    return {"files": files, **tables, "left": left}


@pytest.fixture(name="contents")
def _contents() -> Callable[[Archive], dict[str, Any]]:
    """What an archive holds, to compare."""
    return contents


@pytest.fixture
def filled(archive: Archive, export: Any, said: Any) -> Archive:
    """One study for each thing that can be wrong, and some with nothing wrong."""
    export.study(1)
    export.study(2, StudyDate="20240801")
    export.study(3, PatientID="P2")  # the patient of study 2, earlier
    export.study(4, StudyDate="20241201")
    export.study(10)  # no report
    export.study(11, num_series=1)
    export.study(12, Modality="CT")
    export.study(13, StudyDescription="MRI KNEE", SeriesDescription="AX PD")
    export.study(14, PatientID=None)
    export.study(15, StudyDate="20300101")
    export.study(16, PatientSex=None)
    export.study(17)  # its report names another patient
    export.study(18)  # its report was filed before it
    export.study(19)  # its report is only a draft
    export.study(20, Manufacturer=None)
    export.image("21/a", study=21)
    export.image("21/b", study=21, series=2, PatientID="SOMEBODY")
    export.study(22, StudyDate=None)
    ingest_instances(archive, folder_instances(export.folder), "export")
    late = datetime(2024, 12, 24)
    reports = [said(accession=f"A{number}", filed_at=late) for number in (1, 2, 3, 4, 11, 12, 13, 14, 16, 20, 21, 22)]
    reports += [
        said(accession="A15", filed_at=None),
        said(accession="A17", patient_id="SOMEBODY"),
        said(accession="A18", filed_at=datetime(2023, 1, 1)),
        said(accession="A19", report_status="preliminary"),
        said(accession="of nobody"),
    ]
    with ingesting(archive):
        take_reports(archive, reports, "ris")
    return archive
