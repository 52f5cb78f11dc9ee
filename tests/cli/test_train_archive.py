"""An archive as training data: what is joined, what is not known, and what is said when something is not there yet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from prima.archive.stages.tokenize import tokens_fingerprint, tokens_folder
from prima.archive.store.layout import Archive
from prima.archive.store.tables import append
from prima.errors import ArchiveError, PrimaError, UnreadableError
from prima.model.release.folder import load_release
from prima.model.release.untrained import TINY_SIZES, write_untrained_release
from prima.study.ontology import DIAGNOSIS_NAMES, SERVICES
from prima.tokens.precision import choose_precision
from prima.tokens.shard import write_shard
from prima.train.data.examples import Example
from prima.workflow.training.archive import Sides, read_sides
from prima.workflow.training.source import is_archive
from prima.workflow.training.stage import StageOptions

from ..train.made import MENINGIOMA, NUMBER, facts_of, tokens_of

SYRINX = DIAGNOSIS_NAMES.index("spine_syrinx")
OPTIONS = StageOptions(device="cpu", dtype="float32")  # fmt: skip
# Number → side; 4 has no tokens, 3 no label, 6 is in the test set, 7 was left out of the cohort.
SIDES = {0: "train", 1: "train", 2: "validation", 3: "train", 4: "validation", 6: "test", 7: None}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_untrained_release(tmp_path_factory.mktemp("made") / "release", TINY_SIZES, name="tiny")


@pytest.fixture
def archive(tmp_path: Path, release: Path) -> Archive:
    """An archive as ingest, label, curate and tokenize leave it, in what training reads."""
    archive = Archive.open_or_make(tmp_path / "archive")
    for name in ("cohort", "labels", "reports", "incoming"):
        (archive.root / name).mkdir(exist_ok=True)
    facts = {number: facts_of("train", number) for number in SIDES}
    pl.DataFrame(
        {
            "study_uid": [facts[number].study_uid for number in SIDES],
            "patient_id": [facts[number].patient for number in SIDES],
            "report_id": [f"R{number}" for number in SIDES],
            "split": list(SIDES.values()),
        }
    ).write_parquet(archive.cohort / "cohort.parquet")
    labelled = [facts[number] for number in SIDES if number != 3]
    pl.DataFrame(
        [
            {"study_uid": one.study_uid, "report_id": "R", "priority": one.priority}
            | {name: name in one.present for name in DIAGNOSIS_NAMES}
            | {f"referral_{service.name}": service.name in (one.referrals or ()) for service in SERVICES}
            for one in labelled
        ]
    ).write_parquet(archive.root / "labels" / "studies.parquet")
    pl.DataFrame(
        {
            "study_uid": [facts[0].study_uid, facts[0].study_uid, facts[1].study_uid],
            "diagnosis": [MENINGIOMA, "spine_syrinx", "spine_syrinx"],
            "assertion": ["uncertain", "uncertain", "absent"],
        }
    ).write_parquet(archive.root / "labels" / "labels.parquet")
    pl.DataFrame(
        {"study_uid": [one.study_uid for one in labelled], "findings": [list(one.sentences) for one in labelled]},
        schema={"study_uid": pl.String, "findings": pl.List(pl.String)},
    ).write_parquet(archive.root / "reports" / "reports.parquet")
    append(
        archive,
        "reports",
        [
            {
                "report_id": f"R{number}", "study_uid": facts[number].study_uid, "accession": None, "patient_id": "P",
                "filed_at": None, "report_status": "final", "source": "made",
                "text": f"INDICATION: Headache,\nnumber {number}.\nFINDINGS: None.",
            }
            for number in SIDES
        ],
    )  # fmt: skip
    random = np.random.default_rng(0)
    folder = tokens_folder(
        archive, tokens_fingerprint(load_release(release).manifest, choose_precision("cpu", "float32"))
    )
    folder.mkdir(parents=True)
    shown = [(facts[number].study_uid, tokens_of(facts[number], random, width=8)) for number in SIDES if number != 4]
    write_shard(folder / "000.tokens", shown, {})
    return archive


def sides_of(archive: Archive, release: Path, *, with_indication: bool = True) -> Sides:
    return read_sides(archive.root, release, OPTIONS, with_indication=with_indication)


def example(sides: Sides, number: int) -> Example:
    for side in (sides.train, sides.validation):
        if f"1.2.5.{number}" in side.study_uids:
            return side.read(side.study_uids.index(f"1.2.5.{number}"))
    raise AssertionError(number)


def test_studies_stand_on_the_side_of_the_split(archive: Archive, release: Path) -> None:
    assert is_archive(archive.root)
    sides = sides_of(archive, release)
    assert sides.train.study_uids == ("1.2.5.0", "1.2.5.1", "1.2.5.3")
    assert sides.validation.study_uids == ("1.2.5.2",)
    assert sides.without_tokens == 1
    assert sides.train.patients == ("SIM5-0", "SIM5-1", "SIM5-3")
    assert sides.train.num_tokens.tolist() == [36, 36, 36]


def test_what_is_known_of_a_study_is_joined(archive: Archive, release: Path) -> None:
    sides = sides_of(archive, release)
    ill, well = example(sides, 2), example(sides, 1)
    assert ill.labels[NUMBER] == 1
    assert ill.labels.sum() == 1
    assert ill.sentences == ("A meningioma of 12 mm.", "No shift of the midline.")
    assert (ill.priority, ill.referrals.sum()) == (3, 1)
    assert ill.indication == "Headache, number 2."
    assert [one.name for one in ill.tokens.series] == ["AX_T1", "AX_T2_FLAIR", "SAG_T1"]
    assert (well.labels.sum(), np.isnan(well.labels).sum()) == (0, 0)  # absent is known
    assert well.sentences == ()
    assert example(sides_of(archive, release, with_indication=False), 2).indication == ""


def test_what_is_uncertain_or_unlabelled_is_not_known(archive: Archive, release: Path) -> None:
    sides = sides_of(archive, release)
    unsure, unlabelled = example(sides, 0), example(sides, 3)
    assert unsure.labels[NUMBER] == 1  # said to be present, and elsewhere uncertain
    assert np.flatnonzero(np.isnan(unsure.labels)).tolist() == [SYRINX]
    assert np.isnan(unlabelled.labels).all()
    assert np.isnan(unlabelled.referrals).all()
    assert (unlabelled.priority, unlabelled.sentences) == (-1, ())


@pytest.mark.parametrize(
    ("path", "kind", "message"),
    [
        ("cohort/cohort.parquet", ArchiveError, "found no cohort, expected one; run prima curate first"),
        ("labels/studies.parquet", ArchiveError, r"found no labels/studies\.parquet, expected it; run prima label"),
        ("reports/reports.parquet", ArchiveError, r"found no reports/reports\.parquet, expected it; run prima label"),
    ],
)
def test_what_is_not_made_yet_is_named(
    path: str, kind: type[PrimaError], message: str, archive: Archive, release: Path
) -> None:
    (archive.root / path).unlink()
    with pytest.raises(kind, match=message):
        sides_of(archive, release)


def test_tokens_of_another_release_are_not_taken(archive: Archive, tmp_path: Path) -> None:
    other = write_untrained_release(tmp_path / "other", TINY_SIZES, name="other", seed=1)
    with pytest.raises(ArchiveError, match=r"found no tokens of other, expected some; run prima tokenize .* --release"):
        sides_of(archive, other)


def test_a_missing_label_column_is_named(archive: Archive, release: Path) -> None:
    path = archive.root / "labels" / "studies.parquet"
    pl.read_parquet(path).drop(MENINGIOMA, "spine_syrinx").write_parquet(path)
    with pytest.raises(UnreadableError, match=r"labels/studies\.parquet: found no column spine_syrinx and 1 more"):
        sides_of(archive, release)


def test_a_broken_table_is_named(archive: Archive, release: Path) -> None:
    (archive.root / "labels" / "labels.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(UnreadableError, match=r"labels/labels\.parquet: cannot be read"):
        sides_of(archive, release)


def test_a_side_without_studies_says_what_to_do(archive: Archive, release: Path) -> None:
    path = archive.cohort / "cohort.parquet"
    frame = pl.read_parquet(path)
    frame.with_columns(split=pl.col("split").replace("validation", "train")).write_parquet(path)
    with pytest.raises(ArchiveError, match=r"no study with tokens on the validation side.*curate with --validation"):
        sides_of(archive, release)
