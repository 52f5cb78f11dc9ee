"""What a de-identified study still is: the same volumes, references, intervals and pixels, as valid as before."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import subprocess
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import part10 as raw
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames

from prima.dicom.deidentify.blanked_segments import CodestreamError, blank_texts
from prima.dicom.deidentify.csa import rewrite_csa
from prima.dicom.deidentify.file import Refusal, RefusedError, deidentify, deidentify_file
from prima.dicom.deidentify.key import SiteKey
from prima.dicom.deidentify.policy import Policy
from prima.dicom.header.csa import csa_values
from prima.predict.sources import find_studies
from prima.simulate.phantom.write import write_phantom_study

MOST_FILES = 12  # of a real study, the smallest
KEY, OTHER_KEY = SiteKey(b"a key for tests only"), SiteKey(b"another key for tests")
POLICY = Policy(key=KEY, keep_patient=True)
REAL = (
    "siemens_skyra_mosaic_PHANTOM", "siemens_prisma_classic_T1sag_and_mosaicDWI", "transfer_syntaxes_siemens_mosaic",
    "compressed_fragments_PHANTOM", "ge_signa15_axial_PD_FSE", "ge_premier_3plane_localizer_PHANTOM",
    "NEGATIVE_hitachi_lumbar_spine", "siemens_xa30_enhanced_study",
)  # fmt: skip


def clean_copy(source: Path, out: Path) -> dict[Path, Path]:
    """Old file → new file, for the files that are not refused."""
    out.mkdir(parents=True, exist_ok=True)
    made = {}
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        try:
            new = deidentify_file(path, out, POLICY)
        except RefusedError as error:
            assert error.reason == Refusal.OBJECT_CLASS
            continue
        if new is not None:
            made[path] = new
    return made


def read_back(content: bytes) -> Dataset:
    return pydicom.dcmread(io.BytesIO(content))


def one(tmp_path: Path, *extra: raw.Element, policy: Policy = POLICY, **kept: Any) -> Dataset:
    path = tmp_path / "one.dcm"
    path.write_bytes(raw.part10(raw.data_set(raw.minimal(extra, **kept))))
    clean = deidentify(path, policy)
    assert clean is not None
    return read_back(clean.content)


def volumes(folder: Path) -> list[tuple[Any, ...]]:
    """What reading makes of a folder, without names and UIDs."""
    found = []
    for source in find_studies(folder).studies:
        study = source.read()
        for series in study.series:
            digest = hashlib.sha256(series.volume.voxels.tobytes()).hexdigest()
            affine = np.round(series.volume.affine, 6).tolist()
            found.append((series.number, series.part, str(series.volume.voxels.dtype), digest, affine))
        found += [(one.number, one.part, str(one.reason)) for one in study.excluded if one.reason != "not_image"]
        found.append((study.patient.age_years, study.patient.sex))
    return sorted(found, key=str)


def complaints(path: Path) -> Counter[str]:
    """What dciodvfy says, without values."""
    result = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, check=False)
    lines = (result.stderr + result.stdout).decode("latin-1").splitlines()
    return Counter(re.sub(r"= <[^>]*>", "", line) for line in lines if line.startswith(("Error", "Warning")))


def check_study(source: Path, out: Path) -> None:
    made = clean_copy(source, out)
    assert made
    assert volumes(out) == volumes(source)
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is not installed")
    first = {new.parent: (old, new) for old, new in reversed(made.items())}
    assert not {new.name: found for old, new in first.values() if (found := complaints(new) - complaints(old))}


def test_a_made_up_study_stays_the_same_study(tmp_path: Path) -> None:
    write_phantom_study(tmp_path / "in", seed=3)
    for folder in sorted(path for path in (tmp_path / "in").iterdir() if path.is_dir())[3:]:
        shutil.rmtree(folder)
    check_study(tmp_path / "in", tmp_path / "out")


@pytest.mark.parametrize("folder", REAL)
def test_a_real_study_stays_the_same_study(folder: str, shared: Path, tmp_path: Path) -> None:
    source = shared / "data" / "real" / folder
    files = sorted((path for path in source.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    for path in files[:MOST_FILES]:
        (tmp_path / "in").mkdir(exist_ok=True)
        shutil.copyfile(path, tmp_path / "in" / path.name)
    check_study(tmp_path / "in", tmp_path / "out")


def test_references_still_lead_to_their_files(tmp_path: Path) -> None:
    """500 files that point at each other, directly and from inside sequences."""
    files = {}
    for number in range(500):
        at = f"1.2.3.4.5.{(number * 7 + 3) % 500}".encode()
        item = raw.data_set([(0x00081150, "UI", raw.MR.encode()), (0x00081155, "UI", at)])
        inner = raw.data_set([(0x00081140, "SQ", raw.sequence([item]))])
        extra = (0x00081140, "SQ", raw.sequence([item])), (0x52009229, "SQ", raw.sequence([inner], undefined=False))
        clean = one(tmp_path, *extra, number=number)
        named = clean.ReferencedImageSequence[0].ReferencedSOPInstanceUID
        deep = clean.SharedFunctionalGroupsSequence[0].ReferencedImageSequence[0].ReferencedSOPInstanceUID
        assert named == deep
        assert clean.ReferencedImageSequence[0].ReferencedSOPClassUID == raw.MR
        files[str(clean.SOPInstanceUID)] = str(named)
        assert clean.file_meta.MediaStorageSOPInstanceUID == clean.SOPInstanceUID
    assert len(files) == 500
    assert set(files.values()) == set(files)
    assert all(re.fullmatch(r"2\.25\.[1-9][0-9]{1,38}", uid) for uid in files)


def test_intervals_between_studies_stay_and_patients_differ(tmp_path: Path) -> None:
    def days(patient: bytes) -> list[date]:
        found = []
        for day in (b"20190105", b"20200229", b"20231231"):
            clean = one(
                tmp_path,
                (0x00100020, "LO", patient),
                (0x00080020, "DA", day),
                (0x0008002A, "DT", day + b"235959.5+0100"),
            )
            assert clean.AcquisitionDateTime == clean.StudyDate + "235959.5+0100"
            found.append(date.fromisoformat(clean.StudyDate))
        return found

    first, second = days(b"A"), days(b"B")
    assert [later - first[0] for later in first] == [later - second[0] for later in second]
    assert (first[2] - first[0]).days == 1821
    assert first != second
    assert 1 <= (date(2019, 1, 5) - first[0]).days <= 365


def test_the_same_key_gives_the_same_bytes_and_another_key_others(tmp_path: Path) -> None:
    path = tmp_path / "one.dcm"
    path.write_bytes(
        raw.part10(raw.data_set(raw.minimal([(0x00080020, "DA", b"20200101"), (0x00080050, "SH", b"A1")])))
    )
    first, again = deidentify(path, POLICY), deidentify(path, Policy(key=KEY, keep_patient=True))
    other = deidentify(path, Policy(key=OTHER_KEY, keep_patient=True))
    assert first is not None and again is not None and other is not None
    assert first.content == again.content and first.place == again.place
    mine, theirs = read_back(first.content), read_back(other.content)
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "PatientID", "AccessionNumber", "StudyDate"):
        assert mine[keyword].value != theirs[keyword].value


def test_sex_and_age_are_kept_on_request_only(tmp_path: Path) -> None:
    facts = (0x00100040, "CS", b"F"), (0x00101010, "AS", b"093Y"), (0x00101030, "DS", b"61.5")
    kept, plain = one(tmp_path, *facts), one(tmp_path, *facts, policy=Policy(key=KEY))
    assert (kept.PatientSex, kept.PatientAge, str(kept.PatientWeight)) == ("F", "090Y", "61.5")
    assert plain.PatientSex == "" and "PatientAge" not in plain and "PatientWeight" not in plain
    born = one(tmp_path, (0x00100030, "DA", b"19800601"), (0x00080020, "DA", b"20200531"))
    assert born.PatientAge == "039Y"
    assert "PatientBirthDate" not in born or not born.PatientBirthDate


def test_what_was_done_stands_in_the_file(tmp_path: Path) -> None:
    def codes(dataset: Dataset) -> list[str]:
        return [item.CodeValue for item in dataset.DeidentificationMethodCodeSequence]

    clean = one(tmp_path)
    assert clean.PatientIdentityRemoved == "YES"
    assert clean.LongitudinalTemporalInformationModified == "MODIFIED"
    assert codes(clean) == ["113100", "113101", "113105", "113107", "113108"]
    device = (0x00181000, "LO", b"SN-4711"), (0x00191010, "LO", b"x")
    assert one(tmp_path, *device).DeviceSerialNumber != "SN-4711"
    kept = one(tmp_path, *device, policy=Policy(key=KEY, keep_device=True))
    assert kept.DeviceSerialNumber == "SN-4711"
    assert codes(kept) == ["113100", "113101", "113105", "113107", "113109"]
    private = (0x00430010, "LO", b"GEMS_PARM_01"), (0x00431039, "IS", b"1000000800\\8\\0\\0")
    safe = one(tmp_path, *private)
    assert [int(value) for value in safe[0x0043, 0x1039].value] == [800, 0, 0, 0]
    assert "113111" in codes(safe)


@pytest.mark.parametrize(
    "extra",
    [
        (0x00280301, "CS", b"YES"),
        (0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.7"),
        (0x00080064, "CS", b"WSD"),
        (0x00080008, "CS", b"DERIVED\\SECONDARY\\SCREEN SAVE"),
        (0x0008103E, "LO", b"Screen Save"),
        (0x00280004, "CS", b"RGB"),
        (0x60000102, "US", b"\x0c\x00"),
    ],
)
def test_pixels_that_may_hold_text_are_refused_unless_allowed(extra: raw.Element, tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as refused:
        one(tmp_path, extra)
    assert refused.value.reason == Refusal.BURNED_IN
    allowed = one(tmp_path, extra, policy=Policy(key=KEY, allow_burned_in=True))
    assert "113101" not in [item.CodeValue for item in allowed.DeidentificationMethodCodeSequence]


@pytest.mark.parametrize(
    ("kept", "reason"),
    [
        ({"extra": (0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.88.11")}, Refusal.OBJECT_CLASS),
        ({"without": (0x0020000D,)}, Refusal.MISSING_UID),
        ({"extra": (0x00280010, "US", b"\x09\x00")}, Refusal.UNREADABLE),
        ({"without": (0x00280010,)}, Refusal.UNREADABLE),
    ],
)
def test_what_is_not_covered_is_refused(kept: dict[str, Any], reason: Refusal, tmp_path: Path) -> None:
    extra = [kept.pop("extra")] if "extra" in kept else []
    with pytest.raises(RefusedError) as refused:
        one(tmp_path, *extra, **kept)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("form", "syntax"), [("JPEG", "1.2.840.10008.1.2.4.50"), ("JPEG2000", "1.2.840.10008.1.2.4.90")]
)
def test_comments_in_compressed_pixels_are_blanked_and_the_image_stays(form: str, syntax: str, tmp_path: Path) -> None:
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 255, (64, 48), np.uint8))
    buffer = io.BytesIO()
    picture.save(buffer, form, comment="CANARY OF THE SCANNER", **({"no_jp2": True} if form == "JPEG2000" else {}))
    assert b"CANARY" in buffer.getvalue()
    size = (0x00280010, "US", b"\x40\0"), (0x00280011, "US", b"\x30\0"), (0x00280100, "US", b"\x08\0")
    frames = encapsulate([buffer.getvalue() + b"\0CANARY", buffer.getvalue()], has_bot=True)
    body = raw.data_set(raw.minimal([*size, (0x00280008, "IS", b"2")], without=(0x7FE00010,)))
    body += raw.element(0x7FE00010, "OB", frames + b"\xfe\xff\xdd\xe0\0\0\0\0", undefined=True)
    path = tmp_path / "one.dcm"
    path.write_bytes(raw.part10(body, syntax=syntax))
    clean = deidentify(path, POLICY)
    assert clean is not None
    assert b"CANARY" not in clean.content
    new = read_back(clean.content)
    assert new.file_meta.TransferSyntaxUID == syntax
    for frame in generate_frames(new.PixelData, number_of_frames=2):
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(frame))), np.asarray(Image.open(buffer)))


def test_damaged_compressed_pixels_are_named() -> None:
    for data in (b"\xff\xd8\xff", b"\xff\xd8\xff\xfe\xff\xffab", b"no image"):
        with pytest.raises(CodestreamError):
            blank_texts(bytearray(data), "1.2.840.10008.1.2.4.70")


def test_a_rewritten_csa_header_reads_the_same(shared: Path) -> None:
    path = next((shared / "data" / "real" / "siemens_skyra_mosaic_PHANTOM").glob("**/*.dcm"))
    old = pydicom.dcmread(path, stop_before_pixels=True)[0x0029, 0x1010].value
    new = rewrite_csa(old)
    assert new is not None and len(new) < 600
    assert csa_values(new, "NumberOfImagesInMosaic") == tuple(
        f"{int(v)}" for v in csa_values(old, "NumberOfImagesInMosaic")
    )
    assert [float(v) for v in csa_values(new, "SliceNormalVector")] == [
        pytest.approx(float(v)) for v in csa_values(old, "SliceNormalVector")
    ]


def test_a_scanner_word_goes_where_it_is_the_persons_name(tmp_path: Path) -> None:
    name = (0x00100010, "PN", b"POST^Ax\\FLAIR^X")
    clean = one(tmp_path, name, (0x0008103E, "LO", b"AX FLAIR POST"), (0x00080070, "LO", b"GE MEDICAL SYSTEMS"))
    assert "SeriesDescription" not in clean
    assert clean.Manufacturer == "GE MEDICAL SYSTEMS"
    assert one(tmp_path, (0x0008103E, "LO", b"AX FLAIR POST")).SeriesDescription == "AX FLAIR POST"
