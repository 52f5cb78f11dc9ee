"""What stands for an identity: always the same for one key, and not to be undone without it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import date, timedelta

from prima.dicom.deidentify.key import SiteKey
from prima.errors import UsageError

# Dates outside these years are no dates of a patient, and are dropped.
FIRST_YEAR, LAST_YEAR = 1850, 2150
# Fewer days could be tried out: with one, every date is known.
MIN_MAX_DAYS = 30


@dataclass(frozen=True, kw_only=True)
class Pseudonyms:
    """Replacements by keyed hash.

    Args:
        key: the site's secret.
        max_days: dates of a patient move back by 1 to this many days, all by the same number; at least 30.

    Raises:
        UsageError: `max_days` is too small to hide a date.

    Example:
        >>> names = Pseudonyms(key=SiteKey(b"not a secret, an example"))
        >>> names.new_uid("1.2.3") == names.new_uid("1.2.3\\0"), names.new_uid("1.2.3")[:5]
        (True, '2.25.')
    """

    key: SiteKey
    max_days: int = 365

    def __post_init__(self) -> None:
        if self.max_days < MIN_MAX_DAYS:
            raise UsageError(
                f"max_days: found {self.max_days}, expected {MIN_MAX_DAYS} or more, so that no date is told"
            )

    def new_uid(self, old: str) -> str:
        """The UID that stands for another: 2.25 and a UUID of version 8 as a number (PS3.5 B.2, RFC 9562)."""
        number = int.from_bytes(self.key.digest("uid", old.strip(" \0"))[:16], "big")
        number = number & ~(0xF << 76) | 0x8 << 76  # version
        number = number & ~(0x3 << 62) | 0x2 << 62  # variant
        return f"2.25.{number}"

    def patient_id(self, old: str) -> str:
        """What stands for a patient, as PatientID and as PatientName."""
        return f"P{self._word('patient', old.strip(), 16)}"

    def accession(self, old: str) -> str:
        """An accession number of 16 characters; none for none."""
        return self._word("accession", old.strip(), 16) if old.strip() else ""

    def device(self, old: str) -> str:
        """A station or a serial number: the same scanner keeps the same word."""
        return f"D{self._word('device', old.strip(), 12)}" if old.strip() else ""

    def other(self, old: str) -> str:
        """Any other identifier."""
        return self._word("other", old.strip(), 16) if old.strip() else ""

    def days_back(self, patient: str) -> int:
        """By how many days the dates of a patient move back."""
        return 1 + int.from_bytes(self.key.digest("days", patient.strip())[:8], "big") % self.max_days

    def shift_date(self, patient: str, day: date) -> date | None:
        """A date of a patient, moved; None when it is no plausible date.

        Example:
            >>> names = Pseudonyms(key=SiteKey(b"not a secret, an example"))
            >>> first, second = (names.shift_date("A", date(2024, 1, day)) for day in (1, 31))
            >>> (second - first).days
            30
        """
        if not FIRST_YEAR < day.year < LAST_YEAR:
            return None
        return day - timedelta(days=self.days_back(patient))

    def _word(self, purpose: str, value: str, length: int) -> str:
        return base64.b32encode(self.key.digest(purpose, value)).decode("ascii")[:length]
