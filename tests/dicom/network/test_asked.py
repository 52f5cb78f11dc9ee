"""Peers that answer wrongly: each bad answer is an outcome by name, and the others are pulled."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, StoragePresentationContexts, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    MRImageStorage,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelMove,
)

from prima.dicom.network import query
from prima.dicom.network.dicomweb import dicomweb_instances
from prima.dicom.network.peer import Pacs
from prima.dicom.network.pull import Node, pacs_instances
from prima.dicom.network.wanted import Wanted
from prima.dicom.pixels.incoming import IncomingInstance, NotDelivered
from prima.errors import PeerError, UsageError

from .conftest import free_port

Found = list[IncomingInstance | NotDelivered]


def image(study: str, sop: str = "1") -> Dataset:
    """A small MR image."""
    found = Dataset()
    found.SOPClassUID, found.SOPInstanceUID = MRImageStorage, f"{study}.7.{sop}"
    found.StudyInstanceUID, found.SeriesInstanceUID, found.Modality = study, f"{study}.7", "MR"
    found.Rows = found.Columns = 2
    found.SamplesPerPixel, found.PhotometricInterpretation = 1, "MONOCHROME2"
    found.BitsAllocated, found.BitsStored, found.HighBit, found.PixelRepresentation = 16, 16, 15, 0
    found.PixelData = np.zeros(4, np.uint16).tobytes()
    found["PixelData"].VR = "OW"
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return found


def answer(study: str, count: str = "") -> Dataset:
    found = Dataset()
    found.StudyInstanceUID = study
    if count:
        found.add_new("NumberOfStudyRelatedInstances", "IS", None)
        found["NumberOfStudyRelatedInstances"]._value = count
    return found


@contextmanager
def pacs(studies: list[Dataset], sent: dict[str, list[Dataset]], our_port: int) -> Iterator[Pacs]:
    """A PACS that lists studies and sends what a test wants it to send for each."""

    def on_find(event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        if event.identifier.QueryRetrieveLevel == "STUDY":
            for study in studies:
                yield 0xFF00, study
        else:
            series = Dataset()
            series.Modality, series.SeriesInstanceUID = "MR", "1.2.3"
            yield 0xFF00, series

    def on_move(event: evt.Event) -> Iterator[Any]:
        objects = sent.get(str(event.identifier.StudyInstanceUID), [])
        yield "127.0.0.1", our_port, {"contexts": StoragePresentationContexts[:100]}
        yield len(objects)
        for one in objects:
            yield 0xFF00, one

    server = AE("PACS")
    server.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
    server.add_supported_context(StudyRootQueryRetrieveInformationModelMove)
    server.requested_contexts = [
        context for context in StoragePresentationContexts if context.abstract_syntax == MRImageStorage
    ]
    running = server.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_FIND, on_find), (evt.EVT_C_MOVE, on_move)]
    )
    try:
        yield Pacs(title="PACS", host="127.0.0.1", port=running.server_address[1])
    finally:
        running.shutdown()


@pytest.mark.filterwarnings("ignore:Invalid value")
def test_answers_with_an_impossible_uid_are_named_and_the_others_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prima.dicom.network.pull.TRIES", 1)
    with pacs([answer("../../etc"), answer(""), answer("1.2.*"), answer("1.2.3")], {}, free_port()) as peer:
        found = list(
            pacs_instances(peer, Wanted(), node=Node(port=free_port(), timeout_s=5), spool_folder=tmp_path / "s")
        )
    named = [one.key for one in found if isinstance(one, NotDelivered) and "valid study UID" in one.detail]
    assert named == ["C-FIND"] * 3


def test_an_answer_without_an_end_is_broken_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "MAX_ANSWERS", 5)
    with (
        pacs([answer(f"1.2.{index}") for index in range(50)], {}, free_port()) as peer,
        pytest.raises(PeerError, match="an answer without an end"),
    ):
        list(pacs_instances(peer, Wanted(), node=Node(port=free_port(), timeout_s=5), spool_folder=tmp_path / "s"))


def test_a_pacs_elsewhere_cannot_reach_the_loopback(tmp_path: Path) -> None:
    elsewhere = Pacs(title="PACS", host="10.0.0.5", port=104)
    with pytest.raises(UsageError, match="--listen"):
        list(pacs_instances(elsewhere, Wanted(), node=Node(), spool_folder=tmp_path / "spool"))
    assert Node().host == "127.0.0.1"


@contextmanager
def dicomweb(studies: Any, series: Any, body: bytes, boundary: str = "x") -> Iterator[str]:
    """A DICOMweb server with fixed answers; of a study whose UID ends in 9 no series are told."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            status, kind = 200, "application/dicom+json"
            if path.endswith("/studies"):
                data = json.dumps(studies).encode()
            elif path.endswith(".9/series"):
                status, data = 400, b""
            elif path.endswith("/series"):
                data = json.dumps(series).encode()
            else:
                data, kind = body, f'multipart/related; type="application/dicom"; boundary={boundary}'
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/dicom-web"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def listed(uid: Any, count: Any = None) -> dict[str, Any]:
    return {"0020000D": {"vr": "UI", "Value": [uid]}, "00201208": {"vr": "IS", "Value": [count]}}


SERIES = [{"0020000E": {"vr": "UI", "Value": ["1.2.3.7"]}, "00080060": {"vr": "CS", "Value": ["MR"]}}]


def multipart(*objects: Dataset) -> bytes:
    body = b""
    for one in objects:
        buffer = BytesIO()
        one.save_as(buffer, enforce_file_format=True)
        body += b"--x\r\nContent-Type: application/dicom\r\n\r\n" + buffer.getvalue() + b"\r\n"
    return body + b"--x--\r\n"


def pulled(found: Found) -> tuple[list[str], list[str]]:
    """Keys of what came, and details of what did not."""
    keys = [one.key for one in found if isinstance(one, IncomingInstance)]
    return keys, [one.detail for one in found if isinstance(one, NotDelivered)]


def test_bad_answers_of_a_dicomweb_server_are_outcomes() -> None:
    studies = [
        listed("../../etc"), listed(7), listed({"a": 1}), "no answer", {"0020000D": "no attribute"},
        listed("1.2.9"), listed("1.2.3", "a dozen"),
    ]  # fmt: skip
    with dicomweb(studies, SERIES, multipart(image("1.2.3"), image("1.2.4", "5"))) as address:
        keys, details = pulled(list(dicomweb_instances(address, Wanted())))
    assert keys == ["1.2.3.7.1"]
    assert sum("valid study UID" in detail for detail in details) >= 2
    assert any("400" in detail for detail in details)
    assert any("not asked for" in detail for detail in details)


@pytest.mark.parametrize(
    "body",
    [b"", b"no multipart", b"--x\r\n\r\n", b"--x\r\nContent-Type: application/dicom\r\n\r\nrubbish\r\n--x--\r\n",
     multipart(image("1.2.3"))[:300]],
)  # fmt: skip
def test_a_broken_multipart_body_is_an_outcome_of_its_series(body: bytes) -> None:
    with dicomweb([listed("1.2.3")], SERIES, body) as address:
        keys, details = pulled(list(dicomweb_instances(address, Wanted())))
    assert keys == []
    assert all("WADO-RS" in detail and "\n" not in detail for detail in details)


def test_a_list_that_is_none_is_an_outcome() -> None:
    with dicomweb({"error": "try later"}, SERIES, b"") as address:
        keys, details = pulled(list(dicomweb_instances(address, Wanted())))
    assert (keys, len(details)) == ([], 1)
