"""Reports from files: what a folder holds besides is told apart, and the same report in three carriers counts once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prima.archive.ingest import reports as taking
from prima.archive.ingest.folder import folder_instances
from prima.archive.ingest.reports import ingest_reports
from prima.archive.store.layout import Archive
from prima.archive.store.outcome import ReportIngestOutcome
from prima.archive.store.tables import scan
from prima.errors import ArchiveError
from prima.simulate.plan.cases import cases
from prima.simulate.plan.plan import make_plan
from prima.simulate.reports.carrier_csv import write_csv
from prima.simulate.reports.carrier_fhir import write_fhir
from prima.simulate.reports.carrier_hl7 import write_hl7
from prima.simulate.reports.filed import Filed
from prima.simulate.reports.writers import write_report

NUMBER = 6


def made_up() -> list[Filed]:
    return [
        Filed(case, write_report(case, prior=None, writers="dev"))
        for case in cases(make_plan(num_studies=NUMBER, seed=3))
    ]


@pytest.fixture(scope="module")
def carried(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six reports in each of three carriers."""
    folder = tmp_path_factory.mktemp("reports")
    filed = made_up()
    write_csv(filed, folder)
    write_hl7(filed, folder / "hl7")
    write_fhir(filed, folder / "fhir")
    return folder


def take(archive: Archive, source: Path) -> dict[str, int]:
    files: list[Path] = []
    for _ in folder_instances(source, on_report_file=files.append):
        pass
    return {taken.value: number for taken, number in ingest_reports(archive, files, source).items() if number}


def test_the_same_report_in_three_carriers_counts_once(archive: Archive, carried: Path) -> None:
    # a file a report and a bundle of all in FHIR
    assert take(archive, carried) == {"report_stored": NUMBER, "report_known": 3 * NUMBER}
    rows = scan(archive, "reports").collect()
    assert rows.height == NUMBER
    truth = {filed.case.accession: filed for filed in made_up()}
    for row in rows.rows(named=True):
        case, report = truth[row["accession"]]
        assert (row["study_uid"], row["patient_id"]) == (case.study_uid, case.person.patient_id)
        assert row["filed_at"] == case.visit.reported.replace(microsecond=0)
        assert row["text"] == report.text.strip("\n")


def test_again_is_nothing_new(archive: Archive, carried: Path, contents: Callable[[Archive], Any]) -> None:
    take(archive, carried)
    before = contents(archive)
    assert take(archive, carried) == {"report_known": 4 * NUMBER}
    assert contents(archive) == before


def test_other_files_of_a_folder_are_told_apart_from_broken_reports(archive: Archive, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "deep" / "series.json").write_text('{"EchoTime": 0.1}')
    (source / "people.csv").write_text("name,height\nx,1\n")
    (source / "cut.hl7").write_text("MSH|^~\\&|RIS\rPID|1")
    (source / "some.csv").write_text("accession,report\nA1,No mass.\nA2,\n")
    assert take(archive, source) == {"report_stored": 1, "report_empty": 1, "report_unreadable": 1, "no_report": 2}
    named = {(row["unit"], row["key"], row["reason"]) for row in scan(archive, "exclusions").collect().rows(named=True)}
    assert ("file", "deep/series.json", "no_report") in named
    assert ("file", "people.csv", "no_report") in named
    assert {key.split(":")[0] for _, key, reason in named if reason == "report_unreadable"} == {"cut.hl7"}


def test_a_file_that_is_named_has_to_be_what_it_claims(archive: Archive, tmp_path: Path) -> None:
    path = tmp_path / "series.json"
    path.write_text('{"EchoTime": 0.1}')
    assert take(archive, path) == {"report_unreadable": 1}
    assert ReportIngestOutcome.UNREADABLE.refused
    assert not ReportIngestOutcome.NO_REPORT.refused


def test_dying_between_two_parts_loses_and_doubles_nothing(
    archive: Archive, carried: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "_BATCH", 2)
    real, count = taking.append, 0

    def dies(*arguments: Any) -> None:
        nonlocal count
        count += 1
        if count > 1:
            raise KeyboardInterrupt
        real(*arguments)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(taking, "append", dies)
        take(archive, carried)
    assert 0 < scan(archive, "reports").collect().height < NUMBER
    take(archive, carried)
    assert scan(archive, "reports").collect()["report_id"].n_unique() == NUMBER
    assert scan(archive, "reports").collect().height == NUMBER


def test_a_full_disk_is_said(archive: Archive, carried: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("prima.archive.store.tables.new_file", full)
    with pytest.raises(ArchiveError, match="no space left on its disk"):
        take(archive, carried)
