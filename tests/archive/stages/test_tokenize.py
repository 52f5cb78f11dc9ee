"""The token stage: what lies in the store is what reading and tokenising a study gives, each study once."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from prima.archive.cohort.curate import Curation, curate
from prima.archive.cohort.split import Split
from prima.archive.ingest.folder import folder_instances
from prima.archive.ingest.ingest import ingest_instances
from prima.archive.stages import stored_study
from prima.archive.stages import tokenize as module
from prima.archive.stages.run import StageWorkers
from prima.archive.stages.tokenize import (
    TokenizeResult,
    TokenizeStage,
    tokenize_archive,
    tokens_fingerprint,
    tokens_folder,
)
from prima.archive.store.layout import Archive
from prima.archive.store.tables import append
from prima.cli.main import run
from prima.errors import ArchiveError, ReleaseError
from prima.model.engine.engine import Engine
from prima.model.release.folder import load_release, packaged_release
from prima.model.release.untrained import TINY_SIZES, write_untrained_release
from prima.predict.sources import find_studies
from prima.simulate.negatives import make_negative, plan_negative
from prima.simulate.negatives.files import write_negative
from prima.tokens.precision import choose_precision
from prima.tokens.store import TokenStore

PRECISION = choose_precision("cpu", "float32")
NUM_STUDIES = 7


@pytest.fixture
def filled(archive: Archive, export: Any) -> Archive:
    """Seven studies in a cohort, two of them in the test set."""
    for number in range(1, NUM_STUDIES + 1):
        for series in (1, 2):
            for instance in range(1, 5):
                export.image(
                    f"{number}/{series}/{instance}", study=number, series=series, instance=instance,
                    value=10 * number + series, StudyDate="20240110" if number < 6 else "20240601",
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


def tokenise(archive: Archive, **options: Any) -> TokenizeResult:
    """All series: sixteen pixels are no brain."""
    given = {
        "release": packaged_release(), "precision": PRECISION, "keep_all": True, "workers": StageWorkers(), "size": 3,
    } | options  # fmt: skip
    return tokenize_archive(archive, **given)


def made(archive: Archive) -> dict[str, bytes]:
    """Everything under tokens/, but for the locks."""
    top = archive.root / "tokens"
    paths = [path for path in top.rglob("*") if path.is_file() and path.name != ".lock"]
    return {str(path.relative_to(top)): path.read_bytes() for path in paths}


def rows(done: TokenizeResult) -> pl.DataFrame:
    return pl.read_parquet(done.folder / "tokens.parquet")


def test_the_store_holds_what_reading_and_tokenising_gives(filled: Archive, export: Any) -> None:
    done = tokenise(filled)
    assert (done.tokenised, done.left_out) == (NUM_STUDIES, ())
    store = TokenStore(done.folder)
    assert sorted(store.study_uids) == [f"1.2.{number}" for number in range(1, NUM_STUDIES + 1)]
    release = load_release(packaged_release())
    engine = Engine(release, PRECISION, keep_all=True)
    table = rows(done)
    for source in find_studies(export.folder).studies:
        study = source.read()
        found, own = store.read(study.study_uid), table.filter(study_uid=study.study_uid).sort("place")
        assert found.description == study.description
        assert own["series_uid"].to_list() == [series.series_uid for series in study.series]
        assert own["num_tokens"].to_list() == [series.num_tokens for series in found.series]
        for tokens, expected in zip(found.series, engine.tokens(engine.prepare(study)).series, strict=True):
            assert torch.equal(tokens.latents, expected.latents)
            assert torch.equal(tokens.coordinates, expected.coordinates)
            assert (tokens.name, tokens.plane) == (expected.name, expected.plane)
    assert done.num_tokens == store.num_tokens == table["num_tokens"].sum()
    assert json.loads(store.facts["contract"]) == release.manifest.contract.to_json()


def test_again_is_nothing_new_and_new_instances_are_seen(
    filled: Archive, export: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenise(filled)
    before = made(filled)
    read: list[str] = []
    monkeypatch.setattr(module, "_tokenise", noted(module._tokenise, read))
    tokenise(filled)
    assert read == []
    assert made(filled) == before
    for instance in range(1, 5):
        export.image(f"4/3/{instance}", study=4, series=3, instance=instance, value=500)
    fill(filled, export)
    done = tokenise(filled)
    assert read == ["1.2.4", "1.2.5", "1.2.6"]
    assert rows(done).filter(study_uid="1.2.4").height == 3
    assert len(TokenStore(done.folder).read("1.2.4").series) == 3


def noted(function: Callable[..., Any], into: list[str]) -> Callable[..., Any]:
    def noting(archive: Archive, study_uid: str, *more: Any) -> Any:
        into.append(study_uid)
        return function(archive, study_uid, *more)

    return noting


def test_a_side_of_the_split_at_a_time(filled: Archive) -> None:
    assert tokenise(filled, splits=["test"]).tokenised == 2
    first = made(filled)
    done = tokenise(filled)
    assert done.tokenised == NUM_STUDIES
    assert made(filled).items() >= {item for item in first.items() if item[0].endswith(".tokens")}


def test_bad_studies_stop_nobody(filled: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in filled.instances("1.2.2"):
        os.truncate(path, 140)
    for path in filled.instances("1.2.3"):
        path.unlink()
    for path in filled.instances("1.2.4"):
        os.truncate(path, path.stat().st_size - 20)  # headers whole, pixels not
    wanting = stored_study.read_dicom_study

    def read(study: Any, **options: Any) -> Any:
        if study.study_uid == "1.2.5":
            raise MemoryError
        if study.study_uid == "1.2.6":
            raise ZeroDivisionError
        return wanting(study, **options)

    monkeypatch.setattr(stored_study, "read_dicom_study", read)
    done = tokenise(filled)
    assert dict(done.left_out) == {
        "1.2.2": "unreadable",
        "1.2.3": "no_instances",
        "1.2.4": "no_usable_series",
        "1.2.5": "out_of_memory",
        "1.2.6": "unforeseen",
    }
    assert set(TokenStore(done.folder).study_uids) == {"1.2.1", "1.2.7"}
    assert rows(done)["study_uid"].n_unique() == NUM_STUDIES
    assert set(rows(done).filter(study_uid="1.2.4")["reason"]) == {"unreadable"}
    monkeypatch.undo()
    assert {uid for uid, _ in tokenise(filled, retry=True).left_out} == {"1.2.2", "1.2.3", "1.2.4"}


def test_another_tokenizer_writes_beside_one_of_another_name_does_not(filled: Archive, tmp_path: Path) -> None:
    first = tokenise(filled)
    other = write_untrained_release(tmp_path / "other", TINY_SIZES, name="other", seed=5)
    second = tokenise(filled, release=other)
    assert first.folder != second.folder
    assert TokenStore(second.folder).facts["release"] == "other"
    assert not torch.equal(
        TokenStore(first.folder).read("1.2.1").series[0].latents,
        TokenStore(second.folder).read("1.2.1").series[0].latents,
    )
    renamed = write_untrained_release(tmp_path / "renamed", TINY_SIZES, name="renamed", seed=5)
    assert tokenise(filled, release=renamed).folder == second.folder
    assert tokenise(filled, precision=choose_precision("cpu", "bfloat16")).folder != first.folder


def test_the_gate_judges_series_unless_all_are_kept(archive: Archive, tmp_path: Path) -> None:
    plans = (plan_negative(9001, index) for index in range(3000))
    orange = next(plan for plan in plans if plan.subkind == "orange" and plan.labelled == "brain")
    write_negative(make_negative(replace(orange, roles=orange.roles[:1], words=orange.words[:1])), tmp_path / "orange")
    ingest_instances(archive, folder_instances(tmp_path / "orange"), "export")
    (study,) = archive.study_uids()
    report = {
        "report_id": "R1", "study_uid": study, "accession": "A1", "patient_id": f"N9001-{orange.index}",
        "report_status": "final", "filed_at": datetime(2024, 12, 1), "text": "IMPRESSION: Normal.", "source": "test",
    }  # fmt: skip
    append(archive, "reports", [report])
    curate(archive, Curation(split=Split(test_from=date(2026, 1, 1)), min_series=1, now=datetime(2024, 12, 2)))
    gated = tokenise(archive, keep_all=False)
    assert gated.left_out == ((study, "no_usable_series"),)
    (row,) = rows(gated).iter_rows(named=True)
    assert (row["status"], row["reason"], row["series_uid"] is not None) == ("excluded", "not_brain", True)
    assert row["detail"].startswith("looks like ")
    everything = tokenise(archive)
    assert (everything.tokenised, everything.folder) == (1, gated.folder)
    assert tokenise(archive, keep_all=False).left_out == ((study, "no_usable_series"),)
    assert rows(gated)["status"].to_list() == ["excluded"]


def test_a_worker_with_another_release_stops(filled: Archive, tmp_path: Path) -> None:
    stage = TokenizeStage(archive=filled.root, release=packaged_release(), fingerprint="0" * 64, precision=PRECISION)
    with pytest.raises(ReleaseError, match="another one here"):
        stage.make(iter(["1.2.1"]), (), tmp_path)


def test_a_full_disk_is_one_line_and_the_next_run_goes_on(filled: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = module.write_shard
    calls = 0

    def full(*arguments: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        whole(*arguments)

    monkeypatch.setattr(module, "write_shard", full)
    with pytest.raises(ArchiveError, match="no space left"):
        tokenise(filled)
    manifest = load_release(packaged_release()).manifest
    assert len(TokenStore(tokens_folder(filled, tokens_fingerprint(manifest, PRECISION)))) == 3
    calls = 5
    assert tokenise(filled).tokenised == NUM_STUDIES


def test_without_a_cohort(archive: Archive, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tokenize", str(archive.root)]) == 3
    assert "run prima curate first" in capsys.readouterr().err


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "prima", *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("more", [["--workers", "2"], ["--workers", "2", "--ray", "local"]], ids=["processes", "ray"])
def test_the_same_bytes_whoever_does_the_work(filled: Archive, more: Sequence[str]) -> None:
    if "--ray" in more:
        pytest.importorskip("ray")
    here = tokenise(filled)
    expected = made(filled)
    here.folder.rename(filled.root / "elsewhere")
    done = command(
        "tokenize", str(filled.root), "--keep-all", "--dtype", "float32", "--per-shard", "3", "--json", *more
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["tokenised"], told["num_tokens"]) == (NUM_STUDIES, here.num_tokens)
    assert done.stderr.strip() == ""
    assert made(filled) == expected
