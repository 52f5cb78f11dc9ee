"""A real PACS: Orthanc of Debian with its DICOMweb plug-in, on loopback, started here and ended by its process id."""

from __future__ import annotations

import io
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pydicom
import pytest
import requests
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGLSLossless, MRImageStorage, generate_uid

FIRST_DAY = date(2024, 3, 1)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass(frozen=True, kw_only=True)
class Orthanc:
    """A running server: its ports, and what was put into it (SOPInstanceUID to file)."""

    dicom_port: int
    http_port: int
    our_port: int
    files: dict[str, bytes]

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self.http_port}/dicom-web"

    def studies(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for uid, content in self.files.items():
            found.setdefault(str(pydicom.dcmread(io.BytesIO(content)).StudyInstanceUID), set()).add(uid)
        return found


def made_up(study: int, modality: str, body_part: str, compressed: bool) -> Iterator[tuple[str, bytes]]:
    """A study of two series of five small images."""
    study_uid = generate_uid(entropy_srcs=[f"study {study}"])
    for series in range(2):
        for number in range(5):
            data = Dataset()
            data.SOPClassUID = MRImageStorage
            data.SOPInstanceUID = generate_uid(entropy_srcs=[f"{study} {series} {number}"])
            data.StudyInstanceUID = study_uid
            data.SeriesInstanceUID = generate_uid(entropy_srcs=[f"{study} {series}"])
            data.PatientID, data.PatientName, data.AccessionNumber = f"P{study}", f"Test^{study}", f"A{study}"
            data.StudyDate = f"{FIRST_DAY + timedelta(days=3 * study):%Y%m%d}"
            data.StudyTime, data.StudyID, data.PatientSex, data.PatientBirthDate = "101500", "1", "F", "19700101"
            data.Modality, data.SeriesNumber, data.InstanceNumber = modality, series + 1, number + 1
            data.BodyPartExamined = body_part
            data.Rows = data.Columns = 16
            data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
            data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
            block = data.private_block(0x0019, "OPENPRIMA TEST", create=True)
            block.add_new(0x01, "OB", bytes([series, number]))
            pixels = np.random.default_rng((study, series, number)).integers(0, 4096, (16, 16)).astype(np.uint16)
            meta = FileMetaDataset()
            meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
            data.PixelData = pixels.tobytes()
            if compressed:  # not decoded by anyone on the way, so that any bytes will do
                meta.TransferSyntaxUID = JPEGLSLossless
                data.PixelData = encapsulate([pixels.tobytes()])
                data["PixelData"].VR = "OB"
            meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = MRImageStorage, data.SOPInstanceUID
            data.file_meta = meta
            content = io.BytesIO()
            data.save_as(content, enforce_file_format=True)
            yield str(data.SOPInstanceUID), content.getvalue()


STUDIES = [
    ("MR", "BRAIN", False),
    ("MR", "HEAD", True),
    ("MR", "KNEE", False),
    ("CT", "HEAD", False),
    ("MR", "", False),
]


@pytest.fixture(scope="session")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """Orthanc with five small studies of different modality and body part, three days apart."""
    program = shutil.which("Orthanc")
    plugin = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
    if program is None or not plugin.exists():
        pytest.skip("needs a PACS: apt install orthanc orthanc-dicomweb")
    folder = tmp_path_factory.mktemp("orthanc")
    ports = {free_port() for _ in range(12)}
    dicom_port, http_port, our_port = sorted(ports)[:3]
    settings = {
        "StorageDirectory": str(folder / "storage"), "IndexDirectory": str(folder / "index"),
        "DicomPort": dicom_port, "HttpPort": http_port, "DicomAet": "ORTHANC", "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False, "DicomCheckCalledAet": True, "DicomAlwaysAllowFind": True,
        "DicomAlwaysAllowMove": True, "DicomAlwaysAllowGet": True, "Plugins": [str(plugin)],
        "DicomModalities": {"prima": ["PRIMA", "127.0.0.1", our_port]}, "DicomWeb": {"Enable": True},
        "UnknownSopClassAccepted": True,
    }  # fmt: skip
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen([program, str(folder / "orthanc.json")], stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{http_port}"
        _wait_for(f"{address}/system", process, folder / "log.txt")
        files = {}
        for number, (modality, body_part, compressed) in enumerate(STUDIES):
            for uid, content in made_up(number, modality, body_part, compressed):
                requests.post(f"{address}/instances", data=content, timeout=10).raise_for_status()
                files[uid] = content
        yield Orthanc(dicom_port=dicom_port, http_port=http_port, our_port=our_port, files=files)
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        if process.poll() is not None:
            pytest.fail(f"Orthanc ended at once: {log.read_text()[-500:]}")
        try:
            if requests.get(address, timeout=1).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.1)
    pytest.fail("Orthanc did not answer within 30 s")
