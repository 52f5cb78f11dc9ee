"""`prima ingest`, `prima curate` and `prima archive info`: statuses, what goes to stdout, one line for each mistake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prima.cli.main import run
from prima.simulate.phantom.write import write_phantom_study


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A folder with one study."""
    write_phantom_study(tmp_path / "export" / "study")
    return tmp_path / "export"


def test_from_a_folder_to_a_cohort(export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = str(tmp_path / "archive")
    assert run(["ingest", str(export), archive, "--json"]) == 0
    counts = json.loads(capsys.readouterr().out)
    assert counts["stored"] == len(list(export.rglob("*.dcm")))
    assert run(["ingest", str(export), archive]) == 0
    assert "not read again" in capsys.readouterr().out
    assert run(["ingest", str(export), archive, "--reread"]) == 0
    assert "stored before" in capsys.readouterr().out
    assert run(["curate", archive, "--test-from", "2024-01-01", "--json"]) == 0
    flow = json.loads(capsys.readouterr().out)
    assert (flow["total"], flow["steps"][2]["removed"]) == (1, {"study_without_report": 1})
    (tmp_path / "reports.csv").write_text("studyuid,report\n" + _study_uid(tmp_path) + ",Acute right MCA infarct.\n")
    assert run(["ingest", str(tmp_path / "reports.csv"), archive]) == 0
    capsys.readouterr()
    assert run(["label", archive, "--json"]) == 0
    counts = json.loads(capsys.readouterr().out)
    assert (counts["labelled"], counts["present"]) == (1, {"vascular_ischemic_large_vessel_stroke": 1})
    page = tmp_path / "info.html"
    assert run(["archive", "info", archive, "--html", str(page), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["totals"]["studies"] == 1
    assert "<svg" in page.read_text()
    assert run(["archive", "info", archive]) == 0
    assert "usable series" in capsys.readouterr().out


def _study_uid(tmp_path: Path) -> str:
    (folder,) = (tmp_path / "archive" / "instances").glob("*/*")
    return folder.name


def test_something_refused_is_status_1_and_on_stderr(
    export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (export / "broken.dcm").write_bytes(b"not dicom")
    assert run(["ingest", str(export), str(tmp_path / "archive")]) == 1
    output = capsys.readouterr()
    assert "1  DICOM that cannot be read" in output.err
    assert "stored" in output.out


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (["ingest", "EXPORT"], 2, "found none, expected a folder, a file or a server"),
        (["ingest", "nowhere", "NEW"], 2, "nowhere"),
        (["ingest", "EXPORT", "EXPORT"], 3, "files of something else"),
        (["curate", "EXPORT"], 3, "found no archive.json"),
        (["curate", "ARCHIVE", "--test-until", "2024-01-01"], 2, "--test-until"),
        (["curate", "ARCHIVE", "--validation", "1"], 2, "--validation: found 1"),
        (["curate", "ARCHIVE", "--require", "smell"], 2, "--require: found smell"),
        (["curate", "ARCHIVE", "--test-from", "soon"], 2, "soon"),
        (["archive", "info", "EXPORT"], 3, "found no archive.json"),
        (["label", "EXPORT"], 3, "found no archive.json"),
        (["label"], 2, "either ARCHIVE or --text"),
        (["label", "ARCHIVE", "--ask-triage"], 2, "--ask-triage belongs to --llm"),
        (["label", "--text", "x", "--retry"], 2, "belong to ARCHIVE"),
        (["label", "ARCHIVE", "--triage", "nowhere.toml"], 2, "nowhere.toml"),
    ],
)
def test_mistakes_are_one_line(
    words: list[str], status: int, says: str, export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    (archive / "archive.json").write_text(json.dumps({"format": "openprima-archive", "version": 1}))
    names = {"EXPORT": str(export), "ARCHIVE": str(archive), "NEW": str(tmp_path / "new")}
    assert run([names.get(word, word) for word in words]) == status
    output = capsys.readouterr()
    assert says in output.err
    assert "Traceback" not in output.err
    assert not (tmp_path / "new").exists()
