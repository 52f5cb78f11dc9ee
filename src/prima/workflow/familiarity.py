"""The check for unfamiliar studies from an archive's own studies: no label takes part."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from prima.errors import ReleaseError, UsageError
from prima.files.optional import require_tables
from prima.model.release.familiarity import FamiliarityCheck, series_statistics
from prima.model.release.familiarity_record import FamiliarityRecord
from prima.model.release.folder import Release, load_release, packaged_release
from prima.tokens.precision import DeviceChoice, DtypeChoice, choose_precision
from prima.tokens.store import TokenStore
from prima.train.calibration.familiarity import MIN_HELD_OUT, MIN_SEEN, FamiliarityRecipe, fit_familiarity
from prima.train.familiarity_release import FittedFamiliarity, add_familiarity, facts_of_fit

MIN_STUDIES = MIN_SEEN + MIN_HELD_OUT
"""Tokenised studies outside the test side that an archive needs."""
WARNING = (
    "Adapting makes studies familiar, it does not make the model right on them: weights, probabilities and thresholds "
    "are those of the release it started from. Calibrate and evaluate on labelled studies of the site before you rely "
    "on a number."
)


@dataclass(frozen=True, kw_only=True, eq=False)
class ArchiveSeries:
    """Statistics of the series of an archive's studies: [N, W] of each, and whose study it is."""

    studies: tuple[torch.Tensor, ...]
    patients: tuple[str, ...]

    def sides(self) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Studies to learn from and studies to choose limits on: half of the patients each, by a hash."""
        order = sorted(set(self.patients), key=lambda patient: hashlib.sha256(patient.encode()).digest())
        first = set(order[: (len(order) + 1) // 2])
        pairs = list(zip(self.studies, self.patients, strict=True))
        return (
            [study for study, patient in pairs if patient in first],
            [study for study, patient in pairs if patient not in first],
        )


@dataclass(frozen=True, kw_only=True)
class Adapted:
    """What became of adapting: the folder of the new release, its check, and of how many studies and patients."""

    folder: Path
    record: FamiliarityRecord
    num_studies: int
    num_patients: int

    def as_json(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "release": str(self.folder),
            "num_studies": self.num_studies,
            "num_patients": self.num_patients,
            "familiarity": vars(self.record),
        }


def series_of_archive(
    release: Release, archive: Path, *, dtype: DtypeChoice = "auto", device: DeviceChoice = "auto"
) -> ArchiveSeries:
    """Read the tokens of every tokenised study outside the test side.

    Raises:
        ArchiveError: it is none, or has no cohort.
        UsageError: it has no tokens of this release.
    """
    require_tables()
    from prima.archive.stages.tokenize import cohort_studies, tokens_fingerprint, tokens_folder
    from prima.archive.store.layout import Archive
    from prima.archive.store.tables import scan

    opened = Archive.open(archive)
    precision = choose_precision(device, dtype)
    cohort = cohort_studies(opened, ("train", "validation"))
    folder = tokens_folder(opened, tokens_fingerprint(release.manifest, precision))
    if not (folder / "tokens.parquet").exists():
        number_format = str(precision.dtype).removeprefix("torch.")
        raise UsageError(
            f"{archive}: found no tokens of release {release.manifest.name} in {number_format}, expected some; run "
            f"prima tokenize {archive} --release {release.folder} --dtype {number_format} first"
        )
    store = TokenStore(folder)
    patient_of = dict(scan(opened, "studies").select("study_uid", "patient_id").collect().iter_rows())
    chosen = sorted(uid for uid in cohort if uid in store)
    studies = [torch.stack([series_statistics(series.latents) for series in store.read(uid).series]) for uid in chosen]
    return ArchiveSeries(studies=tuple(studies), patients=tuple(str(patient_of.get(uid) or uid) for uid in chosen))


def fit_on_archive(
    release: Release, archive: Path, *, dtype: DtypeChoice = "auto", device: DeviceChoice = "auto"
) -> tuple[FamiliarityCheck, ArchiveSeries]:
    """A check from an archive's studies; with what the release held familiar before, where it has a check.

    Raises:
        UsageError: there are too few tokenised studies, and how many are needed.
    """
    series = series_of_archive(release, archive, dtype=dtype, device=device)
    seen, held_out = series.sides()
    if len(seen) < MIN_SEEN or len(held_out) < MIN_HELD_OUT:
        raise UsageError(
            f"{archive}: found {len(series.studies)} tokenised studies of {len(set(series.patients))} patients outside "
            f"the test side, {len(seen)} and {len(held_out)} when patients are halved, expected at least {MIN_SEEN} "
            f"and {MIN_HELD_OUT}; ingest and tokenize more studies"
        )
    before = release.familiarity()
    parent = None if before is None else before.seen
    return fit_familiarity(seen, held_out, FamiliarityRecipe(), parent=parent), series


def adapt_release(
    release: Path,
    archive: Path,
    out: Path,
    *,
    name: str | None = None,
    dtype: DtypeChoice = "auto",
    device: DeviceChoice = "auto",
) -> Adapted:
    """Write a release that knows a site's own studies: its statistics move, weights and calibration do not.

    Args:
        release: folder of the release; it is not changed.
        archive: tokenised; no label is read.
        out: folder of the new release; new or empty.
        name: of the new release; the folder's when None.
        dtype: number format of the archive's tokens.
        device: where tokens were made; it decides the number format that `auto` stands for.

    Raises:
        UsageError: there are too few studies, or no tokens of this release.
        ReleaseError: the release cannot be used, or `out` is not empty.
    """
    loaded = load_release(release)
    if "adapted" in loaded.manifest.provenance:
        raise ReleaseError(
            f"{release}: found a release that was adapted before, expected the one it was adapted from; adapt that one "
            "with all studies"
        )
    check, series = fit_on_archive(loaded, archive, dtype=dtype, device=device)
    facts = facts_of_archive(loaded, series.patients)
    adapted = {
        "parent": loaded.manifest.name,
        "parent_sha256": loaded.sha256,
        "weights_sha256": loaded.manifest.weights_sha256,
        "num_studies": len(series.studies),
        "num_patients": len(set(series.patients)),
        "date": datetime.now(UTC).date().isoformat(),
    }
    fitted = FittedFamiliarity(check=check, facts={"familiarity": facts, "adapted": adapted})
    folder = add_familiarity(loaded, fitted, out, name=name or out.resolve().name)
    return Adapted(
        folder=folder,
        record=check.record,
        num_studies=len(series.studies),
        num_patients=len(set(series.patients)),
    )


def familiarity_for_calibration(
    release: Release, archive: Path, *, dtype: DtypeChoice, device: DeviceChoice
) -> FittedFamiliarity | str:
    """A check for a release that has none, beside its calibration; or one line on why there is none."""
    try:
        check, series = fit_on_archive(release, archive, dtype=dtype, device=device)
    except UsageError as error:
        return f"no check for unfamiliar studies is made: {error}"
    return FittedFamiliarity(check=check, facts={"familiarity": facts_of_archive(release, series.patients)})


def what_to_adapt(paths: Sequence[Path]) -> tuple[Path, Path]:
    """Release and archive of the paths as typed; the packaged release stands in where only one is given.

    Raises:
        UsageError: more or fewer paths than that.
    """
    if not 1 <= len(paths) <= 2:
        raise UsageError(f"found {len(paths)} paths, expected [RELEASE] ARCHIVE")
    return (packaged_release(), paths[0]) if len(paths) == 1 else (paths[0], paths[1])


def facts_of_archive(release: Release, patients: Sequence[str]) -> dict[str, Any]:
    """For the provenance: no names, no paths."""
    return facts_of_fit(
        release, data="the site's own, without labels, halved by patient", num_patients=len(set(patients))
    )
