"""A study read from an archive, whichever kind of file holds it."""

from __future__ import annotations

from prima.archive.ingest.nifti_study import is_nifti_study, read_archived_nifti
from prima.archive.store.layout import Archive
from prima.dicom.header.scan import scan
from prima.dicom.read import read_dicom_study
from prima.errors import UnreadableError
from prima.study.study import Study


def read_stored_study(archive: Archive, study_uid: str, *, workers: int = 2) -> Study:
    """The series of a study that can be used, and the others with their reasons.

    Args:
        archive: that holds it.
        study_uid: as the catalogue names it.
        workers: threads that decode.

    Raises:
        UnreadableError: no file of it can be read.
    """
    files = archive.instances(study_uid)
    if is_nifti_study(files):
        return read_archived_nifti(study_uid, files)
    found = scan(files, one_study=True)
    if not found.studies:
        raise UnreadableError(found.problems[0].message if found.problems else "no file of it can be read")
    return read_dicom_study(found.studies[0], workers=workers)
