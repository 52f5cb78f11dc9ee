"""Pulling the wanted studies from a DICOMweb server (QIDO-RS and WADO-RS, PS3.18 10.4 and 10.6)."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from typing import Any

from dicomweb_client.api import DICOMwebClient
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from requests import Session
from requests.exceptions import RequestException
from urllib3.util import Retry

from prima.dicom.header.element import BROKEN
from prima.dicom.network.http_session import PromptAdapter
from prima.dicom.network.wanted import MAX_ANSWERS, Listed, Pace, Wanted, count_of, is_uid
from prima.dicom.pixels.incoming import IncomingInstance, NotDelivered
from prima.errors import PeerError

_PAGE = 500
_SERIES_FIELDS = ("Modality", "BodyPartExamined")
# the bytes as the server stores them, whatever their transfer syntax
_AS_STORED = (("application/dicom", "*"),)


def dicomweb_instances(
    address: str,
    wanted: Wanted,
    *,
    session: Session | None = None,
    stored: Callable[[str], int] = lambda _study_uid: 0,
    pace: Pace | None = None,
    on_study: Callable[[Listed, bool], None] = lambda _study, _complete: None,
    timeout_s: float = 60.0,
) -> Iterator[IncomingInstance | NotDelivered]:
    """Every instance of the wanted studies that is not here yet.

    Args:
        address: of the service root, such as https://pacs.example.org/dicom-web.
        wanted: which studies.
        session: with credentials and certificates (`session_of`).
        stored: how many instances of a study are stored; a study of which all are is not fetched again.
        pace: a limit of instances a second.
        on_study: told of each listed study, and whether it was complete already.
        timeout_s: how long the server may be silent, and how long the headers of an answer may take in all.

    Raises:
        PeerError: the server cannot be reached or refuses the query.
    """
    client = DICOMwebClient(address, session=session or session_of(), timeout=timeout_s)
    client.set_http_retry_params(retry=False)  # the session does it, and prints no addresses
    pace = pace or Pace()
    for study in _studies(client, wanted):
        if isinstance(study, NotDelivered):
            yield study
            continue
        complete = study.num_instances is not None and stored(study.study_uid) >= study.num_instances > 0
        on_study(study, complete)
        if complete:
            continue
        try:
            series_uids = _wanted_series(client, study.study_uid, None)
        except PeerError as error:
            yield NotDelivered(key=study.study_uid, detail=str(error))
            continue
        for series_uid in series_uids:
            yield from _instances(client, study.study_uid, series_uid, pace)


def _instances(
    client: DICOMwebClient, study_uid: str, series_uid: str, pace: Pace
) -> Iterator[IncomingInstance | NotDelivered]:
    """The instances of one series, each held against what was asked; whatever the server does, the next one follows."""
    try:
        for index, data in enumerate(client.iter_series(study_uid, series_uid, media_types=_AS_STORED)):
            if index >= MAX_ANSWERS:
                yield NotDelivered(key=series_uid, detail="WADO-RS: an answer without an end")
                return
            pace.wait()
            yield _instance(data, study_uid, series_uid)
    except (RequestException, InvalidDicomError, *BROKEN, OSError, EOFError) as error:
        yield NotDelivered(key=series_uid, detail=f"WADO-RS: {_why(error)}")


def _instance(data: Dataset, study_uid: str, series_uid: str) -> IncomingInstance | NotDelivered:
    content = io.BytesIO()
    try:
        asked = (str(data.get("StudyInstanceUID", "")), str(data.get("SeriesInstanceUID", ""))) == (
            study_uid,
            series_uid,
        )
        key = str(data.get("SOPInstanceUID", series_uid))
        data.save_as(content, enforce_file_format=True)
    except (InvalidDicomError, *BROKEN, OSError) as error:
        return NotDelivered(key=series_uid, detail=f"WADO-RS: an object that cannot be kept ({type(error).__name__})")
    if not asked:
        return NotDelivered(key=series_uid, detail="WADO-RS: an object of a study or series that was not asked for")
    return IncomingInstance(content=content.getvalue(), key=key)


def session_of(*, user: str = "", password: str = "", token: str = "", ca_file: str = "") -> Session:
    """A session that shows who we are; secrets come from the caller's environment, never from a command line."""
    logging.getLogger("urllib3.connectionpool").setLevel(logging.CRITICAL)  # its warnings quote whole addresses
    session = Session()
    again = Retry(total=3, backoff_factor=0.5, status_forcelist=(408, 429, 502, 503, 504), allowed_methods=("GET",))
    for scheme in ("http://", "https://"):
        session.mount(scheme, PromptAdapter(max_retries=again))
    if token:
        session.headers["Authorization"] = f"Bearer {token}"
    elif user:
        session.auth = (user, password)
    if ca_file:
        session.verify = ca_file
    return session


def _studies(client: DICOMwebClient, wanted: Wanted) -> Iterator[Listed | NotDelivered]:
    seen: set[str] = set()
    for index, span in enumerate(wanted.spans()):
        filters = {"ModalitiesInStudy": wanted.modality} | ({"StudyDate": span} if span else {})
        try:
            for answer in _pages(lambda **page: client.search_for_studies(search_filters=filters, **page)):  # noqa: B023
                uid = str(_value(answer, "0020000D") or "")
                if uid in seen:
                    continue
                seen.add(uid)
                if is_uid(uid):
                    yield from _listed(client, uid, answer, wanted)
                else:
                    yield NotDelivered(key="QIDO-RS", detail="an answer without a valid study UID")
        except PeerError as error:
            if not index:
                raise
            yield NotDelivered(key=f"studies of {span}", detail=str(error))


def _listed(
    client: DICOMwebClient, study_uid: str, answer: dict[str, Any], wanted: Wanted
) -> Iterator[Listed | NotDelivered]:
    try:
        if _wanted_series(client, study_uid, wanted):
            yield Listed(study_uid=study_uid, num_instances=count_of(_value(answer, "00201208")))
    except PeerError as error:
        yield NotDelivered(key=study_uid, detail=str(error))


def _wanted_series(client: DICOMwebClient, study_uid: str, wanted: Wanted | None) -> list[str]:
    """The series of a study, if one of them is asked for; all of them without `wanted`."""
    answers = list(_pages(lambda **page: client.search_for_series(study_uid, fields=_SERIES_FIELDS, **page)))
    fits = wanted is None or any(
        (_value(series, "00080060") or wanted.modality) == wanted.modality
        and wanted.fits(str(_value(series, "00180015") or ""))
        for series in answers
    )
    uids = [str(_value(series, "0020000E") or "") for series in answers]
    return [uid for uid in uids if is_uid(uid)] if fits else []


def _pages(ask: Callable[..., list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    offset = 0
    seen: set[str] = set()
    while True:
        try:
            page = ask(limit=_PAGE, offset=offset)
        except (RequestException, *BROKEN, OSError) as error:
            raise PeerError(f"QIDO-RS: {_why(error)}") from None
        if not isinstance(page, list):
            raise PeerError("QIDO-RS: found no list of answers, expected one")
        fresh = [answer for answer in page if str(answer) not in seen]  # some servers ignore the offset
        seen.update(str(answer) for answer in fresh)
        yield from fresh
        if len(page) < _PAGE or not fresh:
            return
        offset += len(page)
        if offset >= MAX_ANSWERS:
            raise PeerError(f"QIDO-RS: found an answer without an end, expected at most {MAX_ANSWERS:,}")


def _value(answer: Any, tag: str) -> Any:
    """The first value of an attribute in the DICOM JSON model; None when the answer is of another form."""
    attribute = answer.get(tag) if isinstance(answer, dict) else None
    values = attribute.get("Value") if isinstance(attribute, dict) else None
    return values[0] if isinstance(values, list) and values and isinstance(values[0], str | int | float) else None


def _why(error: Exception) -> str:
    """A line that names no address: it may hold a patient's identifiers."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"the server answered {response.status_code} {response.reason}"
    return f"no usable answer ({type(error).__name__})"
