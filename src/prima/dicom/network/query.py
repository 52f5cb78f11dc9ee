"""Asking a PACS which studies it has (C-FIND, PS3.4 C.4.1)."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataset import Dataset
from pynetdicom.association import Association
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind  # type: ignore[attr-defined]

from prima.dicom.network.wanted import Listed, Wanted
from prima.errors import PeerError

_PENDING = (0xFF00, 0xFF01)
_SUCCESS = 0x0000


def find_studies(association: Association, wanted: Wanted) -> Iterator[Listed]:
    """The wanted studies, by date, each once.

    Raises:
        PeerError: the PACS refused the query or broke off; the status is named.
    """
    seen: set[str] = set()
    for span in wanted.spans():
        question = _question("STUDY", StudyInstanceUID="", NumberOfStudyRelatedInstances="", StudyDate=span)
        question.ModalitiesInStudy = wanted.modality
        # collected first: not every PACS answers a second question while the first is open
        for answer in list(_answers(association, question)):
            uid = str(answer.get("StudyInstanceUID", "") or "")
            if not uid or uid in seen or not _fits(association, uid, wanted):
                continue
            seen.add(uid)
            count = answer.get("NumberOfStudyRelatedInstances")
            yield Listed(study_uid=uid, num_instances=int(count) if count not in (None, "") else None)


def _fits(association: Association, study_uid: str, wanted: Wanted) -> bool:
    """Whether one series has the modality and body part; a PACS may ignore keys that it does not know."""
    question = _question("SERIES", StudyInstanceUID=study_uid, SeriesInstanceUID="", Modality="", BodyPartExamined="")
    return any(
        str(series.get("Modality", "") or wanted.modality) == wanted.modality
        and wanted.fits(str(series.get("BodyPartExamined", "") or ""))
        for series in list(_answers(association, question))
    )


def _question(level: str, **keys: str) -> Dataset:
    question = Dataset()
    question.QueryRetrieveLevel = level
    for name, value in keys.items():
        setattr(question, name, value)
    return question


def _answers(association: Association, question: Dataset) -> Iterator[Dataset]:
    for status, answer in association.send_c_find(question, StudyRootQueryRetrieveInformationModelFind):
        code = status.get("Status") if status else None
        if code in _PENDING and answer is not None:
            yield answer
        elif code != _SUCCESS:
            found = f"status 0x{code:04X}" if code is not None else "no answer (the association broke off)"
            raise PeerError(f"C-FIND of {question.QueryRetrieveLevel.lower()}: found {found}, expected success")
