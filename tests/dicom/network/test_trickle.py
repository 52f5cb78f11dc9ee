"""A DICOMweb server whose headers come byte by byte is as silent as one that says nothing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
import requests

from prima.dicom.network.dicomweb import dicomweb_instances, session_of
from prima.dicom.network.http_session import PromptAdapter
from prima.dicom.network.wanted import Wanted
from prima.errors import PeerError

BEGINNINGS = {"headers": b"HTTP/1.1 200 OK\r\nX-Slow: ", "status": b"HTTP/1.1 200 ", "silence": b""}


@pytest.fixture(params=sorted(BEGINNINGS))
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server on loopback that begins an answer, and goes on with a byte each 20 ms until the test is over."""
    ended = threading.Event()
    threads: list[threading.Thread] = []

    def answer(connection: socket.socket) -> None:
        with connection:
            try:
                connection.recv(65536)
                connection.sendall(BEGINNINGS[request.param])
                while not ended.wait(0.02):
                    connection.sendall(b"x" if request.param != "silence" else b"")
            except OSError:
                return

    def serve(server: socket.socket) -> None:
        while not ended.is_set():
            try:
                connection, _ = server.accept()
            except OSError:
                continue
            threads.append(threading.Thread(target=answer, args=(connection,)))
            threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/dicom-web"
        ended.set()
        thread.join()
        for each in threads:
            each.join()


def test_headers_that_trickle_are_given_up_as_silence_is(address: str) -> None:
    with session_of() as session:
        session.mount("http://", PromptAdapter(max_retries=0))
        with pytest.raises(requests.exceptions.ReadTimeout):
            session.get(address, timeout=0.3)
        with pytest.raises(PeerError, match="no usable answer"):
            list(dicomweb_instances(address, Wanted(), session=session, timeout_s=0.3))


def test_the_session_for_servers_has_the_deadline() -> None:
    session = session_of()
    assert isinstance(session.get_adapter("https://pacs.example.org"), PromptAdapter)
    assert isinstance(session.get_adapter("http://pacs.example.org"), PromptAdapter)
