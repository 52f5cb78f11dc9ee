"""Where the stages after the tokenizer get their studies: an archive, or a folder of tokens."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from prima.errors import UnreadableError, UsageError
from prima.files.optional import require_tables
from prima.train.data.token_folder import TokenFolder
from prima.workflow.training.examples import StoredExamples
from prima.workflow.training.site_labels import site_labels
from prima.workflow.training.stage import StageOptions
from prima.workflow.watcher import NOBODY, Watcher

ARCHIVE_CARD = "archive.json"
NUM_NAMED = 5


def is_archive(source: Path) -> bool:
    """Whether a folder is an archive of `prima ingest`."""
    return (source / ARCHIVE_CARD).exists()


@dataclass(frozen=True, kw_only=True)
class Studies:
    """Both sides, and what the card says of them.

    Args:
        train: studies to learn from.
        validation: studies of other patients.
        words: what they are.
        simulated: whether any of them was made up.
    """

    train: TokenFolder | StoredExamples
    validation: TokenFolder | StoredExamples
    words: str
    simulated: bool


def read_studies(
    source: Path,
    release: Path | None,
    options: StageOptions,
    *,
    with_indication: bool,
    labels: Path | None = None,
    watcher: Watcher = NOBODY,
) -> Studies:
    """Open a source.

    Args:
        source: an archive, or a folder with train/ and validation/ of tokens.
        release: whose tokenizer made an archive's tokens.
        options: device and number format, which are part of an archive's tokens.
        with_indication: read an archive's histories, too.
        labels: a site's own table; studies that do not stand in it are left out.
        watcher: told how many studies are left out.

    Raises:
        UsageError: a patient is on both sides.
        UnreadableError: the source is neither, or damaged.
        ArchiveError: something has not been made yet.
    """
    if is_archive(source):
        studies = _of_archive(source, release, options, with_indication=with_indication, watcher=watcher)
    else:
        if not all((source / side).is_dir() for side in ("train", "validation")):
            raise UnreadableError(f"{source}: found no archive and no folders train/ and validation/, expected either")
        train, validation = TokenFolder(source / "train"), TokenFolder(source / "validation")
        words = f"a folder of tokens: {len(train)} studies to learn from, {len(validation)} to validate with"
        studies = Studies(train=train, validation=validation, words=words, simulated=_simulated(train))
    if shared := set(studies.train.patients) & set(studies.validation.patients):
        raise UsageError(
            f"{source}: found {len(shared)} patients on both sides, expected each on one; split by patient"
        )
    return studies if labels is None else _with_labels(studies, labels, watcher)


def _of_archive(
    source: Path, release: Path | None, options: StageOptions, *, with_indication: bool, watcher: Watcher
) -> Studies:
    require_tables()
    from prima.workflow.training.archive import read_sides

    if release is None or not release.exists():
        raise UnreadableError(f"{release}: found no release, expected that of the run; run prima train tokenizer first")
    sides = read_sides(source, release, options, with_indication=with_indication)
    if sides.without_tokens:
        watcher.warn(
            f"{sides.without_tokens} studies of the cohort have no tokens and are left out (see tokens.parquet)"
        )
    num = len(sides.train.study_uids)
    words = f"an archive: {num} studies to learn from, {len(sides.validation.study_uids)} to validate with"
    return Studies(train=sides.train, validation=sides.validation, words=words, simulated=_simulated(sides.train))


def _simulated(train: TokenFolder | StoredExamples) -> bool:
    """Identifiers of made-up patients say so; masks exist of nobody else."""
    named = any(patient.startswith("SIM") for patient in train.patients)
    return named or (bool(train.study_uids) and train.read(0).dense is not None)


def _with_labels(studies: Studies, path: Path, watcher: Watcher) -> Studies:
    sides = (studies.train, studies.validation)
    labelled, missing = site_labels(path, {study.study_uid: study for side in sides for study in side.facts})
    if missing:
        named = ", ".join(missing[:NUM_NAMED])
        watcher.warn(f"{path}: no column for {len(missing)} diagnoses, which stay unlearnt: {named} …")
    kept_sides = []
    for name, side in zip(("training", "validation"), sides, strict=True):
        facts = tuple(labelled[uid] for uid in side.study_uids if uid in labelled)
        if not facts:
            raise UsageError(f"{path}: found no study of the {name} side, expected some; add rows for it")
        kept_sides.append(StoredExamples(side.store, facts))
    return replace(studies, train=kept_sides[0], validation=kept_sides[1], words=f"{studies.words}; labels of a table")
