"""NIfTI and FreeSurfer files in: those that `nifti_people` gives to one person and session are one study.

A file becomes one series (or, for a clinical diffusion series with one volume per b-value, one part each), or is
excluded with a reason. UIDs are made of the content alone, under 2.25 (ITU-T X.667), never of names: a file name may
name a patient. The one thing taken from a name is the series description, when no json gives it, since the model
reads series names; BIDS subject and session are left out of it.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from prima.errors import UnreadableError, UsageError
from prima.files.walk import natural_key
from prima.study.bids import Sidecar, description_of_stem, read_b_values, read_sidecar, stem_of, suffix_of
from prima.study.exclusion import Excluded, Reason
from prima.study.nifti_content import reason_of_content, reason_of_several
from prima.study.nifti_image import NiftiImage, read_nifti_image, slice_axis, volume_of
from prima.study.nifti_selection import one_volume_per_b_value, reason_of_4d, reason_of_facts
from prima.study.normalised import above_zero
from prima.study.padding import without_padding
from prima.study.study import Patient, Series, Study
from prima.study.volume import why_no_extent


def read_nifti_study(
    files: Sequence[Path],
    *,
    keep_all: bool = False,
    min_slices: int = 4,
    on_series: Callable[[Series], None] = lambda _: None,
) -> Study:
    """Read files as one study.

    Args:
        files: paths of `.nii`, `.nii.gz`, `.hdr` (with its `.img` beside it) or `.mgz`; json and bval files beside
            them are found here.
        keep_all: keep what selection would leave out (segmentations, thin stacks, maps, …); what cannot become one
            3-D volume, and a file with the same content as another, stay excluded.
        min_slices: fewer slices than this are too few.
        on_series: given each series that is used as soon as it is read, in the order of the study.

    Returns:
        A study whose series follow SeriesNumber, then the natural order of the file names. A duplicate carries the
        UID of the series it repeats.

    Raises:
        UsageError: no file was given.
    """
    if not files:
        raise UsageError("no NIfTI file given")
    series: list[Series] = []
    excluded: list[Excluded] = []
    digests: list[bytes] = []
    sidecars = [(path, read_sidecar(path)) for path in sorted(files, key=lambda path: natural_key(path.name))]
    sidecars.sort(key=lambda item: (item[1].series_number is None, item[1].series_number or 0))
    for path, sidecar in sidecars:
        description = sidecar.text("SeriesDescription") or description_of_stem(stem_of(path))
        try:
            image = read_nifti_image(path)
        except UnreadableError as error:
            digest = _digest_of_bytes(path, position=len(digests))
            outcome: list[Series] | Excluded = Excluded(
                series_uid=_uid(digest), reason=Reason.UNREADABLE, detail=str(error)
            )
        else:
            digest = image.digest
            if digest in digests:
                outcome = Excluded(
                    series_uid=_uid(digest), reason=Reason.DUPLICATE, detail="same voxels as another file of the study"
                )
            else:
                outcome = _series_of(image, path, sidecar, description, keep_all=keep_all, min_slices=min_slices)
        digests.append(digest)
        if isinstance(outcome, Excluded):
            excluded.append(replace(outcome, number=sidecar.series_number, description=description))
        else:
            series.extend(outcome)
            for new_series in outcome:
                on_series(new_series)
    study_digest = hashlib.sha256(b"study" + b"".join(sorted(set(digests)))).digest()
    patients = [sidecar.patient for _, sidecar in sidecars if sidecar.patient != Patient()]
    return Study(
        study_uid=_uid(study_digest),
        description=next((text for _, sidecar in sidecars if (text := sidecar.text("StudyDescription"))), None),
        patient=patients[0] if patients else Patient(),
        series=tuple(series),
        excluded=tuple(excluded),
    )


def _series_of(
    image: NiftiImage, path: Path, sidecar: Sidecar, description: str, *, keep_all: bool, min_slices: int
) -> list[Series] | Excluded:
    uid = _uid(image.digest)
    num_slices = int(image.voxels.shape[3 - slice_axis(image)])

    def leave_out(reason: Reason, detail: str) -> Excluded:
        return Excluded(series_uid=uid, reason=reason, detail=detail, num_slices=num_slices)

    b_values = read_b_values(path)
    parts: list[tuple[str | None, float | None]] = [(None, None)]
    if image.num_volumes > 1:
        if b_values is None or not one_volume_per_b_value(b_values, len(image.voxels)):
            return leave_out(*_reason_of_4d(image, description, stem_of(path), has_b_values=b_values is not None))
        parts = [(f"b{round(value)}", value) for value in b_values]
    if image.affine_ras is None:
        return leave_out(Reason.MISSING_GEOMETRY, image.notes[0] if image.notes else _NO_AFFINE)
    extent = why_no_extent(image.voxels.shape[:0:-1], np.linalg.norm(image.affine_ras[:3, :3], axis=0))
    if extent is not None:
        return leave_out(Reason.MISSING_GEOMETRY, extent)
    if not keep_all:
        spacing_mm = float(np.linalg.norm(image.affine_ras[:3, :2], axis=0).mean())
        verdict = reason_of_facts(sidecar, description, stem_of(path), image.intent) or reason_of_content(
            image.voxels[0], spacing_mm
        )
        if verdict is not None:
            return leave_out(*verdict)
        if num_slices < min_slices:
            slices = "1 slice" if num_slices == 1 else f"{num_slices} slices"
            return leave_out(Reason.TOO_FEW_SLICES, f"{slices}, at least {min_slices} needed")
    num_broken = int(np.size(image.voxels) - np.isfinite(image.voxels).sum())
    if num_broken:
        return leave_out(Reason.UNREADABLE, f"{num_broken} voxels are not finite numbers")
    notes = [*image.notes, *filter(None, [sidecar.note])]
    if not keep_all:
        voxels, remark = without_padding(image.voxels)
        voxels, scores = above_zero(voxels)
        image, notes = replace(image, voxels=voxels), [*notes, *filter(None, [remark, scores])]
    return [
        Series(
            series_uid=uid,
            number=sidecar.series_number,
            description=description,
            protocol=sidecar.text("ProtocolName"),
            part=part,
            volume=volume_of(image, index),
            acquisition=replace(sidecar.acquisition, b_value=b_value),
            notes=tuple(notes),
        )
        for index, (part, b_value) in enumerate(parts)
    ]


_NO_AFFINE = "neither sform nor qform gives a usable affine"


def _reason_of_4d(image: NiftiImage, description: str, stem: str, *, has_b_values: bool) -> tuple[Reason, str]:
    """What a file of several volumes is: by its name, else by how alike the volumes are, else a time series."""
    reason = reason_of_4d(description, suffix_of(stem), has_b_values=has_b_values)
    if reason is Reason.FUNCTIONAL and len(image.voxels) == image.num_volumes:
        several = reason_of_several(image.voxels)
        if several is not None:
            return several
    return reason, f"4D data, {image.num_volumes} time points or directions"


def _digest_of_bytes(path: Path, *, position: int) -> bytes:
    """For a file that is no image: sha256 of its bytes; of its place in the study when even those cannot be had."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return hashlib.sha256(b"no bytes, file %d" % position).digest()


def _uid(digest: bytes) -> str:
    return f"2.25.{uuid.UUID(bytes=digest[:16], version=5).int}"
