"""The json file that BIDS and dcm2niix put beside an image, and what a BIDS file name says."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prima.study.nifti_header import stem_of_name
from prima.study.study import Acquisition, Patient

MAX_SIDECAR_BYTES = 4 * 1024**2


@dataclass(frozen=True, kw_only=True)
class Sidecar:
    """The facts of a BIDS json file that the house uses; everything may be absent.

    Args:
        values: the file's contents.
        found: whether there was a readable file.
        note: one line when there was one that could not be read.
    """

    values: dict[str, Any]
    found: bool = False
    note: str | None = None

    def text(self, *keys: str) -> str | None:
        """The first of the keys that holds text, without surrounding space; None when none does."""
        for key in keys:
            value = self.values.get(key)
            if isinstance(value, str) and value.strip():
                return value.strip()
        return None

    def number(self, key: str, factor: float = 1.0) -> float | None:
        """A finite number times a factor; None when the key holds none."""
        value = self.values.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return None
        return float(value) * factor

    @property
    def image_type(self) -> tuple[str, ...]:
        """The values of ImageType, in capitals."""
        value = self.values.get("ImageType")
        return tuple(str(item).upper() for item in value) if isinstance(value, list) else ()

    @property
    def series_number(self) -> int | None:
        """SeriesNumber, when it is a whole number."""
        value = self.number("SeriesNumber")
        return int(value) if value is not None and value == int(value) else None

    @property
    def acquisition(self) -> Acquisition:
        """Acquisition facts; BIDS gives times in seconds, we keep milliseconds (BIDS 1.10, MRI appendix)."""
        return Acquisition(
            manufacturer=self.text("Manufacturer"),
            model=self.text("ManufacturersModelName", "ManufacturerModelName"),
            station=self.text("StationName"),
            field_strength_t=self.number("MagneticFieldStrength"),
            repetition_time_ms=self.number("RepetitionTime", 1000.0),
            echo_time_ms=self.number("EchoTime", 1000.0),
            inversion_time_ms=self.number("InversionTime", 1000.0),
            flip_angle_deg=self.number("FlipAngle"),
            contrast_agent=self.text("ContrastBolusAgent", "ContrastBolusIngredient"),
        )

    @property
    def patient(self) -> Patient:
        """Age (from a DICOM age string such as 045Y, or a number of years) and sex."""
        sex = self.text("PatientSex", "Sex")
        age = self.number("PatientAge")
        written = re.fullmatch(r"(\d{1,3})([YMWD])", self.text("PatientAge") or "")
        if written:
            age = int(written[1]) / {"Y": 1.0, "M": 12.0, "W": 52.1775, "D": 365.2425}[written[2]]
        return Patient(age_years=age, sex=sex if sex in ("F", "M", "O") else None)


def read_sidecar(image_path: Path) -> Sidecar:
    """The json beside an image (same stem); an empty one when there is none or it is broken."""
    path = image_path.with_name(stem_of(image_path) + ".json")
    try:
        if not path.is_file():
            return Sidecar(values={})
        if path.stat().st_size > MAX_SIDECAR_BYTES:
            return Sidecar(values={}, note="the json beside the image is too large: ignored")
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return Sidecar(values={}, note="the json beside the image cannot be read: ignored")
    if not isinstance(values, dict):
        return Sidecar(values={}, note="the json beside the image is not an object: ignored")
    return Sidecar(values=values, found=True)


def stem_of(path: Path) -> str:
    """The file name without `.nii`, `.nii.gz` or the other suffixes of images, whatever their case.

    Example:
        >>> stem_of(Path("sub-01_T1w.nii.gz"))
        'sub-01_T1w'
    """
    return stem_of_name(path.name)


def description_of_stem(stem: str) -> str:
    """A series description made of a file's stem: BIDS subject and session are left out, they name the patient.

    Example:
        >>> description_of_stem("sub-0042_ses-1_acq-tfl_T1w")
        'acq-tfl_T1w'
        >>> description_of_stem("t2_flair_axial")
        't2_flair_axial'
    """
    return re.sub(r"^sub-[^_]*_(ses-[^_]*_)?", "", stem)


def suffix_of(stem: str) -> str:
    """The last part of a BIDS name, in lower case.

    Example:
        >>> suffix_of("sub-01_task-rest_BOLD")
        'bold'
    """
    return stem.rpartition("_")[2].lower()


def read_b_values(image_path: Path) -> tuple[float, ...] | None:
    """The b-values (s/mm²) of the `.bval` beside an image; None when there is none, () when it is broken."""
    path = image_path.with_name(stem_of(image_path) + ".bval")
    try:
        if not path.is_file():
            return None
        if path.stat().st_size > MAX_SIDECAR_BYTES:
            return ()
        values = tuple(float(word) for word in path.read_text("ascii").split())
    except (OSError, ValueError):
        return ()
    return values if all(math.isfinite(value) for value in values) else ()
