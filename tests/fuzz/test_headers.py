"""Damaged headers: whatever bytes a file holds, reading ends soon, in little memory, and with a study or a reason.

Each example changes a few bytes of the phantom's files: a byte flipped, a length made absurd, a piece cut out, doubled
or moved. Hypothesis makes a failing example small.
"""

from __future__ import annotations

import gzip
import resource
import struct
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydicom import dcmread

from prima.files.walk import FileProblem
from prima.predict.sources import find_studies
from prima.simulate.phantom.write import write_phantom_study

SECONDS = 5.0
MEGABYTES = 600
ABSURD = (
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\x00\x00\x00\x00",
    b"\xfe\xff\xff\xff",
    b"\x00\x00\x00\x80",
    b"SQ",
)
QUICK = settings(
    max_examples=120,
    derandomize=True,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

# (kind of change, where as a share of the header, which byte or absurd value, how long)
Change = tuple[str, float, int, int]
changes = st.lists(
    st.tuples(
        st.sampled_from(["flip", "absurd", "cut", "double", "move", "end"]),
        st.floats(0, 1),
        st.integers(0, 255),
        st.integers(1, 64),
    ),
    min_size=1,
    max_size=6,
)


def damaged(data: bytes, header: int, made: list[Change]) -> bytes:
    """The data with changes made in its first `header` bytes."""
    found = bytearray(data)
    for kind, share, value, length in made:
        at = int(share * (min(header, len(found)) - 1)) if found else 0
        piece = bytes(found[at : at + length])
        match kind:
            case "flip":
                found[at : at + 1] = bytes([value])
            case "absurd":
                absurd = ABSURD[value % len(ABSURD)]
                found[at : at + len(absurd)] = absurd
            case "cut":
                del found[at : at + length]
            case "double":
                found[at:at] = piece
            case "move":
                del found[at : at + length]
                place = value * header // 256
                found[place:place] = piece
            case "end":
                del found[at + (len(found) - at) * value // 256 :]
    return bytes(found)


@pytest.fixture(scope="module")
def slices(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("phantom")
    write_phantom_study(folder)
    small = []
    for path in sorted((folder / "series_05").iterdir())[:5]:
        dataset = dcmread(path)
        dataset.Rows = dataset.Columns = 32
        dataset.PixelData = bytes(range(256)) * 8
        dataset.save_as(path)
        small.append(path.read_bytes())
    return small


@pytest.fixture(scope="module")
def nifti(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("nifti") / "t1.nii"
    voxels = np.random.default_rng(0).integers(0, 999, (32, 32, 6)).astype(np.int16)
    nib.save(nib.Nifti1Image(voxels, np.diag([1.0, 1.0, 4.0, 1.0])), path)
    return path.read_bytes()


@pytest.fixture(autouse=True)
def bounded_memory() -> Iterator[None]:
    """An allocation that a file has no right to fails at once, rather than filling the machine."""
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (held + MEGABYTES * 1024**2, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def read_all(folder: Path) -> None:
    """Read everything below a folder as `prima predict` does; every series is used or has its reason."""
    for keep_all in (False, True):
        started = perf_counter()
        found = find_studies(folder, keep_all=keep_all)
        assert found.studies or found.problems or found.num_other_files
        check_problems(found.problems)
        for source in found.studies:
            study = source.read()
            assert study.series or study.excluded
            assert all(char in "0123456789." for char in study.study_uid)
            for series in study.series:
                assert np.isfinite(series.volume.affine).all()
                assert series.volume.voxels.ndim == 3
            for left_out in study.excluded:
                assert left_out.detail is None or str(folder) not in left_out.detail
        assert perf_counter() - started < SECONDS


def check_problems(problems: tuple[FileProblem, ...]) -> None:
    for problem in problems:
        assert problem.message
        assert problem.message.isprintable()
        assert str(problem.path) not in problem.message


@QUICK
@given(made=changes, which=st.integers(0, 4))
def test_damaged_dicom_header(slices, tmp_path, made, which) -> None:
    for index, data in enumerate(slices):
        header = data.index(b"\xe0\x7f\x10\x00") + 12
        damage = damaged(data, header, made) if index == which else data
        (tmp_path / f"IM{index}").write_bytes(damage)
    read_all(tmp_path)


@QUICK
@given(made=changes)
def test_every_slice_damaged_alike(slices, tmp_path, made) -> None:
    for index, data in enumerate(slices):
        (tmp_path / f"IM{index}.dcm").write_bytes(damaged(data, data.index(b"\xe0\x7f\x10\x00") + 12, made))
    read_all(tmp_path)


@QUICK
@given(made=changes, compressed=st.booleans())
def test_damaged_nifti_header(nifti, tmp_path, made, compressed) -> None:
    data = damaged(nifti, 352, made)
    for path in tmp_path.iterdir():
        path.unlink()
    (tmp_path / ("t1.nii.gz" if compressed else "t1.nii")).write_bytes(gzip.compress(data, 1) if compressed else data)
    read_all(tmp_path)


@QUICK
@given(dim=st.tuples(*[st.integers(-32_768, 32_767)] * 8), kind=st.integers(-10, 3000), offset=st.floats(width=32))
def test_nifti_header_that_claims_anything(nifti, tmp_path, dim, kind, offset) -> None:
    data = bytearray(nifti)
    struct.pack_into("<8h", data, 40, *dim)
    struct.pack_into("<h", data, 70, kind)
    struct.pack_into("<f", data, 108, offset)
    (tmp_path / "t1.nii").write_bytes(data)
    read_all(tmp_path)


@QUICK
@given(data=st.binary(max_size=600), start=st.sampled_from([b"", b"\0" * 128 + b"DICM", b"\x08\x00\x05\x00CS"]))
def test_bytes_of_any_kind(tmp_path, data, start) -> None:
    for name in ("image.dcm", "image", "image.nii", "image.nii.gz"):
        (tmp_path / name).write_bytes(start + data)
    read_all(tmp_path)
