"""Reports into an archive: what is taken back, added to, told twice, or asked about."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from prima.archive.ingest.folder import folder_instances
from prima.archive.ingest.reports import ingest_reports
from prima.archive.store.layout import Archive
from prima.archive.store.tables import scan

PID = "PID|1||P1^^^UH^MR||DOE^JANE"
Take = Callable[..., dict[str, int]]


@pytest.fixture
def take(archive: Archive, tmp_path: Path) -> Take:
    """Takes files, given as name → content, in a folder of their own."""
    count = 0

    def taken(*, day_first: bool | None = None, **files: str) -> dict[str, int]:
        nonlocal count
        count += 1
        folder = tmp_path / f"source{count}"
        folder.mkdir()
        for name, content in files.items():
            stem, _, suffix = name.rpartition("_")
            (folder / f"{stem}.{suffix}").write_bytes(content.encode())
        found: list[Path] = []
        for _ in folder_instances(folder, on_report_file=found.append):
            pass
        counts = ingest_reports(archive, found, folder, day_first=day_first)
        return {outcome.value: number for outcome, number in counts.items() if number}

    return taken


def oru(text: str, *, status: str = "F", time: str = "20240110150000", accession: str = "A1") -> str:
    order = f"OBR|1|{accession}|{accession}||||{time}|||||||||||{accession}||||{time}||RAD|{status}"
    return f"MSH|^~\\&|RIS||||{time}||ORU^R01|1|P|2.5.1\r{PID}\r{order}\rOBX|1|TX|x||{text}||||||F\r"


def mdm(event: str, text: str, *, time: str = "20240110160000") -> str:
    document = f"TXA|1|RAD|TX|||{time}||||||U1|||A1||LA"
    return f"MSH|^~\\&|RIS||||{time}||MDM^{event}|1|P|2.5.1\r{PID}\r{document}\rOBX|1|TX|x||{text}||||||F\r"


def texts(archive: Archive) -> list[tuple[str, str]]:
    rows = scan(archive, "reports").sort("filed_at", "report_status").collect()
    return list(zip(rows["report_status"], rows["text"], strict=True))


def test_one_report_in_three_carriers_of_unequal_detail(archive: Archive, take: Take) -> None:
    fhir = {
        "resourceType": "DiagnosticReport", "status": "final", "issued": "2024-01-10T14:00:00Z",
        "identifier": [{"value": "A1"}], "conclusion": "No mass.\nOld  infarct.",
    }  # fmt: skip
    assert take(a_csv="accession,findings\nA1,No mass. Old infarct\n") == {"report_stored": 1}
    assert take(a_hl7=oru("FINDINGS: No mass.\\.br\\Old infarct.")) == {"report_known": 1}
    assert take(a_json=json.dumps(fhir)) == {"report_known": 1}
    (row,) = scan(archive, "reports").collect().rows(named=True)
    assert (row["accession"], row["patient_id"], row["names"]) == ("A1", "P1", "DOE^JANE")
    assert take(b_hl7=oru("No mass. Old infarct.", accession="A2")) == {"report_stored": 1}
    assert take(c_hl7=oru("No mass. Old infarct.", status="C")) == {"report_stored": 1}
    assert take(d_hl7=oru("No mass. Old infarct.", time="20240112150000")) == {"report_stored": 1}


def test_statuses_are_named_outcomes(archive: Archive, take: Take) -> None:
    messages = {f"m{index}_hl7": oru("No mass.", status=code) for index, code in enumerate("FPQX")}
    assert take(**messages) == {
        "report_stored": 1, "report_preliminary": 1, "report_unknown_status": 1, "report_cancelled": 1,
    }  # fmt: skip
    assert take(a_csv="acc,status,report\nA,superseded,x\nA,wrong,y\n") == {
        "report_superseded": 1, "report_entered_in_error": 1,
    }  # fmt: skip
    assert ("cancelled", "") in texts(archive)


def test_a_date_is_asked_for_and_then_told(take: Take) -> None:
    table = "accession;report_date;report\nA1;12/11/2024;No mass.\nA1;05/12/2024;A mass.\n"
    assert take(a_csv=table) == {"report_unreadable": 1}
    assert take(a_csv=table, day_first=True) == {"report_stored": 2}


def test_one_bad_file_does_not_stop_the_others(take: Take) -> None:
    bad = '{"resourceType": "DiagnosticReport", "status": 7, "presentedForm": {"data": "%%%"}}'
    outcome = take(a_hl7="MSH|^17150911\rOBX|8|TX\r", b_json=bad, c_csv='report\n"open', z_hl7=oru("No mass."))
    assert outcome["report_stored"] == 1
    assert sum(outcome.values()) == 4


@pytest.mark.parametrize("text", ["<<<<<<", "---", "  \n .", "123"])
def test_a_text_without_a_letter_is_empty(take: Take, text: str) -> None:
    assert take(a_csv=f'acc,report\nA,"{text}"\n') == {"report_empty": 1}
