"""NIfTI inside zip and tar files, and FreeSurfer's files, enter an archive as plain NIfTI files do."""

from __future__ import annotations

import io
import json
import random
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from prima.archive.ingest.folder import folder_instances
from prima.archive.stages.stored_study import read_stored_study
from prima.archive.store.layout import Archive
from prima.archive.store.tables import scan
from prima.dicom.pixels.incoming import IncomingInstance, NotDelivered
from prima.files import container as containers
from prima.workflow.ingest import ingest_sources


def voxels(seed: int) -> np.ndarray[Any, Any]:
    grid = np.indices((32, 32, 12)) - np.array([16, 16, 6]).reshape(3, 1, 1, 1)
    head = np.exp(-((grid / np.array([9, 9, 5]).reshape(3, 1, 1, 1)) ** 2).sum(0)) * 900
    return (head + np.random.default_rng(seed).random(head.shape) * 90).astype(np.int16)


def nifti(seed: int) -> bytes:
    return nib.Nifti1Image(voxels(seed), np.diag([6.0, 6.0, 12.0, 1.0])).to_bytes()


def dataset() -> dict[str, bytes]:
    files = {
        "set/participants.tsv": b"participant_id\tage\tsex\nsub-01\t55\tF\nsub-02\t60\tM\n",
        "set/dataset_description.json": b'{"Name": "Made up", "BIDSVersion": "1.8"}',
    }
    for seed, subject in enumerate(("sub-01", "sub-02")):
        for suffix in ("T1w", "T2w"):
            stem = f"set/{subject}/anat/{subject}_{suffix}"
            files[f"{stem}.nii"] = nifti(10 * seed + len(files))
            files[f"{stem}.json"] = json.dumps({"Manufacturer": "ACME", "SeriesNumber": len(suffix)}).encode()
    files["set/sub-01/dwi/sub-01_dwi.nii"] = nifti(77)
    files["set/sub-01/dwi/sub-01_dwi.bval"] = b"0\n"
    files["notes/report.csv"] = b"accession,report\nsub-01,No mass.\n"
    return files


def written(path: Path, files: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    elif path.suffix == "":
        for name, content in files.items():
            place = path / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
    else:
        with tarfile.open(path, "w:gz" if path.suffix in (".gz", ".tgz") else "w") as archive:
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return path


def rows(archive: Archive, name: str) -> list[dict[str, Any]]:
    return scan(archive, name).collect().rows(named=True)


def facts(archive: Archive) -> list[tuple[Any, ...]]:
    """What does not depend on where the dataset lay."""
    series = {row["study_uid"]: [] for row in rows(archive, "studies")}
    for row in rows(archive, "series"):
        series[row["study_uid"]].append((row["description"], row["status"], row["reason"], row["num_slices"]))
    names = ("patient_id", "accession", "age_years", "sex", "manufacturer", "institution", "num_instances")
    studies = (
        (*(row[name] for name in names), tuple(sorted(series[row["study_uid"]], key=str)))
        for row in rows(archive, "studies")
    )
    return sorted(studies)


@pytest.mark.parametrize("name", ["export.zip", "export.tar", "export.tar.gz", "deep/er/export.tgz"])
@pytest.mark.parametrize("order", ["written", "turned", "mixed"])
def test_a_container_is_as_its_folder(
    tmp_path: Path, archive: Archive, name: str, order: str, contents: Callable[[Archive], dict[str, Any]]
) -> None:
    files = dataset()
    names = {
        "written": list(files),
        "turned": list(files)[::-1],
        "mixed": random.Random(1).sample([*files], len(files)),
    }
    written(tmp_path / "in" / name, {key: files[key] for key in names[order]})
    ingest_sources([str(tmp_path / "in")], archive.root)
    unpacked = Archive.open_or_make(tmp_path / "unpacked-archive")
    ingest_sources([str(written(tmp_path / "folder", files))], unpacked.root)
    assert facts(archive) == facts(unpacked)
    assert len(facts(archive)) == 2
    assert [row["text"] for row in rows(archive, "reports")] == ["No mass."]
    stored = sorted(path.read_bytes() for path in archive.root.glob("instances/**/*.nii"))
    assert stored == sorted(content for key, content in files.items() if key.endswith(".nii"))
    before = contents(archive)
    ingest_sources([str(tmp_path / "in")], archive.root, reread=True)
    assert contents(archive) == before
    assert not [place for place in archive.root.rglob("*") if "sub-0" in str(place.relative_to(archive.root))]


@pytest.mark.parametrize("processes", [0, 2])
def test_whoever_works_the_rows_are_the_same(tmp_path: Path, archive: Archive, processes: int) -> None:
    ingest_sources([str(written(tmp_path / "in" / "a.zip", dataset()))], archive.root, processes=processes)
    assert [row["num_series"] for row in sorted(rows(archive, "studies"), key=lambda row: row["accession"])] == [3, 2]


def test_a_study_of_files_without_subjects_is_named_after_the_container(tmp_path: Path, archive: Archive) -> None:
    files = {"T1.nii": nifti(1), "FLAIR.nii": nifti(2)}
    ingest_sources([str(written(tmp_path / "in" / "Case 7.tar.gz", files))], archive.root)
    ((patient, *_rest),) = facts(archive)
    assert patient == "Case 7"


def test_names_are_never_places(tmp_path: Path, archive: Archive) -> None:
    files = {
        "../../out.nii": nifti(1), "/abs.nii": nifti(2), "..\\..\\back.nii": nifti(3), "a/b/../same.nii": nifti(4),
        "../../out.json": b"{}", "x" * 300 + ".nii": nifti(5), "a/b/same.nii": nifti(6),
        "d/" * 40 + "deep.nii": nifti(7),
    }  # fmt: skip
    path = written(tmp_path / "in" / "evil.tar", files)
    before = {place for place in tmp_path.parent.rglob("*") if archive.root not in place.parents}
    ingest_sources([str(path)], archive.root)
    after = {place for place in tmp_path.parent.rglob("*") if archive.root not in place.parents}
    assert after == before
    assert sum(row["num_instances"] for row in rows(archive, "studies")) == 4
    left_out = [row["key"] for row in rows(archive, "exclusions")]
    assert len(left_out) == 3


def test_links_and_bombs_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as file:
        link = tarfile.TarInfo("link.nii")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        file.addfile(link)
        info = tarfile.TarInfo("real.nii")
        info.size = len(nifti(1))
        file.addfile(info, io.BytesIO(nifti(1)))
    found = list(folder_instances(path))
    assert [each.detail for each in found if isinstance(each, NotDelivered)] == [
        "a link, pipe or device inside a container"
    ]
    assert [each.key.rpartition("!")[2] for each in found if isinstance(each, IncomingInstance)] == [
        "real.nii.json", "real.nii",
    ]  # fmt: skip
    linked = tmp_path / "b.zip"
    with zipfile.ZipFile(linked, "w") as file:
        entry = zipfile.ZipInfo("link.mgz")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(entry, "/etc/hostname")
    assert all(isinstance(each, NotDelivered) for each in folder_instances(linked))
    monkeypatch.setattr(containers, "SMALL_BYTES", 1 << 16)
    bomb = written(tmp_path / "c.zip", {"zeros.nii": bytes(40 << 20)})
    (only,) = folder_instances(bomb)
    assert isinstance(only, NotDelivered)
    assert "unfolds" in only.detail


@pytest.mark.parametrize("suffix", [".mgz", ".mgh"])
@pytest.mark.parametrize("packed", [False, True])
def test_freesurfer_files_enter(tmp_path: Path, archive: Archive, suffix: str, packed: bool) -> None:
    loose = tmp_path / "bert" / "mri"
    loose.mkdir(parents=True)
    for seed, name in enumerate(("T1", "T2")):
        image = nib.MGHImage(voxels(seed).astype(np.float32), np.diag([6.0, 6.0, 12.0, 1.0]))
        nib.save(image, loose / f"{name}{suffix}")
    source = tmp_path / "bert"
    if packed:
        files = {f"bert/mri/{path.name}": path.read_bytes() for path in loose.iterdir()}
        source = written(tmp_path / "in" / "bert.zip", files)
    ingest_sources([str(source)], archive.root)
    (study,) = rows(archive, "studies")
    assert study["num_instances"] == 2
    read = read_stored_study(archive, study["study_uid"])
    assert {series.description for series in read.series} == {"T1", "T2"}
    assert read.series[0].volume.voxels.shape == (12, 32, 32)
