"""Pulling the wanted studies from a PACS by C-MOVE or C-GET (PS3.4 C.4.2, C.4.3).

Nothing about a pull is kept on disk but the files that came and were not taken yet: handing those on, asking again and
leaving out what is complete is how it resumes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import (
    AE,
    AllStoragePresentationContexts,
    StoragePresentationContexts,
    build_context,
    build_role,
    evt,
)
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from prima.dicom.network.peer import Pacs, is_loopback
from prima.dicom.network.query import find_studies
from prima.dicom.network.spool import Spool
from prima.dicom.network.wanted import MAX_ANSWERS, Listed, Pace, Wanted, count_of
from prima.dicom.pixels.incoming import IncomingInstance, NotDelivered
from prima.errors import PeerError, UsageError

TRIES = 3
_PLAIN: list[str | UID] = ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"]
_COMPRESSED: list[str | UID] = [
    "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202",
    "1.2.840.10008.1.2.4.203",
]  # fmt: skip
# Classes whose images may be compressed. Over C-GET each syntax needs a context of its own, for the PACS accepts one
# syntax of a context; an association has 128 contexts.
_IMAGES = [
    "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1", "1.2.840.10008.5.1.4.1.1.4.3",
    "1.2.840.10008.5.1.4.1.1.4.4", "1.2.840.10008.5.1.4.1.1.7",
]  # fmt: skip
_MAX_CONTEXTS = 128


@dataclass(frozen=True, kw_only=True)
class Node:
    """This end.

    Args:
        title: our AE title, which the PACS must know for C-MOVE, with our host and `port`.
        port: where we listen for what a C-MOVE sends; 0 takes a free one.
        host: the address to listen on, this machine alone unless told otherwise; "" is all.
        use_get: fetch by C-GET over the association we open, for a PACS that cannot reach us.
        timeout_s: how long an answer may take.
        stall_s: how long a PACS may say that it goes on without sending an instance.
    """

    title: str = "PRIMA"
    port: int = 11112
    host: str = "127.0.0.1"
    use_get: bool = False
    timeout_s: float = 60.0
    stall_s: float = 600.0


def pacs_instances(
    pacs: Pacs,
    wanted: Wanted,
    *,
    node: Node,
    spool_folder: Path,
    stored: Callable[[str], int] = lambda _study_uid: 0,
    pace: Pace | None = None,
    on_study: Callable[[Listed, bool], None] = lambda _study, _complete: None,
) -> Iterator[IncomingInstance | NotDelivered]:
    """Every instance of the wanted studies that is not here yet, after those that an earlier pull received in vain.

    Args:
        pacs: whom to ask.
        wanted: for what.
        node: who we are.
        spool_folder: for files on their way.
        stored: how many instances of a study are stored; a study of which all are is not fetched again.
        pace: a limit of instances a second.
        on_study: told of each listed study, and whether it was complete already.

    Raises:
        PeerError: the PACS cannot be reached, or refuses us or the query.
    """
    if not node.use_get and is_loopback(node.host) and not is_loopback(pacs.host):
        raise UsageError(
            f"pacs://{pacs.title}@{pacs.host}:{pacs.port}: it cannot send to {node.host}; name the address of this "
            "machine to listen on (--listen), or fetch by --c-get"
        )
    spool = Spool(spool_folder, pace or Pace())
    ae = _application(node)
    try:
        yield from spool.left_over()
        with _associated(ae, pacs, node) as association:
            studies = list(find_studies(association, wanted))
        with _listening(ae, node, pacs, spool):
            for study in studies:
                if isinstance(study, NotDelivered):
                    yield study
                    continue
                complete = study.num_instances is not None and stored(study.study_uid) >= study.num_instances > 0
                on_study(study, complete)
                if not complete:
                    yield from _fetch(ae, pacs, node, study, spool)
    finally:
        spool.close()


def _application(node: Node) -> AE:
    ae = AE(ae_title=node.title)
    ae.maximum_pdu_size = 0
    ae.acse_timeout = ae.connection_timeout = 15
    ae.dimse_timeout = ae.network_timeout = node.timeout_s
    return ae


@contextmanager
def _associated(ae: AE, pacs: Pacs, node: Node, spool: Spool | None = None) -> Iterator[Association]:
    if node.use_get and spool is not None:
        contexts, roles = _get_contexts()
        handlers: list[Any] = [(evt.EVT_C_STORE, _on_store, [spool])]
    else:
        models = (StudyRootQueryRetrieveInformationModelFind, StudyRootQueryRetrieveInformationModelMove)
        contexts, roles, handlers = [build_context(model, _PLAIN) for model in models], [], []
    association = ae.associate(
        pacs.host, pacs.port, contexts=contexts, ae_title=pacs.title, ext_neg=roles or None, evt_handlers=handlers
    )
    if not association.is_established:
        why = "refused the association" if association.is_rejected else "gave no association"
        raise PeerError(
            f"pacs://{pacs.title}@{pacs.host}:{pacs.port}: it {why}; check that it runs there, that its title is right "
            f"and that it knows us as {node.title}"
        )
    try:
        yield association
    finally:
        if association.is_established:
            association.release()


def _get_contexts() -> tuple[list[PresentationContext], list[Any]]:
    """What to offer for C-GET: the images in every syntax, and other classes as far as there is room."""
    contexts = [build_context(StudyRootQueryRetrieveInformationModelGet, _PLAIN)]
    contexts += [
        build_context(image, syntax) for image in _IMAGES for syntax in (_PLAIN, *([syntax] for syntax in _COMPRESSED))
    ]
    other_classes = [
        uid for uid in (str(context.abstract_syntax) for context in StoragePresentationContexts) if uid not in _IMAGES
    ]
    other_classes = other_classes[: _MAX_CONTEXTS - len(contexts)]
    contexts += [build_context(other, _PLAIN) for other in other_classes]
    return contexts, [build_role(uid, scp_role=True) for uid in (*_IMAGES, *other_classes)]


@contextmanager
def _listening(ae: AE, node: Node, pacs: Pacs, spool: Spool) -> Iterator[None]:
    if node.use_get:
        yield
        return
    for context in AllStoragePresentationContexts:
        ae.add_supported_context(str(context.abstract_syntax), [*_PLAIN, *_COMPRESSED])
    ae.require_called_aet = True
    ae.require_calling_aet = [pacs.title]
    try:
        server = ae.start_server(
            (node.host, node.port), block=False, evt_handlers=[(evt.EVT_C_STORE, _on_store, [spool])]
        )
    except OSError as error:
        raise PeerError(f"port {node.port}: cannot listen there ({error.strerror}); choose another one") from None
    try:
        yield
    finally:
        cast("Any", server).shutdown()


def _on_store(event: evt.Event, spool: Spool) -> int:
    """Keep the bytes as they come; who stores them reads them."""
    uid = str(getattr(event.request, "AffectedSOPInstanceUID", "") or "without UID")
    try:
        content = event.encoded_dataset()
    except (AttributeError, ValueError):
        return spool.refuse(uid, "the PACS sent no data set")
    why = spool.asked.why_not(content, uid)
    if why is not None:
        return spool.refuse(uid, why)
    return spool.store(content, uid)


def _fetch(ae: AE, pacs: Pacs, node: Node, study: Listed, spool: Spool) -> Iterator[IncomingInstance | NotDelivered]:
    """One study, tried again when the association breaks; what came twice is for the archive to notice."""
    detail: list[str | None] = [None]
    spool.asked.add(study.study_uid)
    for attempt in range(TRIES):
        finished = threading.Event()

        def work(finished: threading.Event = finished) -> None:
            try:
                detail[0] = _retrieve(ae, pacs, node, study.study_uid, spool)
            except PeerError as error:
                detail[0] = str(error)
            finally:
                finished.set()

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        yield from spool.until(finished)
        thread.join()
        if detail[0] is None:
            return
        if attempt + 1 < TRIES:
            time.sleep(2.0**attempt)
    yield NotDelivered(key=study.study_uid, detail=f"after {TRIES} tries: {detail[0]}")


def _retrieve(ae: AE, pacs: Pacs, node: Node, study_uid: str, spool: Spool) -> str | None:
    """Have one study sent; None when all of it came, else what went wrong."""
    question = Dataset()
    question.QueryRetrieveLevel = "STUDY"
    question.StudyInstanceUID = study_uid
    with _associated(ae, pacs, node, spool) as association:
        if node.use_get:
            answers = association.send_c_get(question, StudyRootQueryRetrieveInformationModelGet)
        else:
            answers = association.send_c_move(question, node.title, StudyRootQueryRetrieveInformationModelMove)
        last: Any = None
        come, moved = spool.asked.num_come, time.monotonic()
        for status, _ in answers:
            last = status
            if spool.asked.num_come != come:
                come, moved = spool.asked.num_come, time.monotonic()
            if time.monotonic() - moved > node.stall_s or come > MAX_ANSWERS:
                association.abort()
                return "the PACS goes on without an end: no new instance, or more than a study can have"
    verb = "C-GET" if node.use_get else "C-MOVE"
    code = last.get("Status") if last else None
    if code is None:
        return f"{verb}: the association broke off"
    failed = count_of(last.get("NumberOfFailedSuboperations", 0) or 0) or 0
    if code == 0x0000 and not failed:
        return None
    if code == 0xA801:
        return f"{verb}: the PACS does not know our title {node.title}; add it there with our host and port"
    return f"{verb}: found status 0x{code:04X} with {failed} instances not sent, expected success"
