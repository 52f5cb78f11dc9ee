"""A C-STORE is answered with success when the file is safe, and not before: over a real association."""

from __future__ import annotations

import errno
import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.sop_class import MRImageStorage  # type: ignore[attr-defined]

from prima.dicom.network import spool as spool_module
from prima.dicom.network.peer import Pacs
from prima.dicom.network.pull import Node, _application, _listening
from prima.dicom.network.spool import Spool
from prima.dicom.network.wanted import Pace
from prima.dicom.pixels.incoming import IncomingInstance
from prima.files import durable

from .conftest import free_port, made_up

RECEIVER = """
import sys, time
from pathlib import Path
from prima.dicom.network.peer import Pacs
from prima.dicom.network.pull import Node, _application, _listening
from prima.dicom.network.spool import Spool
from prima.dicom.network.wanted import Pace
node, spool = Node(port=int(sys.argv[1]), host="127.0.0.1"), Spool(Path(sys.argv[2]), Pace())
spool.asked.add(sys.argv[3])
with _listening(_application(node), node, Pacs(title="PACS", host="127.0.0.1", port=1), spool):
    print(flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def images() -> list[Dataset]:
    return [pydicom.dcmread(io.BytesIO(content)) for _, content in made_up(0, "MR", "HEAD", compressed=False)]


@contextmanager
def sender(port: int) -> Iterator[Association]:
    ae = AE("PACS")
    ae.add_requested_context(MRImageStorage)
    ae.acse_timeout = 1
    association = ae.associate("127.0.0.1", port, ae_title="PRIMA")
    assert association.is_established
    connection = association.dul.socket.socket
    yield association
    if association.is_established:
        association.release()
    connection.close()  # pynetdicom leaves it open when the peer has gone


@contextmanager
def receiver(folder: Path, images: list[Dataset]) -> Iterator[tuple[Spool, int]]:
    """A provider that was asked for the study of these images."""
    node = Node(port=free_port(), host="127.0.0.1")
    spool = Spool(folder, Pace())
    spool.asked.add(images[0].StudyInstanceUID)
    with _listening(_application(node), node, Pacs(title="PACS", host="127.0.0.1", port=1), spool):
        yield spool, node.port
    spool.close()


def content(instance: IncomingInstance) -> bytes:
    assert isinstance(instance.content, Path)
    return instance.content.read_bytes()


def test_the_answer_waits_for_the_disk(tmp_path: Path, images: list[Dataset], monkeypatch: pytest.MonkeyPatch) -> None:
    on_disk = threading.Event()
    answered = threading.Event()
    real = os.fsync

    def slow(handle: int) -> None:
        assert on_disk.wait(30)
        real(handle)

    with receiver(tmp_path / "spool", images) as (_, port), sender(port) as association:
        monkeypatch.setattr(durable.os, "fsync", slow)
        codes: list[int] = []

        def send() -> None:
            codes.append(association.send_c_store(images[0]).Status)
            answered.set()

        thread = threading.Thread(target=send)
        thread.start()
        assert not answered.wait(0.5)
        assert not list((tmp_path / "spool").glob("*.dcm"))
        on_disk.set()
        thread.join(30)
        assert codes == [0x0000]
        assert len(list((tmp_path / "spool").glob("*.dcm"))) == 1


def test_a_full_disk_is_answered_with_out_of_resources(
    tmp_path: Path, images: list[Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with receiver(tmp_path / "spool", images) as (spool, port), sender(port) as association:
        with monkeypatch.context() as patched:
            patched.setattr(durable.os, "fsync", full)
            assert association.send_c_store(images[0]).Status == 0xA700
        assert not list(spool.folder.iterdir())
        assert association.send_c_store(images[1]).Status == 0x0000


def test_what_was_confirmed_survives_a_kill_and_is_handed_out_again(tmp_path: Path, images: list[Dataset]) -> None:
    """The receiver dies right after an answer, again and again; every confirmed instance is there, whole."""
    confirmed: set[str] = set()
    for first in range(0, len(images), 5):
        port = free_port()
        child = subprocess.Popen(
            [sys.executable, "-c", RECEIVER, str(port), str(tmp_path / "spool"), images[0].StudyInstanceUID],
            stdout=subprocess.PIPE,
        )
        assert child.stdout is not None
        child.stdout.readline()
        with sender(port) as association:
            for image in images[first : first + 5]:
                if association.send_c_store(image).Status == 0x0000:
                    confirmed.add(str(image.SOPInstanceUID))
            child.send_signal(signal.SIGKILL)
            child.wait()
            child.stdout.close()
            association.abort()
    assert len(confirmed) == len(images)
    spool = Spool(tmp_path / "spool", Pace())
    found = {}
    for instance in spool.left_over():
        data = pydicom.dcmread(io.BytesIO(content(instance)))
        found[str(data.SOPInstanceUID)] = data.PixelData
        assert instance.on_done is not None
        instance.on_done()
    assert found == {str(image.SOPInstanceUID): image.PixelData for image in images}
    spool.close()
    assert not (tmp_path / "spool").exists()


def test_closing_keeps_what_nobody_took(tmp_path: Path, images: list[Dataset]) -> None:
    with receiver(tmp_path / "spool", images) as (spool, port), sender(port) as association:
        for image in images[:3]:
            assert association.send_c_store(image).Status == 0x0000
        finished = threading.Event()
        finished.set()
        taken = next(spool.until(finished))
        assert isinstance(taken, IncomingInstance)
        assert taken.on_done is not None
        taken.on_done()
    again = Spool(tmp_path / "spool", Pace())
    assert len(list(again.left_over())) == 2


def test_after_closing_nothing_changes_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing waits for what is being stored: the next spool of the folder finds what stays, and only that."""
    writing, go_on = threading.Event(), threading.Event()
    real = spool_module.write_bytes

    def slow(path: Path, content: bytes) -> None:
        writing.set()
        assert go_on.wait(30)
        real(path, content)

    spool = Spool(tmp_path / "spool", Pace())
    monkeypatch.setattr(spool_module, "write_bytes", slow)
    statuses: list[int] = []
    storing = threading.Thread(target=lambda: statuses.append(spool.store(b"late", "1.2.3")))
    storing.start()
    assert writing.wait(30)
    closing = threading.Thread(target=spool.close)
    closing.start()
    closing.join(0.2)
    assert closing.is_alive()
    go_on.set()
    closing.join(30)
    assert not closing.is_alive()
    assert not spool.folder.exists()
    storing.join(30)
    assert statuses == [0xA700]
    assert spool.store(b"later", "1.2.4") == 0xA700
    assert not spool.folder.exists()
