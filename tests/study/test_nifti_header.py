"""Units, two affines, pairs, FreeSurfer files, and headers that claim more than there is."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from prima.study.nifti import read_nifti_study
from prima.study.nifti_header import is_image
from prima.study.volume import why_no_extent

Head = Callable[..., NDArray[np.float64]]
Save = Callable[..., Path]
AFFINE = np.diag([3.0, 3.0, 5.0, 1.0])


@pytest.mark.parametrize(("unit", "factor"), [("meter", 0.001), ("micron", 1000.0)])
def test_units_of_the_header_are_read(head: Head, save_image: Save, tmp_path: Path, unit: str, factor: float) -> None:
    affine = np.diag([*(np.array([3.0, 3.0, 5.0]) * factor), 1.0])
    (series,) = read_nifti_study([save_image(tmp_path / "t1.nii", head(), affine, unit)]).series
    assert series.volume.spacing_mm == pytest.approx((5, 3, 3), rel=1e-5)
    assert "converted to millimetres" in series.notes[0]


@pytest.mark.parametrize("unit", ["meter", "micron"])
def test_a_unit_that_cannot_be_is_not_believed(head: Head, save_image: Save, tmp_path: Path, unit: str) -> None:
    (series,) = read_nifti_study([save_image(tmp_path / "t1.nii", head(), AFFINE, unit)]).series
    assert series.volume.spacing_mm == pytest.approx((5, 3, 3))
    assert "taken for millimetres" in series.notes[0]


@pytest.mark.parametrize("unit", [None, "mm", "meter"])
@pytest.mark.parametrize("spacing", [(900, 900, 5000), (0.0009, 0.0009, 0.005), (40, 40, 40)])
def test_a_size_that_no_head_has_is_refused_alone(
    head: Head, save_image: Save, tmp_path: Path, unit: str | None, spacing: tuple[float, ...]
) -> None:
    if unit == "meter" and spacing[0] < 1:
        pytest.skip("those are metres")
    wrong = save_image(tmp_path / "t1.nii", head(), np.diag([*spacing, 1.0]), unit)
    good = save_image(tmp_path / "t2.nii", head(seed=1))
    study = read_nifti_study([wrong, good])
    assert [series.description for series in study.series] == ["t2"]
    assert study.excluded[0].reason == "missing_geometry"
    assert "no size of a head" in (study.excluded[0].detail or "")


def test_a_large_field_of_view_is_a_size_of_a_head() -> None:
    assert why_no_extent((512, 512, 350), (1, 1, 1)) is None
    assert why_no_extent((512, 512, 512), (2, 2, 2)) is not None


@pytest.mark.parametrize("change", ["shift", "mirror", "turn"])
def test_two_affines_that_disagree_make_a_note(head: Head, tmp_path: Path, change: str) -> None:
    other = {
        "shift": AFFINE + np.array([[0, 0, 0, 30]] + [[0] * 4] * 3),
        "mirror": AFFINE @ np.diag([-1.0, 1, 1, 1]),
        "turn": AFFINE[[1, 0, 2, 3]] @ np.diag([1.0, -1, 1, 1]),
    }[change]
    image = nib.nifti1.Nifti1Image(head(), AFFINE)
    image.set_sform(AFFINE, 1)
    image.set_qform(other, 1)
    image.to_filename(tmp_path / "t1.nii")
    (series,) = read_nifti_study([tmp_path / "t1.nii"]).series
    assert "sform and qform disagree by up to" in series.notes[0]
    assert ("mirror each other" in series.notes[0]) == (change == "mirror")


def test_two_affines_that_agree_make_none(head: Head, tmp_path: Path) -> None:
    image = nib.nifti1.Nifti1Image(head(), AFFINE)
    image.set_sform(AFFINE, 1)
    image.set_qform(AFFINE + 0.01 * np.eye(4)[[3, 0, 1, 2]], 1)
    image.to_filename(tmp_path / "t1.nii")
    assert read_nifti_study([tmp_path / "t1.nii"]).series[0].notes == ()


def test_pair_of_hdr_and_img(head: Head, save_image: Save, tmp_path: Path) -> None:
    voxels = np.rint(head()).astype(np.int16)
    path = save_image(tmp_path / "t1.hdr", voxels)
    assert is_image(path)
    assert not is_image(tmp_path / "t1.img")
    (series,) = read_nifti_study([path]).series
    np.testing.assert_array_equal(series.volume.voxels, voxels.transpose(2, 1, 0))
    same = save_image(tmp_path / "t1_copy.nii.gz", voxels)
    study = read_nifti_study([path, same])
    assert [excluded.reason for excluded in study.excluded] == ["duplicate"]
    (tmp_path / "t1.img").write_bytes(gzip.compress((tmp_path / "t1.img").read_bytes()))
    (tmp_path / "t1.img").rename(tmp_path / "t1.img.gz")
    assert len(read_nifti_study([path]).series) == 1
    (tmp_path / "t1.img.gz").unlink()
    (excluded,) = read_nifti_study([path]).excluded
    assert excluded.detail == "a .hdr without the .img that holds its voxels"


def test_analyze_has_no_geometry_and_other_hdr_files_are_none(head: Head, tmp_path: Path) -> None:
    nib.analyze.AnalyzeImage(head().astype(np.int16), AFFINE).to_filename(tmp_path / "old.hdr")
    (excluded,) = read_nifti_study([tmp_path / "old.hdr"]).excluded
    assert excluded.reason == "missing_geometry"
    assert "Analyze" in (excluded.detail or "")
    (tmp_path / "sky.hdr").write_bytes(b"#?RADIANCE\n")
    assert not is_image(tmp_path / "sky.hdr")


@pytest.mark.parametrize("suffix", [".mgz", ".mgh"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_freesurfer(head: Head, save_image: Save, tmp_path: Path, suffix: str, dtype: type) -> None:
    voxels = np.clip(head() / 5, 0, 255).astype(dtype)
    affine = np.array([[-3.0, 0, 0, 90], [0, 0, 5, -60], [0, -3, 0, 80], [0, 0, 0, 1]])
    path = save_image(tmp_path / f"orig{suffix}", voxels, affine)
    (series,) = read_nifti_study([path]).series
    assert series.volume.voxels.dtype == np.dtype(dtype)
    assert series.plane == "coronal"
    index = (4, 30, 20)
    i, j, k = index[::-1]
    place = np.diag([-1, -1, 1]) @ (affine @ [i, j, k, 1])[:3]
    np.testing.assert_allclose(series.volume.affine.apply(index), place, atol=1e-3)
    assert series.volume.voxels[index] == voxels[i, j, k]


def test_freesurfer_without_directions_and_damaged(head: Head, save_image: Save, tmp_path: Path) -> None:
    path = save_image(tmp_path / "orig.mgh", head().astype(np.float32))
    content = bytearray(path.read_bytes())
    content[28:30] = b"\0\0"
    path.write_bytes(content)
    assert read_nifti_study([path]).excluded[0].reason == "missing_geometry"
    for name, broken in (("cut.mgh", content[:5000]), ("text.mgz", b"no gzip"), ("empty.mgh", b"")):
        (tmp_path / name).write_bytes(broken)
        assert read_nifti_study([tmp_path / name]).excluded[0].reason == "unreadable"


def bombs(folder: Path) -> dict[str, Path]:
    """Files of a few megabytes that ask for gigabytes, each in another way."""
    header = nib.nifti1.Nifti1Header()
    header.set_data_dtype(np.int16)
    header.set_data_shape((1000, 1000, 950))
    header.set_sform(AFFINE, 1)
    header["vox_offset"] = 352
    zeros = gzip.compress(bytes(50 << 20), 1)  # gzip members one after another are one stream
    made: dict[str, Path] = {}

    def write(name: str, block: bytes, num_mib: int) -> None:
        made[name] = folder / name
        made[name].write_bytes(gzip.compress(block) + zeros * (num_mib // 50))

    write("claims.nii.gz", header.binaryblock + bytes(4), 1900)
    small = header.copy()
    small.set_data_shape((400, 400, 400))  # 122 MiB, of a file of some hundred kB
    write("unfolds.nii.gz", small.binaryblock + bytes(4), 150)
    small.set_data_shape((64, 64, 24))
    write("goes_on.nii.gz", small.binaryblock + bytes(4), 1200)
    far = small.copy()
    far["vox_offset"] = 1.2e9
    write("far_away.nii.gz", far.binaryblock + bytes(4), 1200)
    extension = small.copy()
    extension["vox_offset"] = 2000
    write("extension.nii.gz", extension.binaryblock + b"\1\0\0\0" + np.array([2**30, 4], "<i4").tobytes(), 1100)
    sparse = folder / "sparse.nii"
    with sparse.open("wb") as file:
        file.write(header.binaryblock + bytes(4))
        file.truncate(352 + 2 * 950_000_000)
    made["sparse.nii"] = sparse
    freesurfer = nib.freesurfer.mghformat.MGHHeader()
    freesurfer.set_data_shape((1000, 1000, 1900))
    write("claims.mgz", freesurfer.binaryblock[:284].ljust(284, b"\0"), 1900)
    return made


_IN_512_MB = """
import sys
from pathlib import Path
from prima.study.nifti import read_nifti_study
def peak_mb():
    # ru_maxrss counts what the parent held as well.
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1024
study = read_nifti_study([Path(name) for name in sys.argv[1:]])
print(peak_mb())
for excluded in study.excluded:
    print(excluded.reason, excluded.description, excluded.detail, sep="|")
print(*(series.description for series in study.series))
"""


def test_bombs_are_refused_by_name_under_512_mb(head: Head, save_image: Save, tmp_path: Path) -> None:
    good = save_image(tmp_path / "t2.nii.gz", head())
    files = [*bombs(tmp_path).values(), good]
    child = subprocess.run(
        [sys.executable, "-c", _IN_512_MB, *map(str, files)], check=True, capture_output=True, text=True
    )
    peak, *left_out, used = child.stdout.splitlines()
    assert int(peak) < 512
    assert used == "t2"
    assert {line.split("|")[0] for line in left_out} == {"unreadable"}
    assert sorted(line.split("|")[1] for line in left_out) == [
        "claims", "claims", "extension", "far_away", "goes_on", "sparse", "unfolds"
    ]  # fmt: skip


def test_shared_cases(shared: Path) -> None:
    cases = shared / "data" / "cases" / "readers"
    (excluded,) = read_nifti_study([cases / "nii_bomb" / "x.nii.gz"]).excluded
    assert (excluded.reason, "too large" in (excluded.detail or "")) == ("unreadable", True)
    study = read_nifti_study(sorted((cases / "nii_superscript").iterdir()))
    assert len(study.series) + len(study.excluded) == 2
    assert len(study.series) >= 1
