"""The embed stage: its features and logits are those of the engine, each study once, and no study is lost."""

from __future__ import annotations

import errno
import json
import os
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from prima.archive.cohort.curate import Curation, curate
from prima.archive.cohort.indications import indications_of
from prima.archive.cohort.split import Split
from prima.archive.ingest.folder import folder_instances
from prima.archive.ingest.ingest import ingest_instances
from prima.archive.stages import embed as module
from prima.archive.stages.embed import FAILURES, EmbedResult, embed_archive, embeddings_fingerprint
from prima.archive.stages.embed_tables import SERIES_COLUMNS, STUDY_COLUMNS, logit_columns
from prima.archive.stages.run import StageWorkers
from prima.archive.stages.tokenize import tokenize_archive
from prima.archive.store.layout import Archive
from prima.archive.store.tables import append
from prima.errors import ArchiveError
from prima.model.engine.engine import Engine
from prima.model.release.folder import load_release
from prima.model.release.untrained import TINY_SIZES, write_untrained_release
from prima.predict.sources import find_studies
from prima.tables.failures import Failure
from prima.tokens.precision import choose_precision
from prima.tokens.text import name_of

PRECISION = choose_precision("cpu", "float32")
NUM_STUDIES = 5


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_untrained_release(tmp_path_factory.mktemp("release") / "tiny", TINY_SIZES, name="tiny", seed=1)


@pytest.fixture
def filled(archive: Archive, export: Any) -> Archive:
    """Five studies in a cohort, one of them in the test set."""
    for number in range(1, NUM_STUDIES + 1):
        when = "20240110" if number < NUM_STUDIES else "20240601"
        for series in (1, 2):
            for instance in range(1, 5):
                export.image(
                    f"{number}/{series}/{instance}", study=number, series=series, instance=instance,
                    value=10 * number + series, StudyDate=when,
                )  # fmt: skip
    fill(archive, export)
    return archive


def fill(archive: Archive, export: Any) -> None:
    ingest_instances(archive, folder_instances(export.folder), "export")
    reports = [
        {
            "report_id": f"R{number}",
            "study_uid": f"1.2.{number}",
            "accession": f"A{number}",
            "patient_id": f"P{number}",
            "filed_at": datetime(2024, 6, 2),
            "report_status": "final",
            "text": "IMPRESSION: Normal.",
            "source": "test",
        }
        for number in range(1, NUM_STUDIES + 1)
    ]
    append(archive, "reports", reports)
    curate(archive, Curation(split=Split(test_from=date(2024, 6, 1)), now=datetime(2024, 7, 1)))


def tokenise(archive: Archive, release: Path, **options: Any) -> None:
    tokenize_archive(
        archive, release=release, precision=PRECISION, keep_all=True, workers=StageWorkers(), size=2, **options
    )


def embed(archive: Archive, release: Path, **options: Any) -> EmbedResult:
    return embed_archive(
        archive, release=release, precision=PRECISION, size=2, **{"workers": StageWorkers(), **options}
    )


def parts(done: EmbedResult) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((done.folder / "parts").iterdir())}


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The studies that are embedded from now on."""
    seen: list[str] = []
    rows = module._rows

    def counting(engine: Any, study_uid: str, tokens: Any, order: str) -> Any:
        seen.append(study_uid)
        return rows(engine, study_uid, tokens, order)

    monkeypatch.setattr(module, "_rows", counting)
    return seen


@pytest.mark.parametrize("image_only", [False, True])
def test_features_and_logits_are_those_of_the_engine(
    filled: Archive, export: Any, release: Path, image_only: bool
) -> None:
    tokenise(filled, release)
    done = embed(filled, release, image_only=image_only)
    assert (done.embedded, done.left_out, done.mode) == (NUM_STUDIES, (), "image" if image_only else "image+names")
    studies, series = pl.read_parquet(done.studies), pl.read_parquet(done.series)
    loaded = load_release(release)
    manifest = loaded.manifest
    assert studies.columns == [*STUDY_COLUMNS, *logit_columns(manifest)]
    assert series.columns == list(SERIES_COLUMNS)
    assert studies.schema["feature"] == pl.Array(pl.Float32, manifest.vision.feature_dim)
    assert series.schema["feature"] == pl.Array(pl.Float32, manifest.vision.study.width)
    engine = Engine(loaded, PRECISION, image_only=image_only, keep_all=True)
    for source in find_studies(export.folder).studies:
        study = source.read()
        answer = engine.outputs(engine.tokens(engine.prepare(study)))
        (row,) = studies.filter(study_uid=study.study_uid).to_dicts()
        torch.testing.assert_close(torch.tensor(row["feature"]), answer.feature, rtol=0, atol=1e-5)
        assert (row["status"], row["num_series_used"], row["num_series_excluded"]) == ("done", len(study.series), 0)
        outputs = answer.logits
        expected = {f"{name}__logit": value for name, value in outputs.diagnoses.items()}
        expected |= {f"referral_{name}__logit": value for name, value in outputs.referrals.items()}
        expected |= {f"priority_{name}__logit": value for name, value in (outputs.priority or {}).items()}
        assert {name: row[name] for name in logit_columns(manifest)} == pytest.approx(expected, abs=1e-5)
        own = series.filter(study_uid=study.study_uid)
        assert own["series_uid"].to_list() == [one.series_uid for one in study.series]
        assert own["name"].to_list() == [name_of(one) for one in study.series]
        assert own["plane"].to_list() == [one.plane for one in study.series]
    assert len({tuple(row) for row in series["feature"].to_list()}) == series.height


def test_again_is_nothing_new_and_new_tokens_are_seen(
    filled: Archive, export: Any, release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenise(filled, release)
    before = parts(embed(filled, release))
    seen = counted(monkeypatch)
    done = embed(filled, release)
    assert (seen, parts(done)) == ([], before)
    for instance in range(1, 5):
        export.image(f"4/3/{instance}", study=4, series=3, instance=instance, value=500)
    fill(filled, export)
    tokenise(filled, release)
    done = embed(filled, release)
    assert set(seen) == {"1.2.3", "1.2.4"}
    assert pl.read_parquet(done.series).filter(study_uid="1.2.4").height == 3
    assert pl.read_parquet(done.studies).filter(study_uid="1.2.4")["num_series_used"].item() == 3


def test_a_stage_that_has_travelled_gives_the_same_part(
    filled: Archive, release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As to another process or to a Ray cluster, whose running of stages is tested with the stages."""
    tokenise(filled, release)
    first = embed(filled, release)
    before = parts(first)
    for path in (first.folder / "parts").iterdir():
        path.unlink()
    run_stage = module.run_stage
    monkeypatch.setattr(
        module,
        "run_stage",
        lambda stage, *given, **named: run_stage(pickle.loads(pickle.dumps(stage)), *given, **named),
    )
    assert parts(embed(filled, release)) == before


def test_no_study_of_the_cohort_is_lost(
    filled: Archive, release: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for path in filled.instances("1.2.2"):
        os.truncate(path, 140)
    tokenise(filled, release, splits=["train"])
    rows = module._rows
    fails: dict[str, Callable[[], Any]] = {"1.2.3": lambda: [module._failed("1.2.3", Failure.NOT_FINITE)]}

    def failing(engine: Any, study_uid: str, tokens: Any, order: str) -> Any:
        if study_uid == "1.2.4":
            raise RuntimeError("Zyxwvut")
        return fails[study_uid]() if study_uid in fails else rows(engine, study_uid, tokens, order)

    monkeypatch.setattr(module, "_rows", failing)
    done = embed(filled, release, out=tmp_path / "out")
    assert done.embedded == 1
    assert done.left_out == (
        ("1.2.2", "unreadable"), ("1.2.3", "not_finite"), ("1.2.4", "unforeseen"), ("1.2.5", "not_tokenised"),
    )  # fmt: skip
    table = pl.read_parquet(tmp_path / "out" / "studies.parquet").sort("study_uid")
    assert table["status"].to_list() == ["done", "failed", "failed", "failed", "failed"]
    assert table["feature"].is_null().to_list() == [False, True, True, True, True]
    assert table.select(logit_columns(load_release(release).manifest)).null_count().row(0)[0] == 4
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["series.parquet", "studies.parquet"]
    monkeypatch.undo()
    assert embed(filled, release).embedded == 1
    assert embed(filled, release, retry=True).embedded == 3


def test_a_study_without_a_usable_series_is_refused(filled: Archive, export: Any, release: Path) -> None:
    for path in (export.folder / "2").rglob("*"):
        if path.is_file():
            path.unlink()
    for series in (1, 2):
        for path in filled.study_folder("1.2.2").glob(f"1.2.2.{series}/*.dcm"):
            if not path.name.endswith(".1.dcm"):
                path.unlink()  # one slice a series is too few
    tokenise(filled, release)
    done = embed(filled, release)
    assert done.left_out == (("1.2.2", "no_usable_series"),)
    row = pl.read_parquet(done.studies).filter(study_uid="1.2.2").to_dicts()[0]
    assert (row["status"], row["num_series_used"], row["num_series_excluded"]) == ("refused", 0, 2)


def test_values_that_are_not_finite_are_a_failure_and_no_number(filled: Archive, release: Path, tmp_path: Path) -> None:
    def spoil(vision: Any) -> None:
        vision.load_state_dict({name: torch.full_like(value, torch.nan) for name, value in vision.state_dict().items()})

    tokenise(filled, release)
    loaded = load_release(release)
    fingerprint = embeddings_fingerprint(loaded.manifest, PRECISION, True)
    module._engine.cache_clear()
    vision = module._engine(release.absolute(), PRECISION, fingerprint, True).reader.vision
    spoil(vision)
    assert torch.isnan(vision.series_project.bias).all()
    done = embed(filled, release, image_only=True)
    module._engine.cache_clear()
    assert done.embedded == 0
    assert {reason for _, reason in done.left_out} == {"not_finite"}


def test_without_tokens_the_line_to_run_is_told(filled: Archive, release: Path) -> None:
    with pytest.raises(
        ArchiveError, match=r"found no tokens of release tiny in float32, .*run prima tokenize .* first"
    ):
        embed(filled, release)


def test_a_damaged_shard_is_a_failure_of_its_studies(filled: Archive, release: Path) -> None:
    tokenise(filled, release)
    (shard,) = (filled.root / "tokens").glob("*/00000001.tokens")
    data = bytearray(shard.read_bytes())
    length = int.from_bytes(data[:8], "little")
    start, stop = json.loads(data[8 : 8 + length])["latents"]["data_offsets"]
    data[8 + length + (start + stop) // 2] ^= 1
    shard.write_bytes(data)
    module._store.cache_clear()
    done = embed(filled, release)
    module._store.cache_clear()
    assert 1 <= len(done.left_out) <= 2
    assert {reason for _, reason in done.left_out} == {"damaged"}


def test_calibration_is_not_among_what_features_are_made_by(release: Path, tmp_path: Path) -> None:
    manifest = load_release(release).manifest
    means = embeddings_fingerprint(manifest, PRECISION, False)
    assert embeddings_fingerprint(replace(manifest, name="other", calibrated=True), PRECISION, False) == means
    assert embeddings_fingerprint(manifest, PRECISION, True) != means
    head = manifest.diagnoses[0]
    moved = replace(manifest, diagnoses=(replace(head, offset=1.0), *manifest.diagnoses[1:]))
    assert embeddings_fingerprint(moved, PRECISION, False) != means
    other = write_untrained_release(tmp_path / "other", TINY_SIZES, name="tiny", seed=2)
    assert embeddings_fingerprint(load_release(other).manifest, PRECISION, False) != means


def test_a_full_disk_is_one_line(filled: Archive, release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenise(filled, release)

    def full(*_arguments: Any, **_options: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("prima.archive.stages.embed_tables.write_parquet", full)
    with pytest.raises(ArchiveError, match="no space left on the archive's disk; what was made is safe"):
        embed(filled, release)


def test_every_column_and_reason_is_documented() -> None:
    text = (Path(__file__).parents[3] / "docs" / "reference" / "embeddings.md").read_text(encoding="utf-8")
    for words in (STUDY_COLUMNS, SERIES_COLUMNS, FAILURES):
        assert not [name for name, meaning in words.items() if f"| `{name}` | {meaning} |" not in text]


def test_a_model_that_is_shown_the_order_reads_it(filled: Archive, export: Any, release: Path, tmp_path: Path) -> None:
    """Features are those of the engine with description and order; another history is embedded anew."""
    asking = tmp_path / "asking"
    shutil.copytree(release, asking)
    text = (asking / "release.json").read_text()
    text = text.replace('"mode": "image+names"', '"mode": "image+names+indication"')
    text = "\n".join(line for line in text.splitlines() if '"manifest_sha256"' not in line)
    (asking / "release.json").write_text(text)
    with_history = {
        "report_id": "R9", "study_uid": "1.2.1", "accession": "A1", "patient_id": "P1",
        "filed_at": datetime(2024, 6, 3), "report_status": "final",
        "text": "HISTORY: New seizure.\nIMPRESSION: Normal.", "source": "test",
    }  # fmt: skip
    tokenise(filled, asking)
    before = embed(filled, asking)
    assert before.mode == "image+names+indication"
    append(filled, "reports", [with_history])
    curate(filled, Curation(split=Split(test_from=date(2024, 6, 1)), now=datetime(2024, 7, 1)))
    assert "New seizure." in indications_of(filled)["1.2.1"]
    was = {row["study_uid"]: row["feature"] for row in pl.read_parquet(before.studies).to_dicts()}
    after = embed(filled, asking)
    now = {row["study_uid"]: row["feature"] for row in pl.read_parquet(after.studies).to_dicts()}
    assert [uid for uid in was if was[uid] != now[uid]] == ["1.2.1"]
    engine = Engine(load_release(asking), PRECISION, keep_all=True)
    (study,) = [one.read() for one in find_studies(export.folder).studies if one.read().study_uid == "1.2.1"]
    answer = engine.outputs(engine.tokens(engine.prepare(study)), indications_of(filled)["1.2.1"])
    torch.testing.assert_close(torch.tensor(now["1.2.1"]), answer.feature, rtol=0, atol=1e-5)
