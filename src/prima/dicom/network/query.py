"""Asking a PACS which studies it has (C-FIND, PS3.4 C.4.1)."""

from __future__ import annotations

import time
from collections.abc import Iterator

from pydicom.dataset import Dataset
from pynetdicom.association import Association
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind  # type: ignore[attr-defined]

from prima.dicom.network.wanted import MAX_ANSWERS, Listed, Wanted, count_of, is_uid
from prima.dicom.pixels.incoming import NotDelivered
from prima.errors import PeerError

_PENDING = (0xFF00, 0xFF01)
_SUCCESS = 0x0000
LONGEST_S = 600.0
"""The whole answer to one query."""


def find_studies(association: Association, wanted: Wanted) -> Iterator[Listed | NotDelivered]:
    """The wanted studies, by date, each once; an answer that names no study, or whose series stay unknown, is told.

    Raises:
        PeerError: the PACS refused the query or broke off; the status is named.
    """
    seen: set[str] = set()
    for span in wanted.spans():
        question = _question("STUDY", StudyInstanceUID="", NumberOfStudyRelatedInstances="", StudyDate=span)
        question.ModalitiesInStudy = wanted.modality
        # collected first: not every PACS answers a second question while the first is open
        for answer in list(_answers(association, question)):
            uid = _text(answer, "StudyInstanceUID")
            if uid in seen:
                continue
            seen.add(uid)
            if not is_uid(uid):
                yield NotDelivered(key="C-FIND", detail="an answer without a valid study UID")
                continue
            try:
                fits = _fits(association, uid, wanted)
            except PeerError as error:
                if not association.is_established:
                    raise
                yield NotDelivered(key=uid, detail=str(error))
                continue
            if fits:
                yield Listed(study_uid=uid, num_instances=count_of(_text(answer, "NumberOfStudyRelatedInstances")))


def _fits(association: Association, study_uid: str, wanted: Wanted) -> bool:
    """Whether one series has the modality and body part; a PACS may ignore keys that it does not know."""
    question = _question("SERIES", StudyInstanceUID=study_uid, SeriesInstanceUID="", Modality="", BodyPartExamined="")
    return any(
        (_text(series, "Modality") or wanted.modality) == wanted.modality
        and wanted.fits(_text(series, "BodyPartExamined"))
        for series in list(_answers(association, question))
    )


def _text(answer: Dataset, keyword: str) -> str:
    """A value of an answer; empty when it has none or one that cannot be read."""
    try:
        return str(answer.get(keyword, "") or "").strip()
    except (ValueError, TypeError, AttributeError, NotImplementedError, UnicodeError):
        return ""


def _question(level: str, **keys: str) -> Dataset:
    question = Dataset()
    question.QueryRetrieveLevel = level
    for name, value in keys.items():
        setattr(question, name, value)
    return question


def _answers(association: Association, question: Dataset) -> Iterator[Dataset]:
    level = question.QueryRetrieveLevel.lower()
    end = time.monotonic() + LONGEST_S
    answers = association.send_c_find(question, StudyRootQueryRetrieveInformationModelFind)
    for index, (status, answer) in enumerate(answers):
        code = status.get("Status") if status else None
        if index >= MAX_ANSWERS or time.monotonic() > end:
            association.abort()
            raise PeerError(f"C-FIND of {level}: found an answer without an end, expected at most {MAX_ANSWERS:,}")
        if code in _PENDING:
            if answer is not None:
                yield answer
        elif code != _SUCCESS:
            found = f"status 0x{code:04X}" if code is not None else "no answer (the association broke off)"
            raise PeerError(f"C-FIND of {level}: found {found}, expected success")
