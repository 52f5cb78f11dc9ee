"""`prima ingest` from Orthanc, killed half-way and run again: nothing lost, nothing doubled, the same pixels."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from pathlib import Path

import pydicom
import pytest

from .conftest import Orthanc
from .test_pull import pixels


def command(way: str, orthanc: Orthanc, archive: Path, *more: str) -> list[str]:
    start = [sys.executable, "-m", "prima", "ingest"]
    if way == "dicomweb":
        return [*start, orthanc.web, str(archive), *more]
    pacs = f"pacs://ORTHANC@127.0.0.1:{orthanc.dicom_port}"
    options = ["--port", str(orthanc.our_port), *(["--c-get"] if way == "get" else [])]
    return [*start, pacs, str(archive), *options, *more]


@pytest.mark.parametrize("way", ["move", "get", "dicomweb"])
def test_killed_half_way_it_resumes(way: str, orthanc: Orthanc, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    process = subprocess.Popen(
        command(way, orthanc, archive, "--pace", "12"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    arrived = archive / ("spool" if way != "dicomweb" else "incoming")
    while len(list(arrived.glob("*.dcm"))) < 5 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    assert process.poll() is None
    process.kill()
    process.wait()
    first = {path.stem for path in archive.glob("instances/*/*/*/*.dcm")}
    again = subprocess.run(command(way, orthanc, archive), capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    found = {path.stem: path.read_bytes() for path in archive.glob("instances/*/*/*/*.dcm")}
    assert set(first) < set(found)
    expected = set.union(*(one for number, one in enumerate(orthanc.studies().values()) if number != 3))
    assert set(found) == expected
    assert all(pixels(found[uid]) == pixels(orthanc.files[uid]) for uid in found)
    assert not list(archive.glob("conflicts/**/*.dcm"))
    third = subprocess.run(command(way, orthanc, archive, "--json"), capture_output=True, text=True, check=False)
    assert third.returncode == 0
    assert not any(json.loads(third.stdout).values()), "everything is here: nothing is fetched again"


def test_no_patient_in_what_is_printed(orthanc: Orthanc, tmp_path: Path) -> None:
    done = subprocess.run(command("move", orthanc, tmp_path / "a"), capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    for content in orthanc.files.values():
        data = pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True)
        for value in (str(data.PatientName), data.PatientID, data.AccessionNumber):
            assert f" {value} " not in said and f"{value}\n" not in said


def test_a_pacs_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "prima", "ingest", "pacs://NOBODY@127.0.0.1:1", str(tmp_path / "a")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "check that it runs there" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pacs://x"], "expected pacs://AETITLE@host:port"),
        (["pacs://A@h:1", "--from", "2024-03-02", "--to", "2024-03-01"], "expected the same or a later one"),
    ],
)
def test_wrong_usage(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "prima", "ingest", arguments[0], str(tmp_path / "a"), *arguments[1:]],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert said in done.stderr
