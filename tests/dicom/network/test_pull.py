"""Pulling from a real Orthanc: byte-identical pixels, filters, resuming, and peers that fail."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelMove,
)

from prima.dicom.network import pull
from prima.dicom.network.dicomweb import dicomweb_instances
from prima.dicom.network.peer import Pacs
from prima.dicom.network.pull import Node, pacs_instances
from prima.dicom.network.wanted import Pace, Wanted
from prima.dicom.pixels.incoming import IncomingInstance, NotDelivered
from prima.errors import PeerError, UsageError

from .conftest import FIRST_DAY, Orthanc, free_port


def open_source(way: str, orthanc: Orthanc, folder: Path, wanted: Wanted | None = None, **options: Any) -> Any:
    wanted = wanted or Wanted()
    if way == "dicomweb":
        return dicomweb_instances(orthanc.web, wanted, **options)
    pacs = Pacs(title="ORTHANC", host="127.0.0.1", port=orthanc.dicom_port)
    node = Node(port=orthanc.our_port, host="127.0.0.1", use_get=way == "get", timeout_s=20)
    return pacs_instances(pacs, wanted, node=node, spool_folder=folder / "spool", **options)


def drain(source: Iterator[IncomingInstance | NotDelivered], limit: int = 10_000) -> dict[str, bytes]:
    """Take instances as an archive does: read them, then say so."""
    found = {}
    for one in source:
        assert isinstance(one, IncomingInstance), one
        content = one.content if isinstance(one.content, bytes) else one.content.read_bytes()
        found[str(pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True).SOPInstanceUID)] = content
        if one.on_done is not None:
            one.on_done()
        if len(found) == limit:
            break
    return found


def pixels(content: bytes) -> tuple[bytes, str, bytes]:
    data = pydicom.dcmread(io.BytesIO(content))
    return data.PixelData, str(data.file_meta.TransferSyntaxUID), data[0x0019, 0x1001].value


WAYS = ["move", "get", "dicomweb"]


@pytest.mark.parametrize("way", WAYS)
def test_every_wanted_instance_comes_with_its_own_pixels(way: str, orthanc: Orthanc, tmp_path: Path) -> None:
    found = drain(open_source(way, orthanc, tmp_path))
    wanted = {uid for uid, content in orthanc.files.items() if pydicom.dcmread(io.BytesIO(content)).Modality == "MR"}
    assert set(found) == wanted
    assert all(pixels(found[uid]) == pixels(orthanc.files[uid]) for uid in wanted)
    assert not (tmp_path / "spool").exists()


@pytest.mark.parametrize("way", WAYS)
def test_body_part_and_dates_choose(way: str, orthanc: Orthanc, tmp_path: Path) -> None:
    studies = list(orthanc.studies().values())
    head = Wanted(body_parts=("HEAD", "BRAIN"))
    assert set(drain(open_source(way, orthanc, tmp_path, head))) == studies[0] | studies[1] | studies[4]
    early = Wanted(first=FIRST_DAY, last=FIRST_DAY + timedelta(days=5), days_per_query=1)
    assert set(drain(open_source(way, orthanc, tmp_path, early))) == studies[0] | studies[1]
    assert drain(open_source(way, orthanc, tmp_path, Wanted(first=date(2030, 1, 1)))) == {}


@pytest.mark.parametrize("way", WAYS)
def test_broken_off_half_way_it_resumes_with_what_is_missing(way: str, orthanc: Orthanc, tmp_path: Path) -> None:
    first = open_source(way, orthanc, tmp_path)
    stored = drain(first, limit=23)
    first.close()
    studies = orthanc.studies()
    complete = [uid for uid, instances in studies.items() if instances <= set(stored)]
    assert complete
    listed: list[tuple[str, bool]] = []
    rest = drain(
        open_source(
            way, orthanc, tmp_path, stored=lambda uid: len(studies[uid] & set(stored)),
            on_study=lambda study, done: listed.append((study.study_uid, done)),
        )
    )  # fmt: skip
    assert {uid for uid, done in listed if done} == set(complete)
    assert not any(studies[uid] & set(rest) for uid in complete)
    everything = set.union(*(instances for number, instances in enumerate(studies.values()) if number != 3))
    assert set(stored) | set(rest) == everything


def test_a_pace_is_kept() -> None:
    now, slept = [0.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    pace = Pace(per_second=4, clock=lambda: now[0], sleep=sleep)
    for _ in range(9):
        pace.wait()
    assert now[0] == pytest.approx(2.0)
    assert len(slept) == 8


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # pynetdicom leaves its socket
def test_nobody_listens(tmp_path: Path) -> None:
    pacs = Pacs(title="ORTHANC", host="127.0.0.1", port=free_port())
    with pytest.raises(PeerError, match=r"pacs://ORTHANC@127\.0\.0\.1.*check that it runs"):
        list(pacs_instances(pacs, Wanted(), node=Node(), spool_folder=tmp_path / "spool"))
    with pytest.raises(PeerError, match="QIDO-RS: no usable answer"):
        list(dicomweb_instances(f"http://127.0.0.1:{free_port()}/dicom-web", Wanted(), timeout_s=1))


def test_a_wrong_title_is_refused_in_one_line(orthanc: Orthanc, tmp_path: Path) -> None:
    pacs = Pacs(title="WRONG", host="127.0.0.1", port=orthanc.dicom_port)
    with pytest.raises(PeerError, match="refused the association"):
        list(pacs_instances(pacs, Wanted(), node=Node(), spool_folder=tmp_path / "spool"))


def test_a_title_that_the_pacs_does_not_know(orthanc: Orthanc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pull, "TRIES", 1)
    pacs = Pacs(title="ORTHANC", host="127.0.0.1", port=orthanc.dicom_port)
    node = Node(title="NOBODY", port=free_port(), host="127.0.0.1", timeout_s=10)
    wanted = Wanted(first=FIRST_DAY, last=FIRST_DAY)
    (refused,) = pacs_instances(pacs, wanted, node=node, spool_folder=tmp_path / "spool")
    assert isinstance(refused, NotDelivered)
    assert "C-MOVE" in refused.detail


def test_our_port_is_taken(orthanc: Orthanc, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        node = Node(port=taken.getsockname()[1], host="127.0.0.1")
        pacs = Pacs(title="ORTHANC", host="127.0.0.1", port=orthanc.dicom_port)
        with pytest.raises(PeerError, match="choose another one"):
            list(pacs_instances(pacs, Wanted(), node=node, spool_folder=tmp_path / "spool"))


def test_a_pacs_that_dies_in_the_middle_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that aborts its first C-MOVE and answers the second; and one that never answers well is named."""
    monkeypatch.setattr(pull.time, "sleep", lambda _seconds: None)
    moves = threading.Semaphore(0)
    calls = []

    def on_find(event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        answer = Dataset()
        answer.QueryRetrieveLevel = event.identifier.QueryRetrieveLevel
        answer.StudyInstanceUID, answer.Modality = "1.2.3", "MR"
        yield 0xFF00, answer

    def on_move(event: evt.Event) -> Iterator[Any]:
        calls.append(1)
        moves.release()
        if len(calls) == 1:
            event.assoc.abort()
            return
        yield ("127.0.0.1", 1)
        yield 0
        yield 0xC000 if len(calls) > 2 else 0x0000, None

    server = AE("PACS")
    server.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
    server.add_supported_context(StudyRootQueryRetrieveInformationModelMove)
    running = server.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_FIND, on_find), (evt.EVT_C_MOVE, on_move)]
    )
    try:
        pacs = Pacs(title="PACS", host="127.0.0.1", port=running.server_address[1])
        node = Node(port=free_port(), host="127.0.0.1", timeout_s=5)
        ends = list(pacs_instances(pacs, Wanted(), node=node, spool_folder=tmp_path / "spool"))
    finally:
        running.shutdown()
    assert len(calls) >= 2
    assert all(isinstance(end, NotDelivered) and end.key == "1.2.3" for end in ends)


@pytest.mark.parametrize(
    "text", ["pacs://host:104", "pacs://A@host", "pacs://A@host:99999", "pacs://TOOLONGTITLE123456@h:1"]
)
def test_a_wrong_address_shows_a_right_one(text: str) -> None:
    with pytest.raises(UsageError, match="for example"):
        Pacs.of(text)
