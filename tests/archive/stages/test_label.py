"""Labels of an archive: every matched report is read once, and the tables say what the labeller said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

import polars as pl
import pytest

from prima.archive.ingest.reports import take_reports
from prima.archive.stages.label import LabellingMethod, label_archive
from prima.archive.stages.run import StageWorkers
from prima.archive.store.layout import Archive
from prima.archive.store.writing import ingesting
from prima.report.label import RuleLabeller
from prima.report.labels import Failure, Labels
from prima.study.ontology import DIAGNOSIS_NAMES, SERVICES

HERE = StageWorkers(processes=0)
LATER = datetime(2024, 1, 10, 20)


def reading(**options: Any) -> LabellingMethod:
    return LabellingMethod(**{"version": RuleLabeller().version, "open": RuleLabeller, **options})


class Moody:
    """Fails on every text that begins with a denial."""

    version = "moody 1"
    asked: list[str] = []  # noqa: RUF012 - shared on purpose, to see what was asked

    def label_all(self, texts: Iterable[str]) -> Iterator[Labels | Failure]:
        for text in texts:
            self.asked.append(text)
            if text.startswith("No "):
                yield Failure(reason="refused")
            else:
                yield Labels(labels={}, labeller=self.version, priority="high", referrals=("epilepsy",))


@pytest.fixture
def read(archive: Archive, export: Any, said: Callable[..., Any]) -> Archive:
    """Three studies with a report, one of them corrected, and one without."""
    from prima.archive.ingest.folder import folder_instances
    from prima.archive.ingest.ingest import ingest_instances

    for number in (1, 2, 3, 4):
        export.study(number, num_series=1, PatientAge="070Y")
    ingest_instances(archive, folder_instances(export.folder), "export")
    with ingesting(archive):
        take_reports(
            archive,
            [
                said(accession="A1", text="Left frontal meningioma. No acute infarct."),
                said(accession="A2", text="Old report with glioblastoma."),
                said(
                    accession="A2",
                    text="Normal brain.",
                    report_status="corrected",
                    filed_at=said().filed_at.replace(hour=20),
                ),
                said(accession="A3", text="No mass. Acute infarct of the left MCA territory."),
            ],
            "ris",
        )
    return archive


def tables(archive: Archive) -> dict[str, list[dict[str, Any]]]:
    places = {"labels": "labels/labels", "studies": "labels/studies", "reports": "reports/reports"}
    return {name: pl.read_parquet(archive.root / f"{place}.parquet").rows(named=True) for name, place in places.items()}


def test_the_report_that_counts_is_labelled_with_its_evidence(read: Archive) -> None:
    done = label_archive(read, reading(), workers=HERE)
    assert (done.labelled, done.failed) == (3, ())
    found = tables(read)
    said = {(row["study_uid"], row["diagnosis"], row["assertion"]): row for row in found["labels"]}
    assert ("1.2.1", "tumor_adult_meningioma", "present") in said
    assert ("1.2.3", "vascular_ischemic_large_vessel_stroke", "present") in said
    assert not [key for key in said if key[0] == "1.2.2" and key[2] == "present"]
    row = said["1.2.1", "tumor_adult_meningioma", "present"]
    text = "Left frontal meningioma. No acute infarct."
    assert text[row["start"] : row["end"]] == row["evidence"]
    assert row["labeller"] == RuleLabeller().version
    assert found["reports"][0] == {"study_uid": "1.2.1", "findings": ["Left frontal meningioma."]}
    assert [row["study_uid"] for row in found["reports"]] == ["1.2.1", "1.2.2", "1.2.3"]


def test_priority_and_referrals_follow_the_rule_and_every_column_is_there(read: Archive) -> None:
    label_archive(read, reading(), workers=HERE)
    studies = {row["study_uid"]: row for row in tables(read)["studies"]}
    assert studies["1.2.3"]["priority"] == "high"
    assert studies["1.2.3"]["referral_stroke_neurology"] is True
    assert studies["1.2.2"]["priority"] == "none"
    for row in studies.values():
        assert {*DIAGNOSIS_NAMES, *(f"referral_{service.name}" for service in SERVICES)} <= set(row)
        assert None not in row.values()


def test_a_labeller_may_decide_itself_and_may_fail(read: Archive) -> None:
    Moody.asked.clear()
    moody = reading(version=Moody.version, open=Moody)
    done = label_archive(read, moody, workers=HERE)
    assert (done.labelled, done.failed) == (2, (("1.2.3", "refused"),))
    studies = {row["study_uid"]: row for row in tables(read)["studies"]}
    assert {row["priority"] for row in studies.values()} == {"high"}
    label_archive(read, moody, workers=HERE)
    assert len(Moody.asked) == 3  # nothing is asked twice
    label_archive(read, moody, workers=HERE, retry=True)
    assert len(Moody.asked) > 3


def test_a_new_report_is_labelled_anew_and_the_others_are_not(read: Archive, said: Callable[..., Any]) -> None:
    Moody.asked.clear()
    moody = reading(version=Moody.version, open=Moody)
    label_archive(read, moody, workers=HERE, size=1)
    later = said(
        accession="A1", text="Corrected.", report_status="corrected", filed_at=said().filed_at.replace(hour=20)
    )
    with ingesting(read):
        take_reports(read, [later], "ris")
    before = len(Moody.asked)
    label_archive(read, moody, workers=HERE, size=1)
    assert Moody.asked[before:] == ["Corrected."]


def test_several_processes_give_the_same_tables(read: Archive) -> None:
    label_archive(read, reading(), workers=HERE, size=1)
    one = tables(read)
    for path in (read.root / "labels").rglob("*.parquet"):
        path.unlink()
    label_archive(read, reading(), workers=StageWorkers(processes=2), size=1)
    assert tables(read) == one
