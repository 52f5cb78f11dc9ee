"""A small health system on disk: complete, resumable, read back like a real one, its masks over its lesions."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from pyarrow import parquet

from prima.cli.main import run
from prima.errors import MissingDependencyError
from prima.predict.sources import find_studies
from prima.simulate.health_system import Making, make_health_system
from prima.simulate.plan.cases import case_at, cases
from prima.simulate.plan.plan import Plan, make_plan
from prima.simulate.plan.plan_file import read_plan
from prima.simulate.scanner.appearance import AppearancePlan

MAKING = Making(spacing_mm=2.0, negatives=2)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(num_studies=2, seed=3, only=["tumor_adult_meningioma"], subtlety=1)


@pytest.fixture(scope="module")
def made(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("health") / "system"
    make_health_system(plan, out, MAKING)
    return out


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_everything_is_there(plan: Plan, made: Path) -> None:
    uids = {case.study_uid for case in cases(plan)}
    assert {path.name for path in (made / "studies").iterdir()} == uids
    labels = parquet.read_table(made / "truth" / "labels.parquet").to_pydict()
    assert set(labels["study_uid"]) == uids
    assert labels["tumor_adult_meningioma"] == [True, True]
    assert set(parquet.read_table(made / "truth" / "report_labels.parquet")["study_uid"].to_pylist()) <= uids
    assert parquet.read_table(made / "truth" / "visibility.parquet").num_rows > 0
    assert len(list((made / "reports" / "hl7").iterdir())) == 2
    negatives = parquet.read_table(made / "truth" / "negatives.parquet").to_pydict()
    assert {path.name for path in (made / "negatives").iterdir()} == set(negatives["study_uid"])
    assert not uids & set(negatives["study_uid"])
    assert not list(made.rglob(".*"))


def test_the_same_bytes_with_any_number_of_workers(plan: Plan, made: Path, tmp_path: Path) -> None:
    make_health_system(plan, tmp_path / "system", replace(MAKING, workers=2))
    assert digests(tmp_path / "system") == digests(made)


def test_a_run_that_was_broken_off_goes_on_and_ends_in_the_same_bytes(plan: Plan, made: Path, tmp_path: Path) -> None:
    out = tmp_path / "system"

    class BrokenOffError(Exception):
        pass

    def stop(done: int, _all: int) -> None:
        if done == 1:
            raise BrokenOffError

    with pytest.raises(BrokenOffError):
        make_health_system(plan, out, MAKING, stop)
    finished = []
    make_health_system(plan, out, MAKING, lambda done, _all: finished.append(done))
    assert finished == [1, 2, 3, 4]
    assert digests(out) == digests(made)


def test_studies_are_read_as_planned_and_masks_lie_on_the_stated_side(plan: Plan, made: Path) -> None:
    for source in find_studies(made / "studies").studies:
        study = source.read()
        assert len(study.series) >= 4
        assert {excluded.reason.value for excluded in study.excluded} <= {"localizer", "derived_map"}
    for index in range(plan.num_studies):
        case = case_at(plan, index)
        lesion = next(lesion for lesion in case.lesions if lesion.diagnosis == "tumor_adult_meningioma")
        image = nib.nifti1.load(made / "truth" / "masks" / case.study_uid / "tumor_adult_meningioma.nii.gz")
        voxels = np.argwhere(np.asarray(image.dataobj) > 0)
        assert len(voxels)
        x_right = float((image.affine @ [*voxels.mean(axis=0), 1])[0])
        if lesion.side in ("left", "right"):
            assert (x_right < 0) == (lesion.side == "left")


@pytest.mark.parametrize("package", ["pyarrow", "pydicom"])
def test_what_is_missing_is_said_before_anything_is_made(
    package: str, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=f"needs {package}: pip install"):
        make_health_system(plan, tmp_path / "system", MAKING)
    assert not (tmp_path / "system").exists()


def blocks(folder: Path) -> int:
    """Bytes that a folder takes on a disk of 4 KiB blocks."""
    return sum(-(-path.stat().st_size // 4096) * 4096 for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def small_disk(plan: Plan, made: Path, tmp_path: Path) -> Iterator[tuple[Path, Callable[[], None]]]:
    """A real disk with room for the first study and half of the second, and what makes room on it."""
    first, second = (blocks(made / "studies" / case.study_uid) for case in cases(plan))
    disk = tmp_path / "disk"
    disk.mkdir()
    size = first + second // 2

    def mount(*options: str) -> bool:
        command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "none", str(disk)]
        try:
            return subprocess.run(command, check=False, capture_output=True).returncode == 0
        except FileNotFoundError:
            return False

    if not mount(f"size={size}"):
        pytest.skip("mounting a small disk is not permitted here")
    yield disk, lambda: mount("remount", "size=2g") or pytest.fail("no room was made")
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_is_one_line_and_the_run_goes_on_when_there_is_room(
    plan: Plan, made: Path, small_disk: tuple[Path, Callable[[], None]], capsys: pytest.CaptureFixture[str]
) -> None:
    disk, make_room = small_disk
    out = disk / "system"
    words = ["simulate", str(out), "-n", "2", "--seed", "3", "--only", "tumor_adult_meningioma", "--subtlety", "1",
             "--spacing", "2", "--negatives", "2"]  # fmt: skip
    assert run(words) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"prima: {out}: no space left after 1 of 4 studies; make room and run the same again to go on"
    whole = case_at(plan, 0).study_uid
    assert [path.name for path in (out / "studies").iterdir()] == [whole]
    assert digests(out / "studies" / whole) == digests(made / "studies" / whole)
    assert not list(out.rglob(".*"))
    make_room()
    assert run(words) == 0
    assert digests(out) == digests(made)


def test_version_two_is_told_in_the_plan_and_not_mixed_with_version_one(tmp_path: Path) -> None:
    words = ["simulate", str(tmp_path / "out"), "-n", "1", "--normal", "--spacing", "2"]
    assert run([*words, "--simulator", "2"]) == 0
    told = json.loads((tmp_path / "out" / "plan.json").read_text())["making"]
    assert told["simulator"] == 2
    assert told["anatomies"] == {}
    assert told["appearance"]["stripped"] == AppearancePlan().stripped
    assert run(words) == 2  # begun with version 2
    assert read_plan(tmp_path / "out" / "plan.json").num_studies == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--simulator", "3"], "simulator version 3 is unknown; expected 1 or 2"),
        (["--anatomies", "absent"], "absent: no such folder"),
        (["--simulator", "1", "--anatomies", "absent"], "need version 2"),
    ],
)
def test_a_wrong_version_or_folder_is_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert run(["simulate", str(tmp_path / "out"), "-n", "1", *words]) == 2
    assert message in capsys.readouterr().err
