"""Damaged files through every reader but those of reports: no traceback, no hang, little memory.

    python benchmarks/fuzz_files.py [--mutants 10000] [--seed 1] [--only KIND] [--keep DIR]

Kinds: DICOM (read as a study, and de-identified), NIfTI, zip and tar, checkpoints of both forms, a release's manifest
and weights, findings.json, tables. Each mutant must end in a result or in one of openprima's own errors, within five
seconds. `--keep` writes those that do not there. Reports have `fuzz_reports.py`.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import resource
import shutil
import signal
import sys
import tarfile
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).parent))

from damage import damaged

from prima.errors import PrimaError

SECONDS = 5.0
NUM_SLICES, SIZE = 6, 32
PIECES = (
    b"\x00", b"\xff" * 4, b"\xff" * 8, b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0\x00\x00\x00\x00",
    b"\x28\x00\x10\x00US\x02\x00\xff\xff", b"\xe0\x7f\x10\x00OW\x00\x00\xff\xff\xff\xff",
    b"SQ\x00\x00\xff\xff\xff\xff" * 30, b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 192", b"\x7f\xff\xff\xff",
    b"NaN", b"1e999", b"-1", b"{" * 300, b"[" * 3000, b"null", b"\x80\x02}q\x00", b"cos\nsystem\n",
    b"2" * 30, b"R", b".", b"PK\x05\x06" + b"\x00" * 18, b"PK\x01\x02", b"../../../etc/passwd",
    b"\x1f\x8b\x08", b"\x00\x00\xc0\x7f", b"\xed\xa0\x80",
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """A kind of file: whole examples, and what reads one.

    Args:
        name: of the kind.
        seeds: (file name, content).
        read: reads the file at a path; a folder of its own, holding nothing else.
    """

    name: str
    seeds: tuple[tuple[str, bytes], ...]
    read: Callable[[Path], object]


@dataclass
class FileFuzzResult:
    """What became of the mutants.

    Args:
        outcomes: by kind: read, or refused.
        failures: (kind, index of the mutant, what went wrong).
        slowest: seconds of the slowest mutant of each kind.
        peak_mb: resident memory of the process at its highest, imports included.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[str, int, str]] = field(default_factory=list)
    slowest: dict[str, float] = field(default_factory=dict)
    peak_mb: float = 0.0


class HangError(BaseException):
    """A mutant took longer than it may; no reader may catch it."""


def dicom_slices() -> list[bytes]:
    """A small axial series of the phantom, a file a slice, in several transfer syntaxes."""
    import numpy as np
    import pydicom
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

    syntaxes = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless, DeflatedExplicitVRLittleEndian)
    slices = []
    for index in range(NUM_SLICES):
        data = Dataset()
        data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.4", f"1.2.3.{index + 1}"
        data.StudyInstanceUID, data.SeriesInstanceUID, data.FrameOfReferenceUID = "1.2.3", "1.2.3.100", "1.2.3.200"
        data.Modality, data.PatientID, data.PatientName = "MR", "P1", "MADE^UP"
        data.ImageType, data.SeriesDescription, data.BodyPartExamined = ["ORIGINAL", "PRIMARY"], "AX T2", "HEAD"
        data.StudyDate, data.InstanceNumber, data.SeriesNumber = "20240102", index + 1, 2
        data.ImagePositionPatient, data.ImageOrientationPatient = [0, 0, 5 * index], [1, 0, 0, 0, 1, 0]
        data.PixelSpacing, data.SliceThickness = [7, 7], 5
        data.Rows = data.Columns = SIZE
        data.SamplesPerPixel, data.PhotometricInterpretation, data.PixelRepresentation = 1, "MONOCHROME2", 0
        data.BitsAllocated = data.BitsStored = 16
        data.HighBit = 15
        pixels = np.random.default_rng(index).integers(0, 900, (SIZE, SIZE)).astype(np.uint16)
        data.PixelData = pixels.tobytes()
        data.file_meta = FileMetaDataset()
        syntax = syntaxes[index % len(syntaxes)]
        data.file_meta.TransferSyntaxUID = syntax if syntax != RLELossless else ExplicitVRLittleEndian
        if syntax == RLELossless:
            data.compress(RLELossless, generate_instance_uid=False)
        buffer = io.BytesIO()
        pydicom.dcmwrite(buffer, data, enforce_file_format=True)
        slices.append(buffer.getvalue())
    return slices


def kinds(folder: Path) -> list[Kind]:
    """Every kind, its examples made in `folder`."""
    import nibabel
    import numpy as np
    import torch

    from prima.dicom.deidentify.file import deidentify
    from prima.dicom.deidentify.key import SiteKey
    from prima.dicom.deidentify.policy import Policy
    from prima.files.container import entries_of
    from prima.model.convert.checkpoint import open_checkpoint
    from prima.model.release.folder import load_release
    from prima.model.release.untrained import TINY_SIZES, write_untrained_release
    from prima.predict.sources import find_studies, read_study
    from prima.study.findings_reader import read_findings
    from prima.tables.read import read_table

    slices = dicom_slices()
    policy = Policy(key=SiteKey.make(folder / "key"))
    release = folder / "release"
    write_untrained_release(release, TINY_SIZES, name="tiny")
    findings = Path(__file__).parents[1] / "tests" / "study" / "findings_1"
    volume = nibabel.Nifti1Image(
        np.random.default_rng(1).integers(0, 900, (24, 24, 12)).astype(np.int16), np.diag([8, 8, 10, 1.0])
    )
    nibabel.save(volume, folder / "sub-01_T2w.nii.gz")
    nibabel.save(volume, folder / "sub-01_T2w.nii")
    for legacy in (True, False):
        state = {"model": {f"layer{index}.weight": torch.randn(4, 4) for index in range(3)}, "step": 7}
        torch.save(state, folder / f"checkpoint{legacy}.pt", _use_new_zipfile_serialization=not legacy)
    with zipfile.ZipFile(folder / "export.zip", "w", zipfile.ZIP_DEFLATED) as zipped:
        for index, content in enumerate(slices):
            zipped.writestr(f"study/{index}.dcm", content)
    with tarfile.open(folder / "export.tar.gz", "w:gz") as tarred:
        for index, content in enumerate(slices):
            entry = tarfile.TarInfo(f"study/{index}.dcm")
            entry.size = len(content)
            tarred.addfile(entry, io.BytesIO(content))
    (folder / "table.csv").write_text("study_uid,structural_edema\n1.2,1\n1.3,0\n")
    import polars as pl

    pl.DataFrame({"study_uid": ["1.2", "1.3"], "structural_edema": [True, False]}).write_parquet(
        folder / "table.parquet"
    )

    def named(*names: str) -> tuple[tuple[str, bytes], ...]:
        return tuple((name, (folder / name).read_bytes()) for name in names)

    def dicom_study(path: Path) -> object:
        for index, content in enumerate(slices[1:], 1):
            (path.parent / f"{index}.dcm").write_bytes(content)
        return [study.read(workers=1) for study in find_studies(path.parent).studies]

    def tiny_release(path: Path) -> object:
        for file in release.rglob("*"):
            target = path.parent / file.relative_to(release)
            if file.is_file() and target.name != path.name:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
        return load_release(path.parent, verify=True)

    def checkpoint(path: Path) -> object:
        with open_checkpoint(path) as opened:
            return opened.root

    return [
        Kind("DICOM", tuple((f"{index}.dcm", content) for index, content in enumerate(slices[:4])), dicom_study),
        Kind(
            "de-identified DICOM",
            tuple((f"{index}.dcm", content) for index, content in enumerate(slices[:4])),
            lambda path: deidentify(path, policy),
        ),
        Kind("NIfTI", named("sub-01_T2w.nii", "sub-01_T2w.nii.gz"), read_study),
        Kind(
            "zip and tar",
            named("export.zip", "export.tar.gz"),
            lambda path: [len(getattr(entry, "content", b"")) for entry in entries_of(path)],
        ),
        Kind("checkpoint", named("checkpointTrue.pt", "checkpointFalse.pt"), checkpoint),
        Kind(
            "release",
            tuple((name, (release / name).read_bytes()) for name in ("release.json", "tokenizer.safetensors")),
            tiny_release,
        ),
        Kind(
            "findings", tuple((path.name, path.read_bytes()) for path in sorted(findings.glob("*.json"))), read_findings
        ),
        Kind("table", named("table.csv", "table.parquet"), read_table),
    ]


def mutants(kind: Kind, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Damaged files of a kind, the same for the same seed."""
    chance = random.Random(f"{seed} {kind.name}")
    for _ in range(count):
        name, content = chance.choice(kind.seeds)
        yield name, damaged(content, chance, chance.choice(kind.seeds)[1], PIECES)


def fuzz(count: int, seed: int, only: str | None = None, keep: Path | None = None) -> FileFuzzResult:
    """Read about `count` mutants, spread over the kinds."""
    result = FileFuzzResult()

    def hang(_signal: int, _frame: FrameType | None) -> None:
        raise HangError(f"more than {SECONDS:g} s")

    before = signal.signal(signal.SIGALRM, hang)
    try:
        with tempfile.TemporaryDirectory() as made:
            chosen = [kind for kind in kinds(Path(made)) if only in (None, kind.name)]
            for kind in chosen:
                for index, (name, content) in enumerate(mutants(kind, -(-count // len(chosen)), seed)):
                    _read_one(kind, index, name, content, result, keep)
    finally:
        signal.signal(signal.SIGALRM, before)
    result.peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return result


def _read_one(kind: Kind, index: int, name: str, content: bytes, result: FileFuzzResult, keep: Path | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        started = time.perf_counter()
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        try:
            kind.read(path)
            result.outcomes[f"{kind.name}: read"] += 1
        except PrimaError as error:
            line = str(error)
            result.outcomes[f"{kind.name}: refused"] += 1
            failure = None if line and "\n" not in line else f"{name}: no line, or several: {line[:100]!r}"
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is what is looked for
            failure = f"{name}: {type(error).__name__}: {str(error)[:120]}"
        else:
            failure = None
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            seconds = time.perf_counter() - started
            result.slowest[kind.name] = max(result.slowest.get(kind.name, 0.0), seconds)
        if failure is not None:
            result.failures.append((kind.name, index, failure))
            if keep is not None:
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f"{kind.name.replace(' ', '_')}_{index}_{name}").write_bytes(content)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutants", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only")
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    started = time.perf_counter()
    result = fuzz(options.mutants, options.seed, options.only, options.keep)
    print(f"- {options.mutants} mutants (seed {options.seed}) in {time.perf_counter() - started:.0f} s")
    print("\n".join(f"- {name}: {count}" for name, count in sorted(result.outcomes.items())))
    print(f"- slowest mutant {max(result.slowest.values()):.2f} s; peak memory {result.peak_mb:.0f} MB")
    print(f"- {len(result.failures)} failures")
    for kind, index, failure in result.failures[:40]:
        print(f"  - {kind} {index}: {failure}")
    print(json.dumps({kind: round(seconds, 2) for kind, seconds in result.slowest.items()}))


if __name__ == "__main__":
    main()
