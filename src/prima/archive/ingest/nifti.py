"""NIfTI into an archive: its bytes, under a pseudonymous study, with what its json and its dataset say of it.

A study is a BIDS subject and session where the file names say so, else the files of one person in a folder. Its UID
is a number under 2.25 made from the place of the dataset, subject and session: the same each time the same place is
ingested, never the same for two places, and without a name in it. Beside each image lies a json of the same name: the
one that came with it, the description that its file name gave, and under `openprima` what the catalogue needs.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from prima.dicom.header.record import Identity
from prima.dicom.header.scan import hashed_uid
from prima.dicom.pixels.incoming import IncomingInstance
from prima.study.bids import MAX_SIDECAR_BYTES, description_of_stem, read_sidecar, stem_of, suffix_of
from prima.study.nifti_people import by_person

CATALOGUE_FACTS = "openprima"
"""Key of the stored json under which stands what only the catalogue reads."""

_NAME = re.compile(r"\.(?:nii|mgh)(?:\.gz)?$|\.mgz$", re.IGNORECASE)
_SUBJECT = re.compile(r"(sub-[^_/]+)(?:_(ses-[^_/]+))?(?:_|$)")
_BESIDE = (".json", ".bval", ".bvec")
_DATASET_FILE = "dataset_description.json"


def is_nifti_name(name: str) -> bool:
    """Whether a file is NIfTI, or FreeSurfer's MGH, by its name; macOS's shadow files are not.

    Example:
        >>> [is_nifti_name(name) for name in ("T1w.nii.gz", "orig.mgz", "._T1w.nii", "T1w.json")]
        [True, True, False, False]
    """
    return _NAME.search(name) is not None and not name.startswith("._")


def sidecars_of(images: Iterable[Path]) -> set[Path]:
    """The files beside images that belong to them, whether they are there or not."""
    return {image.with_name(stem_of(image) + suffix) for image in images for suffix in _BESIDE}


def nifti_instances(images: Sequence[Path]) -> Iterator[IncomingInstance]:
    """Images of a folder, each after its json and its b-values."""
    for image, study in studies_of_images(images).items():
        yield from image_instances(image, study, content=image, key=str(image))


def image_instances(image: Path, study: NiftiStudy, *, content: Path | bytes, key: str) -> Iterator[IncomingInstance]:
    """One image after its json and its b-values.

    Args:
        image: its path, beside which the json and b-values lie.
        study: which it belongs to.
        content: its file, or its bytes.
        key: what to call it.
    """
    stem = stem_of(image)
    series_uid = hashed_uid(f"nifti series\0{study.key}\0{stem}")
    kind = re.sub(r"[^a-z0-9]", "", suffix_of(stem))[:16] or "image"
    suffix_of_image = _NAME.search(image.name)
    assert suffix_of_image is not None

    def place(suffix: str) -> Identity:
        return Identity(study_uid=study.uid, series_uid=series_uid, sop_uid=f"{series_uid}_{kind}", suffix=suffix)

    # what is read beside an image comes first, so that no image is stored without it
    yield IncomingInstance(content=_stored_json(image, study), key=f"{key}.json", identity=place(".json"))
    for suffix in (".bval", ".bvec"):
        beside = image.with_name(stem + suffix)
        if beside.is_file() and not beside.is_symlink() and beside.stat().st_size <= MAX_SIDECAR_BYTES:
            if content is image:
                yield IncomingInstance(content=beside, key=str(beside), identity=place(suffix))
            else:
                yield IncomingInstance(content=beside.read_bytes(), key=f"{key}{suffix}", identity=place(suffix))
    yield IncomingInstance(content=content, key=key, identity=place(suffix_of_image[0].lower()))


@dataclass(frozen=True, kw_only=True)
class NiftiStudy:
    """Which study an image belongs to.

    Args:
        key: tells studies apart; it holds names and is stored nowhere.
        subject, session: as BIDS names them; the folder's name and nothing elsewhere.
        dataset: the folder that holds the subjects.
    """

    key: str
    subject: str
    session: str | None
    dataset: Path | None

    @property
    def uid(self) -> str:
        return hashed_uid(f"nifti study\0{self.key}")


def studies_of_images(images: Sequence[Path], where: Callable[[Path], Path] = Path.resolve) -> dict[Path, NiftiStudy]:
    """Which study each image of a folder belongs to.

    Args:
        images: of one folder.
        where: the place that a path stands for, from which the study gets its UID.
    """
    found = by_person(images, images[0].parent) if images else ()
    people = {image: person.name for person in found for image in person.files} if len(found) > 1 else {}
    return {image: _study_of(image, people.get(image, ""), where) for image in images}


def _study_of(image: Path, person: str, where: Callable[[Path], Path]) -> NiftiStudy:
    folder = image.parent.resolve()
    found = _SUBJECT.match(image.name)
    if found is None:
        place = where(folder)
        key = f"{place}\0{person}" if person else str(place)
        return NiftiStudy(key=key, subject=person or place.name, session=None, dataset=None)
    subject, session = found[1], found[2]
    dataset = next((parent.parent for parent in (folder, *folder.parents) if parent.name == subject), folder)
    key = f"{where(dataset)}\0{subject}\0{session or ''}"
    return NiftiStudy(key=key, subject=subject, session=session, dataset=dataset)


def _stored_json(image: Path, study: NiftiStudy) -> bytes:
    """The json that is kept: what came, with the facts that would be lost with the file's name and its dataset."""
    sidecar = read_sidecar(image)
    values: dict[str, Any] = {key: value for key, value in sidecar.values.items() if key != CATALOGUE_FACTS}
    values.setdefault("SeriesDescription", description_of_stem(stem_of(image)))
    row = _row_of(study.dataset / "participants.tsv", "participant_id", study.subject) if study.dataset else {}
    session = _session_row(study)
    age = row.get("age") or session.get("age")
    sex = {"F": "F", "M": "M", "O": "O"}.get((row.get("sex") or "").strip().upper()[:1])
    if sidecar.patient.sex is None and sex is not None:
        values["PatientSex"] = sex
    if sidecar.patient.age_years is None and (years := _years(age)) is not None:
        values["PatientAge"] = years
    moment = sidecar.text("AcquisitionDateTime", "AcquisitionDate", "StudyDate", "SeriesDate") or session.get(
        "acq_time"
    )
    values[CATALOGUE_FACTS] = {
        "patient_id": sidecar.text("PatientID") or study.subject,
        "accession": sidecar.text("AccessionNumber") or "_".join(filter(None, (study.subject, study.session))),
        "study_date": _date(moment or _scan_time(study, image)),
        "dataset": _dataset_name(study.dataset),
    }
    return (json.dumps(values, sort_keys=True, indent=1, ensure_ascii=True, default=str) + "\n").encode()


def _session_row(study: NiftiStudy) -> dict[str, str]:
    if study.dataset is None or study.session is None:
        return {}
    return _row_of(study.dataset / study.subject / f"{study.subject}_sessions.tsv", "session_id", study.session)


def _scan_time(study: NiftiStudy, image: Path) -> str | None:
    """When a file was acquired, as the table of scans beside its folder says."""
    if study.dataset is None:
        return None
    name = "_".join(filter(None, (study.subject, study.session)))
    for folder in (image.parent.parent, image.parent):
        row = _row_of(folder / f"{name}_scans.tsv", "filename", f"{image.parent.name}/{image.name}")
        if row.get("acq_time"):
            return row["acq_time"]
    return None


def _row_of(path: Path, column: str, value: str) -> dict[str, str]:
    return _rows_of(path, column).get(value, {})


@lru_cache(maxsize=64)
def _rows_of(path: Path, column: str) -> dict[str, dict[str, str]]:
    """The rows of a table of BIDS by one of its columns; none when it is absent or cannot be read."""
    try:
        if not path.is_file() or path.stat().st_size > 16 * MAX_SIDECAR_BYTES:
            return {}
        rows = csv.DictReader(io.StringIO(path.read_text("utf-8-sig", errors="replace")), delimiter="\t")
        return {
            row[column]: {key: text for key, text in row.items() if isinstance(text, str) and text != "n/a"}
            for row in rows
            if row.get(column)
        }
    except (OSError, csv.Error):
        return {}


@lru_cache(maxsize=64)
def _dataset_name(dataset: Path | None) -> str | None:
    if dataset is None:
        return None
    return read_sidecar(dataset / _DATASET_FILE.replace(".json", ".nii")).text("Name")


def _years(text: str | None) -> float | None:
    try:
        years = float(text or "")
    except ValueError:
        return None
    return years if 0 <= years < 150 else None


def _date(text: str | None) -> str | None:
    """A day as 2024-03-01, from DICOM's or ISO's way to write one.

    Example:
        >>> _date("20240301"), _date("2024-03-01T10:15:00"), _date("March")
        ('2024-03-01', '2024-03-01', None)
    """
    found = re.match(r"(\d{4})-?(\d{2})-?(\d{2})", text or "")
    return f"{found[1]}-{found[2]}-{found[3]}" if found else None
