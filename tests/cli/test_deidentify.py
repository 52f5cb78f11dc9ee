"""`prima deidentify`: statuses, lists for the site, and a run that is killed and resumes."""

from __future__ import annotations

import csv
import json
import os
import random
import stat
import subprocess
import sys
import time
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file

from prima.cli.main import NOTHING_DONE, USAGE, run

NUM_FILES = 120


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A patient with three studies of a few small images, and two files that are no images."""
    folder = tmp_path_factory.mktemp("pacs") / "DOE_JANE"
    folder.mkdir()
    dataset = pydicom.dcmread(str(get_testdata_file("MR_small.dcm", download=False)))
    dataset.PatientName, dataset.PatientID, dataset.AccessionNumber = "DOE^JANE", "CANARY77", "CANARYACC"
    for number in range(NUM_FILES):
        dataset.StudyInstanceUID = f"1.2.3.{number % 3}"
        dataset.SeriesInstanceUID = f"1.2.3.{number % 3}.1"
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number % 3}.1.{number}"
        dataset.save_as(folder / f"DOE_{number}.dcm")
    (folder / "notes.txt").write_text("Jane Doe")
    return folder


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "site.key"
    path.write_text("a key for tests only")
    path.chmod(0o600)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.dcm"))}


def test_a_folder_becomes_a_folder_of_new_uids(
    study: Path, key: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, keep_map = tmp_path / "out", tmp_path / "map.csv"
    assert run(["deidentify", str(study), str(out), "--key", str(key), "--keep-map", str(keep_map), "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == {"written": NUM_FILES, "unchanged": 0, "refused": 0, "other": 1, "reasons": []}
    everything = b"".join(contents(out).values()) + " ".join(contents(out)).encode() + said.err.encode()
    assert not [word for word in (b"CANARY", b"DOE", b"JANE", b"a key for") if word in everything]
    assert all(part.removesuffix(".dcm").startswith("2.25.") for name in contents(out) for part in Path(name).parts)
    assert stat.S_IMODE(keep_map.stat().st_mode) == 0o600
    rows = list(csv.DictReader(keep_map.read_text().splitlines()))
    assert {row["kind"] for row in rows} == {"patient", "days_back", "study", "series", "accession"}
    assert sum(row["kind"] == "study" for row in rows) == 3
    assert run(["deidentify", str(study), str(tmp_path / "two"), "--key", str(key), "--workers", "2"]) == 0
    assert contents(tmp_path / "two") == contents(out)
    capsys.readouterr()
    before = contents(out)
    assert run(["deidentify", str(study), str(out), "--key", str(key)]) == 0
    assert capsys.readouterr().out == f"0 written, {NUM_FILES} unchanged, 0 refused, 1 other\n"
    assert contents(out) == before


def test_another_key_or_option_does_not_mix(
    study: Path, key: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(["deidentify", str(study), str(out), "--key", str(key)]) == 0
    assert run(["deidentify", str(study), str(out), "--key", str(key), "--keep", "patient"]) == USAGE
    key.write_text("another key of the site")
    assert run(["deidentify", str(study), str(out), "--key", str(key)]) == USAGE
    assert "begun with another key" in capsys.readouterr().err


def test_refused_files_are_counted_on_screen_and_named_for_the_site(
    study: Path, key: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "in"
    source.mkdir()
    dataset = pydicom.dcmread(study / "DOE_0.dcm")
    dataset.save_as(source / "good.dcm")
    dataset.SeriesDescription = "AX T1"
    dataset.save_as(source / "same_uid.dcm")
    dataset.SOPInstanceUID, dataset.BurnedInAnnotation = "1.2.9", "YES"
    dataset.save_as(source / "DOE_burned.dcm")
    (source / "broken.dcm").write_bytes(b"no DICOM")
    listed = tmp_path / "refused.csv"
    status = run(["deidentify", str(source), str(tmp_path / "out"), "--key", str(key), "--refused", str(listed)])
    assert status == 1
    said = capsys.readouterr()
    assert "1 written, 0 unchanged, 3 refused" in said.out
    assert "DOE" not in said.err and "burned_in: BurnedInAnnotation is YES" in said.err
    rows = {Path(row["path"]).name: row["reason"] for row in csv.DictReader(listed.read_text().splitlines())}
    assert rows == {"DOE_burned.dcm": "burned_in", "broken.dcm": "unreadable", "same_uid.dcm": "conflict"}


def test_wrong_use(study: Path, key: Path, tmp_path: Path) -> None:
    assert run(["deidentify", str(tmp_path / "none"), str(tmp_path / "out"), "--key", str(key)]) == USAGE
    assert run(["deidentify", str(study), str(tmp_path / "out"), "--key", str(tmp_path / "no.key")]) == USAGE
    assert run(["deidentify", str(study), str(study / "inside"), "--key", str(key)]) == USAGE
    assert run(["deidentify", str(study), str(tmp_path / "out"), "--key", str(key), "--make-key"]) == USAGE
    assert run(["deidentify", str(study), "--key", str(key), "--preview", "--show-values"]) == USAGE
    empty = tmp_path / "empty"
    empty.mkdir()
    assert run(["deidentify", str(empty), str(tmp_path / "out"), "--key", str(key)]) == NOTHING_DONE


def test_a_key_is_made_for_its_owner_only(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = tmp_path / "new.key"
    assert run(["deidentify", str(study), str(tmp_path / "out"), "--key", str(made), "--make-key"]) == 0
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    said = capsys.readouterr()
    assert made.read_text().strip() not in said.out + said.err


def test_preview_writes_nothing_and_shows_no_value(study: Path, key: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(study.rglob("*"))
    assert run(["deidentify", str(study), "--key", str(key), "--preview"]) == 0
    said = capsys.readouterr().out
    assert "PatientName" in said and "StudyDate" in said
    assert "DOE" not in said and "CANARY" not in said
    assert sorted(study.rglob("*")) == before


def num_written(folder: Path) -> int:
    """Files under their final names; a folder or name may go while it is looked at (`rglob` would raise)."""
    return sum(name.endswith(".dcm") for _, _, names in os.walk(folder) for name in names)


def test_a_killed_run_goes_on_with_nothing_lost_or_half(study: Path, key: Path, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert run(["deidentify", str(study), str(whole), "--key", str(key)]) == 0
    code = f"from prima.cli.main import run; run(['deidentify', {str(study)!r}, {str(out)!r}, '--key', {str(key)!r}])"
    wanted, moment = contents(whole), random.Random(4)
    for num_before in (1, moment.randrange(2, 60), moment.randrange(60, NUM_FILES)):
        with subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as child:
            deadline = time.monotonic() + 60
            while num_written(out) < num_before and child.poll() is None and time.monotonic() < deadline:
                time.sleep(0.002)
            child.kill()
        there = contents(out)
        assert all(wanted[name] == content for name, content in there.items())
    assert run(["deidentify", str(study), str(out), "--key", str(key)]) == 0
    assert contents(out) == wanted
    assert not list(out.rglob("*.unfinished"))


def test_no_canary_is_left_of_an_archive(tmp_path: Path) -> None:
    """The benchmark in small: it fails when a canary is left, and when it finds none in what it planted."""
    script = Path(__file__).parents[2] / "benchmarks" / "canaries.py"
    command = [sys.executable, str(script), "--patients", "3", "--files", "8", "--folder", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "24 files written, 0 refused, 15 reports" in done.stdout
