"""Bad inputs of every kind, one good study, and the real command in a child process."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from pydicom import Dataset, dcmread

from prima.simulate.phantom.write import write_phantom_study

# What may appear nowhere: not on the terminal, not in a file name, not in any result.
NAME, PATIENT_ID, ACCESSION, PHYSICIAN, BIRTH = "Zyxwvut^Qponml", "MRN-778899", "ACC-4471X", "Kanari^Vogel", "19011231"
SECRETS = ("zyxwvut", "qponml", "778899", "4471x", "kanari", "vogel", BIRTH)
SCRIPT = '<script>alert("x")</script><img src=x onerror=alert(1)>'

# Runs the command without the power to read what its owner may not: what root has over other users.
WITHOUT_POWERS = """
import ctypes, os, sys
for power in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    if os.getuid() == 0 and ctypes.CDLL(None, use_errno=True).prctl(24, power, 0, 0, 0):  # PR_CAPBSET_DROP
        sys.exit(77)
os.execv(sys.executable, [sys.executable, "-m", "prima", *sys.argv[1:]])
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str

    def line_of(self, path: Path) -> str:
        """The one line of stderr that names a path as it was given."""
        (line,) = [line for line in self.err.splitlines() if f" {path}: " in line]
        return line


def prima(*arguments: object, cwd: Path | None = None, powers: bool = False, **options: Any) -> Ended:
    """Run the real command, as any user would have it."""
    words = [str(argument) for argument in arguments]
    command = [sys.executable, *(["-m", "prima"] if powers else ["-c", WITHOUT_POWERS]), *words]
    ended = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False, **options)
    if ended.returncode == 77:
        pytest.skip("root cannot give up its powers here, so nothing is unreadable to it")
    return Ended(ended.returncode, ended.stdout, ended.stderr)


@pytest.fixture(scope="session")
def command() -> Callable[..., Ended]:
    """The command `prima`."""
    return prima


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The phantom study, written once."""
    folder = tmp_path_factory.mktemp("phantom") / "study"
    write_phantom_study(folder)
    return folder


@pytest.fixture(scope="session")
def good(phantom: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three series of the phantom: enough to be a study, little enough to be quick."""
    folder = tmp_path_factory.mktemp("good") / "good"
    for number in (1, 2, 5):
        shutil.copytree(phantom / f"series_{number:02d}", folder / f"series_{number:02d}")
    return folder


@pytest.fixture(scope="session")
def inputs(phantom: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with one bad (or odd) input of each kind; `write_inputs` tells their names."""
    folder = tmp_path_factory.mktemp("inputs")
    Writer(folder, sorted((phantom / "series_02").iterdir())[:8]).write_all()
    yield folder
    for closed in (folder / "closed", folder / "closed-file" / "IM8"):
        closed.chmod(0o700)


class Writer:
    """Writes every input below a folder; the DICOM ones are made of eight slices of the phantom."""

    def __init__(self, folder: Path, slices: list[Path]) -> None:
        self.folder = folder
        self.slices = slices
        self.num_studies = 0

    def study(
        self, name: str, change: Callable[[Dataset], None] = lambda _: None, *, num_slices: int = 8, **elements: Any
    ) -> list[Path]:
        """A study of one series; its patient is secret, and so are the names of the folder and files below it."""
        self.num_studies += 1
        place = self.folder / name / NAME.replace("^", "_")
        place.mkdir(parents=True)
        paths = []
        with warnings.catch_warnings(action="ignore"):  # some of this no scanner should write
            for path in self.slices[:num_slices]:
                dataset = dcmread(path)
                dataset.StudyInstanceUID = f"1.2.3.{self.num_studies}"
                dataset.SeriesInstanceUID = f"1.2.3.{self.num_studies}.1"
                dataset.PatientName, dataset.PatientID, dataset.AccessionNumber = NAME, PATIENT_ID, ACCESSION
                dataset.ReferringPhysicianName, dataset.PatientBirthDate = PHYSICIAN, BIRTH
                for keyword, value in elements.items():
                    setattr(dataset, keyword, value)
                change(dataset)
                paths.append(place / f"{NAME} {path.name}")
                dataset.save_as(paths[-1], enforce_file_format=True)
        return paths

    def nifti(self, name: str, voxels: np.ndarray, affine: np.ndarray | None = None) -> Path:
        """One NIfTI file in a folder of its own."""
        (self.folder / name).mkdir()
        path = self.folder / name / "t1.nii.gz"
        image = nib.Nifti1Image(voxels, np.diag([1.0, 1.0, 5.0, 1.0]) if affine is None else affine)
        image.set_sform(image.affine, 1)
        nib.save(image, path)
        return path

    def write_all(self) -> None:
        """Every input."""
        (self.folder / "empty").mkdir()
        (self.folder / "text").mkdir()
        for number in range(3):
            (self.folder / "text" / f"{NAME}{number}.txt").write_text(f"{NAME}\nreport\n" * 40)
        for path in self.study("truncated"):
            path.write_bytes(path.read_bytes()[:-5_000])
        for path in self.study("truncated-header"):
            path.write_bytes(path.read_bytes()[:900])
        self.study("no-pixels", lambda dataset: setattr(dataset, "PixelData", b""))
        self.study("one-slice", num_slices=1)
        self.study("wrong-rows", Rows=300)
        self.study("huge-matrix", Rows=65_535, Columns=65_535, NumberOfFrames=2_000_000_000)
        for path in self.study("nan-position"):
            replace_decimals(path, (0x20, 0x32), b"nan\\nan\\nan")
        self.study("patient-id-dots", PatientID="../../../escaped/MRN-778899", PatientName=f"../{NAME}")
        self.study("study-uid-dots", StudyInstanceUID="../../escaped/1.2.3")
        self.study(
            "script", SeriesDescription=SCRIPT, StudyDescription=SCRIPT, ProtocolName=SCRIPT, Manufacturer=SCRIPT
        )
        self.study("black", lambda dataset: setattr(dataset, "PixelData", bytes(len(dataset.PixelData))))
        (deep,) = self.study("deep", num_slices=1)
        deep.write_bytes(with_deep_sequence(deep.read_bytes(), 10_000))
        *_, deep = self.study("one-deep-of-eight")
        deep.write_bytes(with_deep_sequence(deep.read_bytes(), 10_000))
        self._closed()
        self._loops()
        self._nifti()
        (self.folder / "random").mkdir()
        source = random.Random(5)
        for number in range(4):
            (self.folder / "random" / f"{NAME}{number}.dcm").write_bytes(source.randbytes(20_000))
        os.mkfifo(self.folder / "pipe")
        (self.folder / "escape\x1b[2J").mkdir()

    def _closed(self) -> None:
        (self.folder / "closed").mkdir(mode=0)
        paths = self.study("closed-file")
        paths[-1].rename(self.folder / "closed-file" / "IM8")
        (self.folder / "closed-file" / "IM8").chmod(0)

    def _loops(self) -> None:
        (self.folder / "link-to-itself").symlink_to("link-to-itself")
        self.study("link-loop")
        for name in ("again", "and-again"):
            (self.folder / "link-loop" / name).symlink_to(self.folder / "link-loop")
        (self.folder / "link-loop" / "nowhere").symlink_to("nowhere")

    def _nifti(self) -> None:
        voxels = np.random.default_rng(3).integers(0, 900, (32, 32, 8)).astype(np.int16)
        bad = np.diag([1.0, 1.0, 5.0, 1.0])
        bad[0, 3] = np.nan
        self.nifti("nan-affine", voxels, bad)
        self.nifti("four-d", np.repeat(voxels[..., None], 5, 3))
        self.nifti("nan-voxels", np.full((32, 32, 8), np.nan, np.float32))
        path = self.nifti("cut-nifti", voxels)
        path.write_bytes(path.read_bytes()[:4_000])
        path = self.nifti("claims-40-gb", voxels)
        raw = bytearray(gzip.decompress(path.read_bytes()))
        struct.pack_into("<4h", raw, 40, 3, 32_000, 20_000, 32)
        path.write_bytes(gzip.compress(bytes(raw)))
        path = self.nifti("inflates", voxels)
        raw = bytearray(gzip.decompress(path.read_bytes()))
        struct.pack_into("<4h", raw, 40, 3, 1024, 1024, 1024)
        path.write_bytes(gzip.compress(bytes(raw) + bytes(3_000_000)))


def replace_decimals(path: Path, tag: tuple[int, int], value: bytes) -> None:
    """Put a decimal string into a file past every check of the library that wrote it."""
    data = path.read_bytes()
    start = data.index(struct.pack("<HH", *tag) + b"DS")
    length = struct.unpack_from("<H", data, start + 6)[0]
    padded = value + b" " * (len(value) % 2)
    path.write_bytes(data[: start + 6] + struct.pack("<H", len(padded)) + padded + data[start + 8 + length :])


def with_deep_sequence(data: bytes, depth: int) -> bytes:
    """The data set with a private sequence nested to a depth."""
    down = b"\x09\x00\x10\x10SQ\x00\x00\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    up = b"\xfe\xff\x0d\xe0\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0"
    at = data.index(b"\x10\x00\x10\x00PN")
    return data[:at] + down * depth + up * depth + data[at:]


@dataclass(frozen=True)
class Call:
    """One call of the command with every input in it, and what it left."""

    ended: Ended
    inputs: Path
    out: Path

    def line(self, name: str) -> str:
        """What was said of an input; exactly one line."""
        return self.ended.line_of(self.inputs / name)

    def findings(self) -> dict[str, dict[str, Any]]:
        """findings.json by study UID."""
        found = [json.loads(path.read_text("utf-8")) for path in self.out.glob("*/findings.json")]
        return {one["study"]["study_uid"]: one for one in found}

    def findings_of(self, name: str) -> dict[str, Any]:
        """findings.json of the study that a line speaks of."""
        text = next(
            line for line in (self.ended.out + self.ended.err).splitlines() if f" {self.inputs / name}: " in line
        )
        report = Path(text.split("report: ")[1])
        return json.loads(report.with_name("findings.json").read_text("utf-8"))


@pytest.fixture(scope="session")
def alone(good: Path, tmp_path_factory: pytest.TempPathFactory) -> Call:
    """The good study, and nothing else."""
    out = tmp_path_factory.mktemp("alone") / "out"
    return Call(prima("predict", "--scores-anyway", good, "--out", out), good.parent, out)


@pytest.fixture(scope="session")
def together(good: Path, inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Call:
    """The good study amid every bad one, and once more at the end."""
    out = tmp_path_factory.mktemp("together") / "results" / "out"
    bad = sorted(inputs.iterdir())
    half = len(bad) // 2
    words = [*bad[:half], good, *bad[half:], inputs / "missing", good]
    return Call(prima("predict", "--scores-anyway", *words, "--out", out), inputs, out)


@pytest.fixture(scope="session")
def secrets() -> tuple[str, ...]:
    """Pieces of the patient's texts, in lower case."""
    return SECRETS


@pytest.fixture(scope="session")
def script() -> str:
    """What stands in the descriptions of the study `script`."""
    return SCRIPT
