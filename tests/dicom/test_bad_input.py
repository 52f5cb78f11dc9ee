"""Broken and hostile files: one clear line each, no crash, and the other files are unharmed."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import traceback
import zlib
from pathlib import Path

import numpy as np
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless, JPEGLosslessSV1, JPEGLSLossless

from prima.dicom.header import deflated
from prima.dicom.header.read import read_header
from prima.predict.sources import FoundStudies, find_studies
from prima.study import Reason, Study

PATIENT = "Zyxwvut^Qponml"


def read_one(found: FoundStudies) -> Study:
    (source,) = found.studies
    return source.read()


def excluded(study: Study) -> list[tuple[Reason, str | None]]:
    assert study.series == ()
    return [(one.reason, one.detail) for one in study.excluded]


def rewrite(paths: list[Path], change) -> None:
    for path in paths:
        path.write_bytes(change(path.read_bytes()))


def test_empty_folder(tmp_path) -> None:
    assert find_studies(tmp_path) == FoundStudies(studies=(), problems=(), num_other_files=0)


def test_path_that_does_not_exist(tmp_path) -> None:
    with pytest.raises(FileNotFoundError):
        find_studies(tmp_path / "nowhere")


def test_text_files_are_counted(tmp_path) -> None:
    for name in ("readme.txt", "notes", "table.csv"):
        (tmp_path / name).write_text("a line of text\n" * 50)
    found = find_studies(tmp_path)
    assert (found.studies, found.problems, found.num_other_files) == ((), (), 3)


@pytest.mark.parametrize("content", [b"", b"not dicom at all", b"\0" * 128 + b"DICM" + b"\xff" * 64])
def test_file_that_only_claims_to_be_dicom_is_a_problem(tmp_path, content) -> None:
    path = tmp_path / "image.dcm"
    path.write_bytes(content)
    found = find_studies(tmp_path)
    assert found.studies == ()
    assert [problem.path for problem in found.problems] == [path]
    assert "\n" not in found.problems[0].message
    assert str(tmp_path) not in found.problems[0].message


def test_truncated_pixels(writer) -> None:
    rewrite(writer.stack(6), lambda data: data[:-20])
    ((reason, detail),) = excluded(read_one(find_studies(writer.folder)))
    assert reason == Reason.UNREADABLE
    assert detail == "truncated: found 76 of 96 bytes of pixels"


def test_truncated_before_the_pixels(writer) -> None:
    rewrite(writer.stack(6), lambda data: data[: data.index(b"\xe0\x7f\x10\x00")])
    ((reason, detail),) = excluded(read_one(find_studies(writer.folder)))
    assert reason == Reason.UNREADABLE
    assert detail is not None and detail.startswith("no pixel data")


@pytest.mark.parametrize("length", range(0, 900, 37))
def test_file_cut_anywhere_never_crashes(writer, length) -> None:
    paths = writer.stack(6)
    paths[2].write_bytes(paths[2].read_bytes()[:length])
    found = find_studies(writer.folder)
    for source in found.studies:
        source.read()
    assert found.studies


def test_one_corrupt_slice_of_many_is_left_out_with_a_note(writer) -> None:
    paths = writer.stack(8)
    rewrite(paths[3:4], lambda data: data[:-20])
    (series,) = read_one(find_studies(writer.folder)).series
    assert series.num_slices == 7
    assert series.notes == (
        "1 slice left out, unreadable: truncated: found 76 of 96 bytes of pixels",
        "1 slice missing, by the positions of the others",
    )


def test_pixel_data_of_no_length(writer) -> None:
    for index in range(6):
        dataset = writer.dataset(np.zeros((8, 6), np.uint16), ImagePositionPatient=[0, 0, 5.0 * index])
        dataset.PixelData = b""
        writer.save(dataset)
    assert excluded(read_one(find_studies(writer.folder))) == [(Reason.UNREADABLE, "the pixel data are empty")]


@pytest.mark.parametrize("rows", [1, 7, 9, 800, 65_535])
def test_other_rows_than_there_are_data(writer, rows) -> None:
    writer.stack(6, Rows=rows, Columns=65_535 if rows == 65_535 else 6)
    ((reason, detail),) = excluded(read_one(find_studies(writer.folder)))
    assert reason == Reason.UNREADABLE
    assert detail is not None and detail.startswith(f"{rows} x ")


@pytest.mark.parametrize("elements", [{"Rows": 0}, {"Columns": None}, {"BitsAllocated": 12}, {"BitsStored": 33}])
def test_impossible_layout(writer, elements) -> None:
    writer.stack(6, **elements)
    assert excluded(read_one(find_studies(writer.folder)))[0][0] == Reason.UNREADABLE


def test_more_frames_than_there_are_data(writer) -> None:
    writer.stack(6, NumberOfFrames=2_000_000_000)
    assert excluded(read_one(find_studies(writer.folder)))[0][0] == Reason.UNREADABLE


@pytest.mark.parametrize(
    ("syntax", "stream"),
    [
        (JPEGLSLossless, b"\xff\xd8\xff\xf7\x00\x0b\x10\x27\x10\x27\x10\x01\x01\x11\x00" + b"\x00" * 50),
        (JPEG2000Lossless, b"\xff\x4f\xff\x51\x00\x29\x00\x00" + struct.pack(">4L", 9_999, 9_999, 0, 0) + b"\0" * 50),
        (JPEGLSLossless, b"garbage" * 20),
    ],
)
def test_compressed_image_of_another_size(writer, syntax, stream) -> None:
    for index in range(6):
        dataset = writer.dataset(np.zeros((8, 6), np.uint16), ImagePositionPatient=[0, 0, 5.0 * index])
        body = stream + b"\0" * (len(stream) % 2)
        item = b"\xfe\xff\x00\xe0"
        frame = item + struct.pack("<L", 0) + item + struct.pack("<L", len(body)) + body
        dataset.PixelData = frame + b"\xfe\xff\xdd\xe0\0\0\0\0"
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
        writer.save(dataset, syntax=syntax)
    ((reason, _),) = excluded(read_one(find_studies(writer.folder)))
    assert reason == Reason.UNREADABLE


@pytest.mark.parametrize("keyword", ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"])
@pytest.mark.parametrize(
    "bad", ["absent", b"nan\\0\\0", b"inf\\1\\1", b"a\\b\\c", b"1", b"1e999\\0\\1", b"1e300\\0\\1"]
)
def test_geometry_that_is_missing_or_not_finite(writer, keyword, bad) -> None:
    for path in writer.stack(6, **({keyword: None} if bad == "absent" else {})):
        if bad != "absent":
            replace_text(path, keyword, bad)
    ((reason, _),) = excluded(read_one(find_studies(writer.folder)))
    assert reason == Reason.MISSING_GEOMETRY


def replace_text(path: Path, keyword: str, value: bytes) -> None:
    """Write a decimal string into a file as it is, past every check of the library that wrote it."""
    tag = {"ImagePositionPatient": (0x20, 0x32), "ImageOrientationPatient": (0x20, 0x37), "PixelSpacing": (0x28, 0x30)}
    data = path.read_bytes()
    start = data.index(struct.pack("<HH", *tag[keyword]) + b"DS")
    length = struct.unpack_from("<H", data, start + 6)[0]
    padded = value + b" " * (len(value) % 2)
    path.write_bytes(data[: start + 6] + struct.pack("<H", len(padded)) + padded + data[start + 8 + length :])


def nested(depth: int) -> bytes:
    """A private sequence of undefined length, nested to a depth."""
    down = b"\x09\x00\x10\x10SQ\x00\x00\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    up = b"\xfe\xff\x0d\xe0\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0"
    return down * depth + up * depth


def test_sequence_nested_ten_thousand_deep(writer) -> None:
    good = writer.stack(6)
    data = good[0].read_bytes()
    at = data.index(b"\x18\x00\x50\x00DS")
    bad = writer.folder / "deep"
    bad.write_bytes(data[:at] + nested(10_000) + data[at:])
    found = find_studies(writer.folder)
    assert [(problem.path, problem.message) for problem in found.problems] == [(bad, "sequences are nested too deeply")]
    assert len(read_one(found).series) == 1


@pytest.mark.parametrize("uid", ["../../etc/passwd", "1.2..3", "1.2.3/..", "1" * 65, "1.2.\x1b[31m", ""])
def test_study_uid_that_is_none_is_replaced(writer, uid) -> None:
    writer.study_uid = uid
    writer.stack(6)
    (source,) = find_studies(writer.folder).studies
    assert source.study_uid is not None
    assert source.study_uid.startswith("2.25.")
    assert source.read().study_uid == source.study_uid
    assert len(source.study_uid) <= 64


def test_patient_id_with_dots_goes_nowhere(writer) -> None:
    writer.stack(6, PatientID="../../../tmp/x", PatientName=PATIENT)
    study = read_one(find_studies(writer.folder))
    assert "tmp" not in repr(study)
    assert study.study_uid == "1.2.3.4"


@pytest.mark.parametrize(
    "charset", ["ISO 2022 IR 13\\ISO 2022 IR 87", "ISO_IR 192", "NO SUCH SET", "\\", "ISO 2022 IR 149"]
)
def test_character_sets(writer, charset) -> None:
    for path in writer.stack(6, SeriesDescription="AX T2 xxxx"):
        data = path.read_bytes()
        element = b"\x08\x00\x05\x00CS"
        value = charset.encode() + b" " * (len(charset) % 2)
        at = data.index(b"\x08\x00\x08\x00CS")
        raw = data[:at] + element + struct.pack("<H", len(value)) + value + data[at:]
        path.write_bytes(raw.replace(b"xxxx", b"\x1b$B\xff"))
    study = read_one(find_studies(writer.folder))
    assert len(study.series) == 1


def test_garbage_in_every_element_never_crashes(writer) -> None:
    """Each text and number of the header in turn is overwritten."""
    path = writer.stack(6)[0]
    data = path.read_bytes()
    start, end = data.index(b"\x08\x00\x08\x00"), data.index(b"\xe0\x7f\x10\x00")
    for at in range(start, end, 7):
        path.write_bytes(data[:at] + b"\xff\xfe\x00" + data[at + 3 :])
        for source in find_studies(writer.folder).studies:
            source.read()


_PEAK = """
import sys
from pathlib import Path
from prima.predict.sources import find_studies
found = find_studies(Path(sys.argv[1]))
results = [source.read() for source in found.studies]
status = Path("/proc/self/status").read_text().splitlines()  # ru_maxrss counts what the parent held as well
print(next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) // 1024)
print(*(problem.message for problem in found.problems), sep="|")
print(*(excluded.detail for study in results for excluded in study.excluded), sep="|")
print(sum(len(study.series) for study in results))
"""


def test_bombs_are_refused_under_512_mb_and_leave_the_others_alone(writer) -> None:
    """Deflated data sets of gigabytes, one without the length of its meta information, and frames without end."""
    writer.stack(6, SeriesInstanceUID="1.2.3.6", SeriesNumber=2)
    path = writer.save(writer.dataset(np.zeros((8, 6), np.uint16)), "bomb.dcm", DeflatedExplicitVRLittleEndian)
    start = path.read_bytes()
    at = 144 + int.from_bytes(start[140:144], "little")
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = bytes(64 << 20)
    content = b"".join([deflate.compress(zeros) for _ in range(32)]) + deflate.flush()
    path.write_bytes(start[:at] + content)
    (path.parent / "no_length.dcm").write_bytes(start[:132] + start[144:at] + content)
    frames = writer.dataset(np.zeros((8, 6), np.uint16), NumberOfFrames=400_000, Rows=4096, Columns=4096)
    frames.PixelData = encapsulate([b"\xff\xd8" * 2_000_000])
    frames["PixelData"].VR = "OB"
    frames["PixelData"].is_undefined_length = True
    writer.save(frames, "frames.dcm", JPEGLosslessSV1)
    child = subprocess.run([sys.executable, "-c", _PEAK, writer.folder], check=True, capture_output=True, text=True)
    peak, problems, details, used = child.stdout.splitlines()
    assert int(peak) < 512
    assert sorted(problems.split("|")) == [
        "a deflated data set whose meta information does not give its length",
        "the deflated data set is too large",
    ]
    assert details == "the compressed images unfold to more than 200 times their size"
    assert used == "1"


def test_deflated_data_set_that_would_fill_the_memory(writer, monkeypatch) -> None:
    monkeypatch.setattr(deflated, "MAX_INFLATED", 1_000_000)
    dataset = writer.dataset(np.zeros((1200, 1200), np.uint16))
    path = writer.save(dataset, syntax=DeflatedExplicitVRLittleEndian)
    assert path.stat().st_size < 10_000
    (problem,) = find_studies(writer.folder).problems
    assert problem.message == "the deflated data set is too large"


@pytest.mark.parametrize("seed", range(60))
def test_random_damage_never_crashes(writer, seed) -> None:
    path = writer.stack(1, PatientName=PATIENT)[0]
    rng = np.random.default_rng(seed)
    data = bytearray(path.read_bytes())
    for _ in range(int(rng.choice([1, 5, 50]))):
        at = int(rng.integers(len(data)))
        change = [bytes(rng.integers(0, 256, 1, np.uint8)), b"\xff\xff\xff\xff", b"", b"\0\0\0"][int(rng.integers(4))]
        data[at : at + int(rng.integers(1, 6))] = change
    path.write_bytes(data)
    for keep_all in (False, True):
        for source in find_studies(writer.folder, keep_all=keep_all, min_slices=1).studies:
            source.read()


def test_symlink_loop(writer) -> None:
    writer.stack(6)
    (writer.folder / "loop").symlink_to(writer.folder, target_is_directory=True)
    (writer.folder / "self").symlink_to(writer.folder / "self")
    (writer.folder / "again").symlink_to(writer.folder / "IM0001")
    found = find_studies(writer.folder)
    (series,) = read_one(found).series
    assert series.num_slices == 6
    assert series.notes == ()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork") or os.getuid() != 0, reason="needs to drop root in a child process")
def test_file_this_user_may_not_read(writer, tmp_path) -> None:
    paths = writer.stack(8)
    paths[7].chmod(0)
    closed = writer.folder / "closed"
    closed.mkdir(mode=0)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.owner() == "root" and folder.is_relative_to("/tmp") and folder != Path("/tmp"):
            folder.chmod(0o755)
    child = os.fork()
    if child == 0:
        try:
            os.setgid(65_534)
            os.setuid(65_534)
            found = find_studies(writer.folder)
            assert {problem.path.name for problem in found.problems} == {paths[7].name, "closed"}
            assert all("not permitted" in problem.message for problem in found.problems)
            assert read_one(found).series[0].num_slices == 7
        except BaseException:  # noqa: BLE001 - the child reports and ends, whatever it was
            traceback.print_exc(file=sys.stderr)
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_pipe_is_not_opened(writer) -> None:
    writer.stack(6)
    os.mkfifo(writer.folder / "pipe")
    assert len(find_studies(writer.folder).studies) == 1


def test_no_text_of_the_patient_in_any_record(writer) -> None:
    writer.stack(3, PatientName=PATIENT, PatientID="MRN-778899", SeriesDescription="AX T1")
    writer.stack(6, PatientName=PATIENT, SeriesNumber=2, SeriesInstanceUID="1.2.3.6", Rows=900)
    study = read_one(find_studies(writer.folder))
    assert len(study.excluded) == 2
    assert "Zyx" not in repr(study)
    assert "778899" not in repr(study)


def test_header_only_pass_leaves_the_pixels(writer) -> None:
    (path, *_) = writer.stack(1)
    header = read_header(path)
    assert isinstance(header, tuple)
    instance, frames = header
    assert len(frames) == 1
    assert instance.pixels is not None
    assert path.read_bytes()[instance.pixels.offset :] == (np.arange(48, dtype=np.uint16)).tobytes()
