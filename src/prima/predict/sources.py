"""Finding the studies under a path, whether DICOM or NIfTI; pixels are read later, study by study."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from prima.dicom.header.scan import ScannedStudy, scan
from prima.dicom.keep_all import read_everything
from prima.dicom.read import read_dicom_study
from prima.dicom.select.select import MIN_SLICES
from prima.errors import UsageError
from prima.files.container import is_container
from prima.files.walk import FileProblem, walk
from prima.predict.unpacked import Unpacked, unpack
from prima.study.nifti import read_nifti_study
from prima.study.nifti_header import is_image, voxels_of_header
from prima.study.nifti_people import by_person
from prima.study.study import Series, Study

__all__ = ["FileProblem", "FoundStudies", "StudySource", "find_studies"]

OnSeries = Callable[[Series], None]


@dataclass(frozen=True, kw_only=True)
class StudySource:
    """A study whose headers were read and whose pixels were not.

    Args:
        study_uid: StudyInstanceUID made safe for a file name; None for NIfTI, where it follows from the content.
        where: the folder that holds it.
        name: what tells it from other studies under the path that was searched, relative to that; "" when nothing
            does. It may hold a person's name, as paths do.
    """

    study_uid: str | None
    where: Path
    name: str = ""
    _read: Callable[[int, OnSeries], Study] = field(repr=False)
    _unpacked: Sequence[Unpacked] = field(default=(), repr=False)

    def read(self, *, workers: int = 2, on_series: OnSeries = lambda _: None) -> Study:
        """Decode the pixels of the series that can be used, with up to `workers` threads.

        Series that cannot be read end as excluded; the other series are unharmed.

        Args:
            workers: threads.
            on_series: given each series that is used as soon as it is decoded, in the order of the study.
        """
        return self._read(workers, on_series)


@dataclass(frozen=True, kw_only=True)
class FoundStudies:
    """The studies under a path, and what could not be attributed to one.

    Args:
        problems: files that look like images and cannot be read, folders that cannot be entered.
        num_other_files: files that are no images at all.
    """

    studies: tuple[StudySource, ...]
    problems: tuple[FileProblem, ...]
    num_other_files: int


def find_studies(
    path: Path,
    *,
    keep_all: bool = False,
    min_slices: int = MIN_SLICES,
    follow_links: bool = False,
    on_file: Callable[[int], None] | None = None,
) -> FoundStudies:
    """Find every study under a folder, or in a single file.

    DICOM files are grouped by StudyInstanceUID wherever they lie; NIfTI files by person and session, as
    `prima.study.nifti_people` tells them. zip and tar files are read like folders; what they hold lies unpacked for as
    long as one of the studies is kept.

    Args:
        path: a folder, searched to any depth, or one file.
        keep_all: read as the reference does: all DICOM under `path` is one study, one series per folder, no
            selection, no splitting.
        min_slices: series with fewer slices are not used.
        follow_links: follow links below `path`.
        on_file: called with the number of files looked at so far.

    Raises:
        FileNotFoundError: `path` does not exist.
    """
    walked = walk(path, follow_links=follow_links)
    unpacked = [unpack(file) for file in walked.files if is_container(file)]
    tops = [(path, "", [file for file in walked.files if not is_container(file)])]
    tops += [(found.top, _below(found.container, path), [*found.files]) for found in unpacked]
    nifti: list[StudySource] = []
    other_files: list[Path] = []
    for top, prefix, files in tops:
        images = [file for file in files if is_image(file)]
        taken = {*images, *filter(None, map(voxels_of_header, images))}
        other_files += [file for file in files if file not in taken]
        nifti += [
            StudySource(
                study_uid=None,
                where=found.where,
                name="/".join(filter(None, (prefix, found.name))),
                _read=_nifti_reader(found.files, keep_all, min_slices),
                _unpacked=unpacked,
            )
            for found in by_person(images, top)
        ]
    scanned = scan(other_files, one_study=keep_all, on_file=on_file)
    studies = [
        StudySource(
            study_uid=study.study_uid,
            where=study.where,
            name=_name_of(study, unpacked, path),
            _read=_dicom_reader(study, keep_all, min_slices),
            _unpacked=unpacked,
        )
        for study in scanned.studies
    ]
    studies += nifti
    return FoundStudies(
        studies=tuple(studies),
        problems=(*walked.problems, *(problem for found in unpacked for problem in found.problems), *scanned.problems),
        num_other_files=scanned.num_other_files,
    )


def _below(file: Path, path: Path) -> str:
    """What below a path names a file; "" when it is the path."""
    return "" if file == path or not file.is_relative_to(path) else file.relative_to(path).as_posix()


def _name_of(study: ScannedStudy, unpacked: Sequence[Unpacked], path: Path) -> str:
    """The container of a DICOM study, or the folder below the path."""
    for found in unpacked:
        if study.where.is_relative_to(found.top):
            return "/".join(filter(None, (_below(found.container, path), _below(study.where, found.top))))
    return _below(study.where, path.absolute())


def read_study(path: Path | str, *, keep_all: bool = False, min_slices: int = MIN_SLICES, workers: int = 2) -> Study:
    """Read the one study under a path, DICOM or NIfTI.

    Args:
        path: the folder of a study, or one NIfTI file.
        keep_all: no selection, as the reference reads.
        min_slices: series with fewer slices are not used.
        workers: threads that decode.

    Raises:
        UsageError: the path is not there, or holds no study or several.
    """
    path = Path(path)
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder; give the folder of a study")
    listing = find_studies(path, keep_all=keep_all, min_slices=min_slices)
    if len(listing.studies) != 1:
        raise UsageError(f"{path}: found {len(listing.studies)} studies, expected one; give the folder of one study")
    return listing.studies[0].read(workers=workers)


def _dicom_reader(study: ScannedStudy, keep_all: bool, min_slices: int) -> Callable[[int, OnSeries], Study]:
    def read(workers: int, on_series: OnSeries) -> Study:
        if keep_all:
            return read_everything(study, workers=workers, on_series=on_series)
        return read_dicom_study(study, min_slices=min_slices, workers=workers, on_series=on_series)

    return read


def _nifti_reader(files: tuple[Path, ...], keep_all: bool, min_slices: int) -> Callable[[int, OnSeries], Study]:
    def read(workers: int, on_series: OnSeries) -> Study:  # noqa: ARG001 - NIfTI files are read one after another
        return read_nifti_study(files, keep_all=keep_all, min_slices=min_slices, on_series=on_series)

    return read
