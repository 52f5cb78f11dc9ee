"""What a site decides: the key, and which options of the profile hold."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files

from prima.dicom.deidentify.key import SiteKey
from prima.dicom.deidentify.pseudonyms import Pseudonyms

METHOD = "openprima: PS3.15 basic profile, default-deny; faces not removed"

# PS3.16 CID 7050
BASIC = ("113100", "Basic Application Confidentiality Profile")
PIXELS = ("113101", "Clean Pixel Data Option")
DESCRIPTORS = ("113105", "Clean Descriptors Option")
MODIFIED_DATES = ("113107", "Retain Longitudinal Temporal Information Modified Dates Option")
PATIENT = ("113108", "Retain Patient Characteristics Option")
DEVICE = ("113109", "Retain Device Identity Option")
SAFE_PRIVATE = ("113111", "Retain Safe Private Option")

_TABLES = ("tables/actions.csv", "tables/private.csv", "tables/codes.csv", "words.txt", "prose.toml")


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How files are de-identified.

    Args:
        key: the site's secret.
        keep_patient: keep sex, age (89 at most, older ones as 90), size and weight (option 113108).
        keep_device: keep the scanner's station name and serial number (option 113109); else a keyed word stands there.
        max_days: dates move back by 1 to this many days; at least 30.
        allow_burned_in: let files through whose pixels may hold text; option 113101 is then not claimed for them.
    """

    key: SiteKey = field(repr=False)
    keep_patient: bool = False
    keep_device: bool = False
    max_days: int = 365
    allow_burned_in: bool = False

    def __post_init__(self) -> None:
        Pseudonyms(key=self.key, max_days=self.max_days)  # refuses too few days

    @cached_property
    def pseudonyms(self) -> Pseudonyms:
        """What replaces identities."""
        return Pseudonyms(key=self.key, max_days=self.max_days)

    def codes(self, *, clean_pixels: bool, private: bool) -> tuple[tuple[str, str], ...]:
        """The codes of the profile and options that hold for a file (PS3.16 CID 7050).

        Args:
            clean_pixels: the header gives no reason to expect text in the pixels.
            private: private elements of the safe list were kept.
        """
        wanted = [
            (BASIC, True),
            (PIXELS, clean_pixels),
            (DESCRIPTORS, True),
            (MODIFIED_DATES, True),
            (PATIENT, self.keep_patient),
            (DEVICE, self.keep_device),
            (SAFE_PRIVATE, private),
        ]
        return tuple(code for code, holds in wanted if holds)

    @cached_property
    def fingerprint(self) -> str:
        """Changes with the key, the options and the tables, so that two runs can be told to fit together."""
        digest = hashlib.sha256()
        for name in _TABLES:
            digest.update(files(__package__).joinpath(name).read_bytes())
        digest.update(f"{self.keep_patient} {self.keep_device} {self.max_days} {self.allow_burned_in}".encode())
        return f"{self.key.fingerprint}-{digest.hexdigest()[:16]}"
