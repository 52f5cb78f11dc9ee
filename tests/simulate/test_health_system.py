"""A small health system on disk: complete, resumable, read back like a real one, its masks over its lesions."""

from __future__ import annotations

import hashlib
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from pyarrow import parquet

from prima.cli.main import run
from prima.errors import UsageError
from prima.predict.sources import find_studies
from prima.simulate.cases import case_at, cases
from prima.simulate.health_system import Making, make_health_system
from prima.simulate.plan import Plan, make_plan

MAKING = Making(spacing_mm=2.0)


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
    assert finished == [1, 2]
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


def test_a_folder_of_something_else_is_refused(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="expected an empty folder"):
        make_health_system(plan, tmp_path, MAKING)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    "words",
    [["-n", "0"], ["-n", "1", "--only", "gout"], ["-n", "1", "--normal", "--only", "spine_syrinx"],
     ["-n", "1", "--spacing", "3"], ["-n", "1", "--subtlety", "9"]],
)  # fmt: skip
def test_wrong_wishes_are_wrong_usage(words: list[str], tmp_path: Path) -> None:
    assert run(["simulate", str(tmp_path / "out"), *words]) == 2
    assert not (tmp_path / "out").exists()


def test_describe_makes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", str(tmp_path / "out"), "-n", "40", "--describe"]) == 0
    assert "normal" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()
