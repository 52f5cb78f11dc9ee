"""One file: read, cleaned, written anew."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import UID

from prima.dicom.deidentify.clean import Change, Cleaner, age_from_dates
from prima.dicom.deidentify.person import Person, person_of
from prima.dicom.deidentify.pixels import clean_pixels
from prima.dicom.deidentify.policy import METHOD, Policy
from prima.dicom.deidentify.risk import IMAGE_CLASSES, burned_in
from prima.dicom.header.deflated import check_inflated_size
from prima.dicom.header.element import BROKEN, text
from prima.dicom.header.quiet import quiet
from prima.dicom.header.read import looks_like_dicom
from prima.dicom.header.scan import hashed_uid
from prima.errors import PrimaError, UnreadableError
from prima.files.durable import make_folder, write_bytes
from prima.files.walk import NOT_PERMITTED

IMPLEMENTATION = hashed_uid("openprima")
_SUFFIXES = {".dcm", ".dicom", ".ima"}
_SYNTAXES = {
    (True, True): "1.2.840.10008.1.2",
    (False, True): "1.2.840.10008.1.2.1",
    (False, False): "1.2.840.10008.1.2.2",
}


class Refusal(StrEnum):
    """Why a file is left out."""

    UNREADABLE = "unreadable"
    OBJECT_CLASS = "object_class"
    MISSING_UID = "missing_uid"
    BURNED_IN = "burned_in"
    CONFLICT = "conflict"


class RefusedError(PrimaError):
    """A file that is not de-identified, with its reason and one line that quotes nothing of it."""

    def __init__(self, reason: Refusal, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


@dataclass(frozen=True, kw_only=True, eq=False)
class Deidentified:
    """A clean file that has not been written yet.

    Args:
        place: StudyInstanceUID / SeriesInstanceUID / SOPInstanceUID.dcm, all new.
        person: whose it was, for the map and for the reports of the same patient.
        old_uids: study and series as they were.
        accession: the number as it was.
    """

    content: bytes
    place: Path
    person: Person
    old_uids: tuple[str, str]
    accession: str


class NoPatientError(PrimaError):
    """A file without PatientID, which waits for the other files of its study."""


def deidentify(
    path: Path,
    policy: Policy,
    note: Callable[[Change], None] | None = None,
    *,
    patients: Mapping[str, str] | None = None,
    wait: bool = False,
) -> Deidentified | None:
    """Read a file and make its clean form; None when the file is no DICOM.

    Args:
        note: is told of every element that does not stay as it was.
        patients: StudyInstanceUID → PatientID as other files state it, for a file that has none; its dates then move
            with those of its study.
        wait: whether a file without PatientID is left for later.

    Raises:
        RefusedError: the file may not or cannot be de-identified.
        NoPatientError: the file has no PatientID and is to wait.
    """
    try:
        with quiet():
            dataset = _read(path)
            if dataset is None:
                return None
            if wait and text(dataset, "PatientID") is None:
                raise NoPatientError("no PatientID")
            return _deidentify(dataset, policy, note, patients or {})
    except (RefusedError, NoPatientError):
        raise
    except PermissionError:
        raise RefusedError(Refusal.UNREADABLE, NOT_PERMITTED) from None
    except OSError as error:
        raise RefusedError(Refusal.UNREADABLE, f"cannot be read: {error.strerror or 'input/output error'}") from None
    except RecursionError:
        raise RefusedError(Refusal.UNREADABLE, "sequences are nested too deeply") from None
    except MemoryError:
        raise RefusedError(Refusal.UNREADABLE, "an element claims more memory than there is") from None
    except UnreadableError as error:
        raise RefusedError(Refusal.UNREADABLE, str(error)) from None
    except (InvalidDicomError, zlib.error, *BROKEN):
        raise RefusedError(Refusal.UNREADABLE, "not a valid DICOM data set: truncated or damaged") from None


def deidentify_file(path: Path, out: Path, policy: Policy) -> Path | None:
    """Write the clean form of a file below a folder; None when the file is no DICOM.

    The new file is whole or absent. One that is there already with the same content is left alone.

    Returns:
        `out` / new study UID / new series UID / new instance UID.dcm.

    Raises:
        RefusedError: the file may not be de-identified, or its UID was taken by another file.
    """
    clean = deidentify(path, policy)
    if clean is None:
        return None
    target = out / clean.place
    write_once(target, clean.content)
    return target


def patients_of_studies(paths: Iterable[Path]) -> dict[str, str]:
    """StudyInstanceUID → PatientID over many files, the first in order where a study states several."""
    found: dict[str, str] = {}
    for path in paths:
        try:
            with quiet():
                header = dcmread(
                    path, stop_before_pixels=True, force=True, specific_tags=["PatientID", "StudyInstanceUID"]
                )
            study, patient = text(header, "StudyInstanceUID"), text(header, "PatientID")
        except (OSError, InvalidDicomError, zlib.error, RecursionError, MemoryError, *BROKEN):
            continue
        if study is not None and patient is not None:
            found[study] = min(found.get(study, patient), patient)
    return found


def person_in(path: Path, patients: Mapping[str, str] | None = None) -> Person:
    """The patient of a file, from its header.

    Args:
        patients: as for `deidentify`.

    Raises:
        UnreadableError: the file cannot be read.
    """
    try:
        with quiet():
            return person_of(dcmread(path, stop_before_pixels=True, force=True), patients or {})
    except (OSError, InvalidDicomError, zlib.error, RecursionError, MemoryError, *BROKEN):
        raise UnreadableError("not a valid DICOM data set: truncated or damaged") from None


def write_once(target: Path, content: bytes) -> bool:
    """Write a file that never takes the place of another; whether it was new.

    Raises:
        RefusedError: another content lies there.
    """
    if target.exists():
        if target.read_bytes() != content:
            raise RefusedError(Refusal.CONFLICT, "another file has the same SOPInstanceUID")
        return False
    make_folder(target.parent)
    try:
        write_bytes(target, content, replace=False)
    except FileExistsError:
        return write_once(target, content)
    return True


def _read(path: Path) -> FileDataset | None:
    with path.open("rb") as file:
        start = file.read(1024)
        file.seek(0)
        if not looks_like_dicom(start):
            if path.suffix.lower() in _SUFFIXES:
                raise UnreadableError("named like a DICOM file and is none" if start else "empty file")
            return None
        check_inflated_size(start, file)
        return dcmread(file, force=True)


def _deidentify(
    dataset: FileDataset, policy: Policy, note: Callable[[Change], None] | None, patients: Mapping[str, str]
) -> Deidentified | None:
    sop_class = text(dataset, "SOPClassUID") or text(dataset.file_meta, "MediaStorageSOPClassUID") or ""
    if "DirectoryRecordSequence" in dataset:
        return None  # the table of contents of a disc: it names files and patients, and the new files need none
    if sop_class not in IMAGE_CLASSES:
        name = UID(sop_class).name if UID(sop_class).type else "an unknown class"
        raise RefusedError(Refusal.OBJECT_CLASS, f"{name}: the profile covers images of MR, CT and PET")
    risk = burned_in(dataset)
    if risk is not None and not policy.allow_burned_in:
        raise RefusedError(Refusal.BURNED_IN, risk)
    uids = [text(dataset, keyword) for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")]
    if None in uids:
        raise RefusedError(Refusal.MISSING_UID, "no UID of study, series or instance")
    syntax = _transfer_syntax(dataset)
    person = person_of(dataset, patients)
    cleaner = Cleaner(policy=policy, person=person, big_endian=syntax == "1.2.840.10008.1.2.2", note=note)
    clean = cleaner.clean(dataset)
    clean.SOPClassUID = UID(sop_class)
    if "PatientID" not in clean:
        clean.PatientID = policy.pseudonyms.patient_id(person.key)
    pixels = clean_pixels(dataset, syntax)
    if pixels is not None:
        clean.add(pixels)
    _complete(clean, dataset, policy, clean_pixels=risk is None, private=bool(cleaner.kept_private))
    study, series, instance = (policy.pseudonyms.new_uid(uid or "") for uid in uids)
    return Deidentified(
        content=_encoded(clean, syntax),
        place=Path(study) / series / f"{instance}.dcm",
        person=person,
        old_uids=(uids[0] or "", uids[1] or ""),
        accession=text(dataset, "AccessionNumber") or "",
    )


def _complete(clean: Dataset, original: Dataset, policy: Policy, *, clean_pixels: bool, private: bool) -> None:
    """Add what the profile asks for (PS3.15 E.1.1), and the age where only the dates told it."""
    if policy.keep_patient and "PatientAge" not in clean:
        age = age_from_dates(original)
        if age is not None:
            clean.PatientAge = age
    clean.PatientIdentityRemoved = "YES"
    clean.DeidentificationMethod = METHOD
    codes = []
    for value, meaning in policy.codes(clean_pixels=clean_pixels, private=private):
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "DCM", meaning
        codes.append(code)
    clean.DeidentificationMethodCodeSequence = codes
    clean.LongitudinalTemporalInformationModified = "MODIFIED"
    if not _ascii(clean):
        clean.SpecificCharacterSet = "ISO_IR 192"


def _ascii(dataset: Dataset) -> bool:
    return all(
        all(map(_ascii, element.value))
        if element.VR == "SQ"
        else isinstance(element.value, bytes) or str(element.value).isascii()
        for element in dataset
    )


def _transfer_syntax(dataset: FileDataset) -> str:
    found = text(dataset.file_meta, "TransferSyntaxUID")
    if found is not None and UID(found).type == "Transfer Syntax":
        return found
    implicit, little = dataset.original_encoding
    syntax = _SYNTAXES.get((bool(implicit), bool(little)))
    if found is not None or syntax is None:
        raise UnreadableError("an unknown transfer syntax")
    return syntax


def _encoded(clean: Dataset, syntax: str) -> bytes:
    """The bytes of a Part 10 file with a preamble of zeros and meta information of our own (PS3.10 7.1)."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = clean.SOPClassUID
    meta.MediaStorageSOPInstanceUID = clean.SOPInstanceUID
    meta.TransferSyntaxUID = UID(syntax)
    meta.ImplementationClassUID = UID(IMPLEMENTATION)
    meta.ImplementationVersionName = "OPENPRIMA"
    clean.file_meta = meta
    buffer = BytesIO()
    clean.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
