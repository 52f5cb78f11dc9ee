"""Pulling the wanted studies from a DICOMweb server (QIDO-RS and WADO-RS, PS3.18 10.4 and 10.6)."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from typing import Any

from dicomweb_client.api import DICOMwebClient
from requests import Session
from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException
from urllib3.util import Retry

from prima.dicom.network.wanted import Listed, Pace, Wanted
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
        timeout_s: how long the server may be silent.

    Raises:
        PeerError: the server cannot be reached or refuses the query.
    """
    client = DICOMwebClient(address, session=session or session_of(), timeout=timeout_s)
    client.set_http_retry_params(retry=False)  # the session does it, and prints no addresses
    pace = pace or Pace()
    for study in _studies(client, wanted):
        complete = study.num_instances is not None and stored(study.study_uid) >= study.num_instances > 0
        on_study(study, complete)
        if complete:
            continue
        for series_uid in _wanted_series(client, study.study_uid, None):
            try:
                for data in client.iter_series(study.study_uid, series_uid, media_types=_AS_STORED):
                    pace.wait()
                    content = io.BytesIO()
                    data.save_as(content, enforce_file_format=True)
                    yield IncomingInstance(content=content.getvalue(), key=str(data.get("SOPInstanceUID", series_uid)))
            except (RequestException, ValueError) as error:
                yield NotDelivered(key=series_uid, detail=f"WADO-RS: {_why(error)}")


def session_of(*, user: str = "", password: str = "", token: str = "", ca_file: str = "") -> Session:
    """A session that shows who we are; secrets come from the caller's environment, never from a command line."""
    logging.getLogger("urllib3.connectionpool").setLevel(logging.CRITICAL)  # its warnings quote whole addresses
    session = Session()
    again = Retry(total=3, backoff_factor=0.5, status_forcelist=(408, 429, 502, 503, 504), allowed_methods=("GET",))
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=again))
    if token:
        session.headers["Authorization"] = f"Bearer {token}"
    elif user:
        session.auth = (user, password)
    if ca_file:
        session.verify = ca_file
    return session


def _studies(client: DICOMwebClient, wanted: Wanted) -> Iterator[Listed]:
    seen: set[str] = set()
    for span in wanted.spans():
        filters = {"ModalitiesInStudy": wanted.modality} | ({"StudyDate": span} if span else {})
        for answer in _pages(lambda **page: client.search_for_studies(search_filters=filters, **page)):  # noqa: B023
            uid = str(_value(answer, "0020000D") or "")
            if not uid or uid in seen or not _wanted_series(client, uid, wanted):
                continue
            seen.add(uid)
            count = _value(answer, "00201208")
            yield Listed(study_uid=uid, num_instances=int(count) if count is not None else None)


def _wanted_series(client: DICOMwebClient, study_uid: str, wanted: Wanted | None) -> list[str]:
    """The series of a study, if one of them is asked for; all of them without `wanted`."""
    answers = list(_pages(lambda **page: client.search_for_series(study_uid, fields=_SERIES_FIELDS, **page)))
    fits = wanted is None or any(
        (_value(series, "00080060") or wanted.modality) == wanted.modality
        and wanted.fits(str(_value(series, "00180015") or ""))
        for series in answers
    )
    return [str(_value(series, "0020000E")) for series in answers] if fits else []


def _pages(ask: Callable[..., list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    offset = 0
    seen: set[str] = set()
    while True:
        try:
            page = ask(limit=_PAGE, offset=offset)
        except (RequestException, ValueError) as error:
            raise PeerError(f"QIDO-RS: {_why(error)}") from None
        fresh = [one for one in page if str(one) not in seen]  # some servers ignore the offset
        seen.update(str(one) for one in fresh)
        yield from fresh
        if len(page) < _PAGE or not fresh:
            return
        offset += len(page)


def _value(answer: dict[str, Any], tag: str) -> Any:
    values = answer.get(tag, {}).get("Value") or [None]
    return values[0]


def _why(error: Exception) -> str:
    """A line that names no address: it may hold a patient's identifiers."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"the server answered {response.status_code} {response.reason}"
    return f"no usable answer ({type(error).__name__})"
