"""`prima label --text` as a process: JSONL in, JSONL out and nothing else there, bad lines named."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from prima.cli.main import run
from prima.study.ontology import DIAGNOSIS_NAMES


def prima(*words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "prima", *words]
    return subprocess.run(command, input=given, capture_output=True, check=False)


def lines(*reports: object) -> bytes:
    return "\n".join(json.dumps(report) for report in reports).encode()


def test_labels_from_stdin() -> None:
    given = lines({"id": "a", "text": "No infarct. Meningioma."}, {"id": 7, "text": "Mother had glioblastoma."})
    done = prima("label", "--text", "-", given=given)
    assert (done.returncode, done.stderr) == (0, b"labelled 2 reports\n")
    one, other = (json.loads(line) for line in done.stdout.splitlines())
    assert one == {
        "id": "a",
        "labels": {
            "tumor_adult_meningioma": {"assertion": "present", "evidence": "Meningioma"},
            "vascular_ischemic_large_vessel_stroke": {"assertion": "absent", "evidence": "infarct"},
        },
    }
    assert set(one["labels"]) <= set(DIAGNOSIS_NAMES)
    assert other == {"id": 7, "labels": {}}


def test_bad_lines_are_named_and_the_others_labelled(tmp_path: Path) -> None:
    path = tmp_path / "reports.jsonl"
    bad = [
        b"{",
        b"[]",
        b'{"text": "x"}',
        b'{"id": "x"}',
        b'{"id": "x", "text": null}',
        b'{"id": true, "text": ""}',
        b"\xff",
    ]
    path.write_bytes(b"\n".join([b'\xef\xbb\xbf{"id": "a", "text": "AVM."}', b"", *bad, b'{"id": "b", "text": ""}']))
    done = prima("label", "--text", str(path))
    assert done.returncode == 1
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == ["a", "b"]
    said = done.stderr.decode().splitlines()
    assert [line.split(":")[0] for line in said[:-1]] == [f"line {number}" for number in range(3, 10)]
    assert said[-1] == "labelled 2 reports; 7 refused"


def test_nothing_but_bad_lines_is_nothing_done() -> None:
    done = prima("label", "--text", "-", given=b"{\n")
    assert (done.returncode, done.stdout) == (3, b"")


def test_no_identifier_or_text_on_stderr() -> None:
    given = b'{"id": "MRN12345", "text": 5}\n{"id": "MRN12345", "text": "secret\n'
    done = prima("label", "--text", "-", given=given)
    assert b"MRN12345" not in done.stderr
    assert b"secret" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["label"],
        ["label", "--text", "-", "--model", "m"],
        ["label", "--text", "-", "--llm", "http://127.0.0.1:1/v1"],
        ["label", "--text", "-", "--llm", "http://8.8.8.8/v1", "--model", "m"],
        ["label", "--text", "-", "--llm", "nonsense", "--model", "m"],
        ["label", "--text", "-", "--price", "cheap"],
    ],
)
def test_wrong_usage(words: list[str]) -> None:
    assert run(words) == 2


def test_a_file_that_is_not_there() -> None:
    assert run(["label", "--text", "nowhere.jsonl"]) == 3


def test_importing_the_labeller_brings_no_torch() -> None:
    code = "import prima.report.label, prima.report.labelled, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
