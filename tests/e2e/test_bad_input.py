"""Bad input through the real command: one clear line each, the right exit status, and the good study unharmed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from prima.model.release.folder import packaged_release

# Inputs that give no study, and what is said of them.
FAILED = {
    "empty": "found no DICOM or NIfTI image; give the folder of a study",
    "text": "found no DICOM or NIfTI image, only 3 files of other kinds; give the folder of a study",
    "missing": "cannot be read: No such file or directory",
    "closed": "not permitted: this user may not read it",
    "link-to-itself": "cannot be read: Too many levels of symbolic links",
    "random": "4 files could not be read (named like a DICOM file and is none)",
    "deep": "1 file could not be read (sequences are nested too deeply)",
    "pipe": "a pipe, socket or device: not read",
}
# Inputs that hold a study which is refused, and the reason.
REFUSED = {
    "truncated": "could not be read: truncated: found",
    "truncated-header": "could not be read: no pixel data: the file ends before them",
    "no-pixels": "could not be read: the pixel data are empty",
    "one-slice": "too few slices: 1 slice, fewer than 4",
    "wrong-rows": "could not be read: 300 x 256",
    "huge-matrix": "could not be read: 65535 x 65535",
    "nan-position": "position in the patient is missing",
    "nan-affine": "position in the patient is missing: neither sform nor qform gives a usable affine",
    "four-d": "4D data, 5 time points or directions",
    "nan-voxels": "voxels are not finite numbers",
    "cut-nifti": "truncated",
    "claims-40-gb": "too large: the header claims",
    "inflates": "too large: the header claims",
    "black": "could not be read: no image: every voxel has the same value",
}
# Odd inputs that are studies all the same.
DONE = ("patient-id-dots", "study-uid-dots", "script", "link-loop", "one-deep-of-eight", "closed-file")


@pytest.fixture(scope="session")
def validate() -> Callable[[dict[str, Any]], None]:
    schema = json.loads(resources.files("prima.study").joinpath("findings.schema.json").read_text("utf-8"))
    return jsonschema.Draft202012Validator(schema).validate


def without_timings(findings: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in findings.items() if key != "timings_s"}


def test_good_study_alone(alone) -> None:
    assert alone.ended.status == 0
    assert alone.ended.err == ""
    (findings,) = alone.findings().values()
    assert findings["study"]["num_series_used"] == 3


def test_good_study_amid_bad_ones_is_unharmed(alone, together) -> None:
    ((uid, expected),) = alone.findings().items()
    assert without_timings(together.findings()[uid]) == without_timings(expected)


def test_done_with_some_refused_is_status_1(together) -> None:
    assert together.ended.status == 1
    assert (
        together.ended.err.splitlines()[-1] == f"{1 + len(DONE)} done, {len(REFUSED)} refused, {len(FAILED) + 4} failed"
    )


def test_no_traceback_and_nothing_foreign(together) -> None:
    """Every line is one of ours: no traceback, no warning of a library."""
    for line in together.ended.err.splitlines()[:-1]:
        assert line.startswith(("refused  ", "failed   ")), line
    for line in together.ended.out.splitlines():
        assert line.startswith("done     "), line
    assert "foresaw" not in together.ended.err


@pytest.mark.parametrize("name", FAILED)
def test_input_that_gives_no_study(together, name) -> None:
    line = together.line(name)
    assert line.startswith(f"failed   {together.inputs / name}: {FAILED[name]}"), line


@pytest.mark.parametrize("name", REFUSED)
def test_study_that_is_refused(together, validate, name) -> None:
    line = together.line(name)
    assert line.startswith(f"refused  {together.inputs / name}: no series can be used (1 "), line
    assert REFUSED[name] in line
    findings = together.findings_of(name)
    validate(findings)
    assert findings["status"] == "refused"
    assert findings["reason"] in line
    assert findings["diagnoses"] == findings["referrals"] == []
    assert findings["priority"] is None
    assert all(one["status"] == "excluded" and one["reason"] for one in findings["series"])


@pytest.mark.parametrize("name", DONE)
def test_odd_study_that_can_be_read(together, validate, name) -> None:
    findings = together.findings_of(name)
    validate(findings)
    assert findings["status"] == "done"
    assert findings["study"]["num_series_used"] == 1


def test_study_given_twice_is_named_the_second_time(good, together) -> None:
    assert "was given before in this call" in together.ended.line_of(good)


@pytest.mark.parametrize(
    ("name", "trouble"),
    [
        ("one-deep-of-eight", "sequences are nested too deeply"),
        ("closed-file", "not permitted: this user may not read it"),
    ],
)
def test_lost_slice_is_said_on_the_terminal_and_in_the_results(together, name, trouble) -> None:
    line = together.line(name)
    assert line == f"failed   {together.inputs / name}: 1 file could not be read ({trouble})"
    findings = together.findings_of(name)
    assert f"of the same input, 1 file could not be read ({trouble})" in findings["study"]["notes"]
    assert findings["series"][0]["num_slices"] == 7


def test_escape_sequence_of_a_path_does_not_reach_the_terminal(together) -> None:
    assert "\x1b" not in together.ended.err + together.ended.out
    assert f"failed   {together.inputs}/escape [2J: " in together.ended.err


def test_no_text_of_the_patient_anywhere(together, secrets) -> None:
    texts = {"stdout": together.ended.out, "stderr": together.ended.err}
    for path in together.out.parent.rglob("*"):
        texts[f"the name {path}"] = str(path.relative_to(together.out.parent))
        if path.is_file():
            texts[str(path)] = path.read_text("utf-8")
    for place, text in texts.items():
        assert [secret for secret in secrets if secret in text.lower()] == [], place


def test_every_result_lies_below_out_in_a_folder_named_by_a_uid(together) -> None:
    assert list(together.out.parent.iterdir()) == [together.out]
    assert not list(together.out.parents[1].glob("**/escaped"))
    assert (together.out / "index.html").is_file()
    for folder in (path for path in together.out.iterdir() if path.name != "index.html"):
        assert all(part.isdecimal() for part in folder.name.split(".")), folder
        assert sorted(path.name for path in folder.iterdir()) == ["findings.json", "report.html"]


def test_every_findings_file_follows_the_schema(together, validate) -> None:
    assert len(together.findings()) == 1 + len(DONE) + len(REFUSED)
    for findings in together.findings().values():
        validate(findings)


def test_nothing_could_be_done_is_status_3(command, inputs, tmp_path) -> None:
    ended = command("predict", inputs / "empty", inputs / "one-slice", "--out", tmp_path / "out")
    assert ended.status == 3
    assert ended.out == ""
    assert len(ended.err.splitlines()) == 3


def test_flipped_bit_of_a_release_names_the_file(command, good, tmp_path) -> None:
    release = tmp_path / "release"
    shutil.copytree(packaged_release(), release)
    path = release / "vision.safetensors"
    data = bytearray(path.read_bytes())
    data[-1000] ^= 4
    path.write_bytes(data)
    ended = command("predict", good, "--out", tmp_path / "out", "--release", release, "--verify")
    assert ended.status == 3
    (line,) = ended.err.splitlines()
    assert line.startswith(f"prima: release {release}: vision.safetensors: found sha256 ")
    assert line.endswith("; restore it or convert it again")
    assert not (tmp_path / "out").exists()


def test_release_that_is_none(command, good, tmp_path) -> None:
    ended = command("predict", good, "--out", tmp_path / "out", "--release", tmp_path)
    assert ended.status == 3
    (line,) = ended.err.splitlines()
    assert line.startswith(f"prima: {tmp_path}: found no readable release.json, expected a release folder")


def test_out_that_cannot_be_written(command, good, tmp_path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    out = tmp_path / "closed" / "below"
    ended = command("predict", good, "--out", out)
    assert ended.status == 2
    assert ended.err == f"prima: --out {out}: this user may not write there; choose another --out\n"


def test_json_for_a_reader_that_has_gone(good, tmp_path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    words = ["predict", str(good / "series_05"), str(tmp_path), "--json", "--out", str(tmp_path / "out")]
    with os.fdopen(writing, "wb") as pipe:
        ended = subprocess.run(
            [sys.executable, "-m", "prima", *words], stdout=pipe, stderr=subprocess.PIPE, timeout=60, check=False
        )
    assert ended.returncode == 1
    assert ended.stderr == b""


def test_json_holds_findings_and_nothing_else(command, good, inputs, tmp_path, validate) -> None:
    ended = command(
        "predict",
        inputs / "one-slice",
        inputs / "empty",
        good / "series_05",
        "--json",
        "--scores-anyway",
        "--out",
        tmp_path,
    )
    assert ended.status == 1
    refused, done = map(json.loads, ended.out.splitlines())
    validate(refused)
    validate(done)
    assert (refused["status"], done["status"]) == ("refused", "done")
    assert [line.split()[0] for line in ended.err.splitlines()] == ["refused", "failed"]


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium; install it to see the page in a browser")
def test_script_in_the_headers_is_text_on_the_page(together, script) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    findings = together.findings_of("script")
    assert findings["study"]["description"] == script
    assert findings["series"][0]["description"] == script
    path: Path = together.out / findings["study"]["study_uid"] / "report.html"
    ran: list[str] = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.on("dialog", lambda dialog: (ran.append(dialog.message), dialog.dismiss()))
        page.on("console", lambda message: ran.append(message.text))
        page.on("request", lambda request: ran.append(request.url) if request.url.startswith("http") else None)
        page.goto(path.as_uri())
        scripts = page.locator("script").all_text_contents()
        assert scripts == [resources.files("prima.predict").joinpath("page.js").read_text("utf-8")]
        assert page.locator("[onerror]").count() == 0
        assert page.get_by_text(script).first.is_visible()
        assert page.title().startswith(script)
        browser.close()
    assert ran == []
