"""Plants canaries in headers, pixels, prose and carriers of an archive, de-identifies it and looks for them.

python benchmarks/canaries.py [--patients N] [--files N] [--folder DIR]

Each patient has a name, numbers, a birth date and an institution that are no words of a language; they are in elements
of every file, in private elements, in unused bits, behind the pixels and between RLE segments, in prose in five
spellings, and in what the carrier of a report names. All that `prima deidentify` writes is searched, as bytes and, for
Parquet, as text: files, names of files, tables, logs.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from prima.archive.ingest.reports import take_reports
from prima.archive.store.layout import Archive
from prima.archive.store.writing import ingesting
from prima.dicom.deidentify.folding import fold
from prima.dicom.deidentify.rle import rle_frame
from prima.report.report import Report

_MR = "1.2.840.10008.5.1.4.1.1.4"
_SYLLABLES = ["zor", "quax", "vil", "tche", "mür", "xan", "døb", "żik", "wuq", "jhal", "prö", "fez"]
_REPORTS_A_PATIENT = 5


@dataclass(frozen=True)
class Patient:
    """A made-up person and what must not be left of them."""

    number: int
    family: str
    given: str
    identifier: str
    accession: str
    born: date
    hospital: str

    @property
    def canaries(self) -> list[str]:
        """What is looked for."""
        return [self.family, self.given, self.hospital, self.identifier, self.accession, *self.dates]

    @property
    def dates(self) -> list[str]:
        """Forms of the birth date, which count where no other digit is beside them: UIDs are long numbers by chance."""
        return [f"{self.born:%Y%m%d}", f"{self.born:%Y-%m-%d}", f"{self.born:%m/%d/%Y}"]


def made_up(number: int) -> Patient:
    """A patient by number."""
    dice = random.Random(number)

    def word(count: int) -> str:
        return "".join(dice.choice(_SYLLABLES) for _ in range(count)).capitalize()

    return Patient(
        number, f"{word(3)}-{word(2)}", word(3), f"{dice.randrange(10**8, 10**9)}",
        f"ACC{dice.randrange(10**6, 10**7)}",
        date(1931, 1, 2) + timedelta(days=dice.randrange(25_000)), f"{word(3)} Hospital",
    )  # fmt: skip


def image(patient: Patient, number: int) -> Dataset:
    """A small image whose header and pixels are full of its patient."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    uid = f"1.2.826.0.1.{patient.identifier}"
    dataset.SOPClassUID, dataset.SOPInstanceUID = _MR, f"{uid}.3.{number}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = f"{uid}.1", f"{uid}.2.{number % 4}"
    dataset.file_meta.MediaStorageSOPClassUID, dataset.file_meta.MediaStorageSOPInstanceUID = (
        _MR,
        dataset.SOPInstanceUID,
    )
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName, dataset.PatientID = f"{patient.family}^{patient.given}", patient.identifier
    if number % 7 == 6:
        del dataset.PatientID
    dataset.PatientBirthDate, dataset.AccessionNumber = f"{patient.born:%Y%m%d}", patient.accession
    dataset.InstitutionName, dataset.StationName = patient.hospital, patient.family[:16]
    dataset.OperatorsName = dataset.ReferringPhysicianName = f"{patient.family}^{patient.given}"
    dataset.PatientComments = dataset.ImageComments = f"{patient.given} {patient.family} {patient.identifier}"
    dataset.SeriesDescription, dataset.StudyDescription = f"AX T1 {patient.family}", f"MRI BRAIN {patient.identifier}"
    dataset.StudyDate = dataset.SeriesDate = "20240310"
    dataset.Modality, dataset.Manufacturer, dataset.ProtocolName = "MR", "SIEMENS", f"t1 {patient.given}"
    dataset.AcquisitionNumber = patient.identifier[:7]
    dataset.RepetitionTime = patient.identifier
    dataset.add_new(0x00290010, "LO", f"{patient.family} 1.0")
    dataset.add_new(0x00291010, "OB", f"{patient.family} {patient.identifier} ".encode("utf-16-le"))
    dataset.Rows = dataset.Columns = 32
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    samples = np.random.default_rng(number).integers(0, 4096, 32 * 32).astype("<u2")
    secret = f"{patient.family} {patient.identifier}".encode() + b" "
    if number % 3 == 0:  # a letter in the unused bits of two samples
        hidden = np.frombuffer(secret * (512 // len(secret)), np.uint8)
        nibbles = np.stack([hidden >> 4, hidden & 15], axis=1).ravel().astype("<u2")
        samples[: len(nibbles)] |= nibbles << 12
    pixels = samples.tobytes()
    syntax = ExplicitVRLittleEndian
    if number % 3 == 1:
        pixels += secret + secret
    elif number % 3 == 2:
        planes = [samples.astype(">u2").view(np.uint8).reshape(-1, 2)[:, place].tobytes() for place in range(2)]
        frame = bytes(rle_frame(planes, row_bytes=32)) + secret + b"\0" * (len(secret) % 2)
        pixels, syntax = encapsulate([frame]), RLELossless
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = pixels + b"\0" * (len(pixels) % 2)
    return dataset


def reports(patient: Patient) -> list[Report]:
    """Reports of a patient, in the spellings that people use; of the last two only the carrier says whose they are."""
    family, given = patient.family, patient.given
    plain = fold(family).upper()
    spellings = [
        f"{given} {family}", f"{family.upper()}, {given.upper()}", f"{plain} {fold(given)}",
        f"Mrs. {family.replace('-', ' ')}", f"{family.replace('-', '‑')}",
    ]  # fmt: skip
    found = []
    for index, spelling in enumerate(spellings[:_REPORTS_A_PATIENT]):
        text = (
            f"HISTORY: {spelling}, MRN {patient.identifier}, born {patient.born:%m/%d/%Y}, at {patient.hospital}.\n"
            f"FINDINGS: No mass. {given}'s prior study of March 4 (accession {patient.accession}) is unchanged.\n"
            f"Discussed with Dr. {family} on 3/4. ELECTRONICALLY SIGNED BY {given.upper()} {plain} MD"
        )
        alone = index >= _REPORTS_A_PATIENT - 2
        found.append(
            Report(
                text=text,
                accession=None if alone else patient.accession,
                patient_id=f"PSEUDO{patient.number}" if alone else patient.identifier,
                filed_at=datetime(2024, 3, 10, 12, index),
                names=(f"{family}^{given}",) if alone else (),
                source="canaries",
            )
        )
    return found


def search(out: Path, logs: str, patients: list[Patient]) -> list[tuple[str, str]]:
    """(Where, canary) of everything that is left."""
    hits = []
    forms = {canary: canary for patient in patients for canary in patient.canaries}
    dates = {form for patient in patients for form in patient.dates}
    folded = {fold(form): form for form in forms if form not in dates}
    born = re.compile(rf"(?<!\d)(?:{'|'.join(map(re.escape, dates))})(?!\d)")
    encoded = [
        (form, code) for form in forms for code in {form.encode(), form.upper().encode(), form.encode("utf-16-le")}
    ]
    texts = [("logs", logs)]
    for path in sorted(out.rglob("*")):
        texts.append(("the name of a file", path.name))
        if not path.is_file():
            continue
        content = path.read_bytes()
        hits += [(path.suffix, form) for form, code in encoded if form not in dates and code in content]
        hits += [(path.suffix, match[0]) for match in born.finditer(content.decode("latin-1"))]
        if path.suffix == ".parquet":
            texts.append(
                (path.parent.name, json.dumps(pl.read_parquet(path).to_dicts(), default=str, ensure_ascii=False))
            )
        elif path.suffix != ".dcm":
            texts.append((path.name, content.decode("utf-8", "replace")))
        else:
            hits += [("unused bits", form) for form in _in_unused_bits(content, forms)]
    for where, text in texts:
        plain = fold(text)
        hits += [(where, form) for found, form in folded.items() if found in plain]
        hits += [(where, match[0]) for match in born.finditer(text)]
    return hits


def _in_unused_bits(content: bytes, forms: dict[str, str]) -> list[str]:
    """Canaries written into the upper four bits of the last 32 x 32 samples of 16 bits."""
    samples = np.frombuffer(content[-2048:], "<u2") >> 12
    joined = ((samples[::2] << 4) | samples[1::2]).astype(np.uint8).tobytes()
    return [form for form in forms if form.encode() in joined]


def main() -> None:
    """Run it once and print what was looked at and what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=100)
    parser.add_argument("--files", type=int, default=21, help="of each patient")
    parser.add_argument("--folder", type=Path)
    wanted = parser.parse_args()
    folder = wanted.folder or Path(tempfile.mkdtemp())
    patients = [made_up(number) for number in range(wanted.patients)]
    source = folder / "source"
    for patient in patients:
        (source / patient.family).mkdir(parents=True)
        for number in range(wanted.files):
            image(patient, number).save_as(
                source / patient.family / f"{patient.given}_{number}.dcm", enforce_file_format=True
            )
    key = folder / "site.key"
    key.write_text("a key for tests only")
    key.chmod(0o600)
    command = [sys.executable, "-c", "import sys; from prima.cli.main import run; sys.exit(run(sys.argv[1:]))"]
    subprocess.run([*command, "ingest", str(source), str(folder / "archive")], check=True, capture_output=True)
    archive = Archive.open(folder / "archive")
    written = [report for patient in patients for report in reports(patient)]
    with ingesting(archive):
        take_reports(archive, written, "canaries")
    planted_hits = len(search(archive.root, "", patients))
    out = folder / "clean"
    run = subprocess.run(
        [*command, "deidentify", str(folder / "archive"), str(out), "--key", str(key), "--workers", "2", "--json"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    hits = search(out, run.stdout + run.stderr, patients)
    planted = sum(len(patient.canaries) for patient in patients)
    counts = json.loads(run.stdout)
    print(f"{counts['written']} files written, {counts['refused']} refused, {len(written)} reports, {planted} canaries")
    print(f"{planted_hits} hits in the archive, {len(hits)} in its copy")
    for where, form in hits[:40]:
        print(f"  {where}: {form}")
    sys.exit(bool(hits) or planted_hits < planted)


if __name__ == "__main__":
    main()
