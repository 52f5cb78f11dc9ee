"""zip and tar files give the studies that their folders would."""

from __future__ import annotations

import gc
import stat
import tarfile
import zipfile
from pathlib import Path

import nibabel
import numpy as np
import pytest

from prima.predict.sources import find_studies
from prima.predict.unpacked import unpack
from prima.simulate.phantom.write import write_phantom_study


def write_image(path: Path, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    voxels = np.random.default_rng(seed).integers(0, 900, (8, 8, 6)).astype(np.int16)
    nibabel.nifti1.Nifti1Image(voxels, np.eye(4)).to_filename(path)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A DICOM study of one series, and two people in NIfTI."""
    folder = tmp_path / "export"
    write_phantom_study(tmp_path / "phantom", seed=3)
    (tmp_path / "phantom" / "series_06").rename(folder)
    write_image(folder / "bids" / "sub-1" / "anat" / "sub-1_T1w.nii.gz", 1)
    write_image(folder / "bids" / "sub-2" / "anat" / "sub-2_T1w.nii.gz", 2)
    return folder


def pack(folder: Path, into: Path) -> Path:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if into.suffix == ".zip":
        with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as file:
            for path in files:
                file.write(path, path.relative_to(folder))
    else:
        with tarfile.open(into, "w:gz" if into.name.endswith("gz") else "w") as archive:
            for path in files:
                archive.add(path, path.relative_to(folder))
    return into


def contents(path: Path) -> list[tuple[str, int]]:
    found = find_studies(path)
    assert found.problems == ()
    studies = [source.read() for source in found.studies]
    return sorted((study.study_uid, sum(series.num_slices for series in study.series)) for study in studies)


@pytest.mark.parametrize("name", ["all.zip", "all.tar", "all.tgz"])
def test_a_container_is_read_like_its_folder(export: Path, tmp_path: Path, name: str) -> None:
    expected = contents(export)
    assert len(expected) == 3
    packed = pack(export, tmp_path / name)
    assert contents(packed) == expected
    (tmp_path / "drop").mkdir()
    packed.rename(tmp_path / "drop" / name)
    assert contents(tmp_path / "drop") == expected
    names = {source.name for source in find_studies(tmp_path / "drop").studies}
    assert names == {name, f"{name}/bids/sub-1", f"{name}/bids/sub-2"}


def test_a_study_in_two_containers_is_one(export: Path, tmp_path: Path) -> None:
    expected = contents(export)
    dicom = sorted(path for path in export.iterdir() if path.is_file())
    (tmp_path / "drop").mkdir()
    for index in range(2):
        with zipfile.ZipFile(tmp_path / "drop" / f"{index}.zip", "w") as file:
            for path in dicom[index::2]:
                file.write(path, path.name)
    (study,) = contents(tmp_path / "drop")
    assert study in expected


def test_files_are_private_and_gone_afterwards(export: Path, tmp_path: Path) -> None:
    found = unpack(pack(export, tmp_path / "all.zip"))
    top = found.top
    assert top.is_dir()
    assert stat.S_IMODE(top.stat().st_mode) == 0o700
    sources = find_studies(tmp_path / "all.zip").studies
    gc.collect()
    assert all(source.read().series for source in sources if source.study_uid is None)  # sources keep their files
    del found
    gc.collect()
    assert not top.exists()


def test_names_lead_nowhere_else_and_may_come_twice(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as file, pytest.warns(UserWarning, match="Duplicate name"):
        for name in ("../../outside", "/etc/x", "a", "a/b", "C:\\d\\e", "..", "x" * 300, "same", "same"):
            file.writestr(name, name)
    found = unpack(tmp_path / "evil.zip")
    assert len(found.files) == 9
    assert len(set(found.files)) == 9
    assert all(path.resolve().is_relative_to(found.top.resolve()) for path in found.files)
    assert {path.name for path in tmp_path.iterdir()} == {"evil.zip"}


def test_a_damaged_container_is_named_and_the_rest_is_read(export: Path, tmp_path: Path) -> None:
    packed = pack(export, tmp_path / "all.zip")
    (export / "cut.zip").write_bytes(packed.read_bytes()[:5000])
    with zipfile.ZipFile(export / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("zeros", bytes(100 << 20))
    found = find_studies(export)
    assert len(found.studies) == 3
    assert {problem.message for problem in found.problems} == {
        "in a container: the container is damaged or cut short",
        "in a container: the entry unfolds to more than 64 MiB",
    }
