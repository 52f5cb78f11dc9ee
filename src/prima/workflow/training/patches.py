"""Patches of the studies of an archive, for the tokenizer to learn from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from prima.archive.stages.stored_study import read_stored_study
from prima.archive.store.layout import Archive
from prima.errors import PrimaError
from prima.model.engine.prepare import prepare
from prima.model.gate.admit import packaged_gate
from prima.tokens.contract import Contract
from prima.train.data.patch_file import patches_of_prepared, write_patches
from prima.workflow.training.archive import cohort_of


def patches_of_archive(
    root: Path, folder: Path, contract: Contract, *, num_studies: int, seed: int, on_study: Callable[[int, int], None]
) -> tuple[int, list[tuple[str, str]]]:
    """Cut patches of some studies of an archive into files, for the tokenizer; a file that is there is kept.

    Args:
        root: of the archive.
        folder: gets train/ and validation/.
        contract: how patches are cut.
        num_studies: of the training side; the validation side gets a tenth, at least one.
        seed: of the draw.
        on_study: told how many of how many are done.

    Returns:
        Number of files, and study and reason of each study that gave none.
    """
    archive = Archive.open(root)
    cohort = cohort_of(archive)
    jobs: list[tuple[str, str, str]] = []
    for side, wanted in (("train", num_studies), ("validation", max(1, num_studies // 10))):
        rows = cohort.filter(split=side)
        order = np.random.default_rng([seed, len(side)]).permutation(len(rows))[:wanted]
        jobs += [(side, *rows.select("study_uid", "patient_id").row(number)) for number in sorted(order.tolist())]
        (folder / side).mkdir(parents=True, exist_ok=True)
    failed: list[tuple[str, str]] = []
    for number, (side, uid, patient) in enumerate(jobs, start=1):
        path = folder / side / f"{uid}.npz"
        if not path.exists() and (reason := _cut(archive, uid, patient, path, contract)):
            failed.append((uid, reason))
        on_study(number, len(jobs))
    return len(jobs) - len(failed), failed


def _cut(archive: Archive, uid: str, patient: str, path: Path, contract: Contract) -> str:
    """Write the patches of one study; the reason when it has none."""
    try:
        study = prepare(read_stored_study(archive, uid), contract, packaged_gate())
    except PrimaError as error:
        return str(error)
    if not study.series:
        return study.why_nothing
    write_patches(replace(patches_of_prepared(study), facts={"study_uid": uid, "patient": patient}), path)
    return ""
