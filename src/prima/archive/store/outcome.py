"""What can become of a file, an instance, a study or a report: every outcome by name, with its words."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What became of one incoming instance."""

    STORED = "stored"
    KNOWN = "known"
    UNCHANGED = "unchanged"
    COMPLETED = "completed"
    SAME_PIXELS = "same_pixels"
    OTHER_PIXELS = "duplicate_uid_other_pixels"
    NOT_DICOM = "not_dicom"
    MISSING_UID = "missing_uid"
    UNREADABLE = "unreadable"

    @property
    def refused(self) -> bool:
        """Whether the instance was DICOM and is not among the archive's instances now."""
        return self in {Outcome.OTHER_PIXELS, Outcome.MISSING_UID, Outcome.UNREADABLE}

    @property
    def words(self) -> str:
        """The outcome in words for people."""
        return _WORDS[self]


_WORDS = {
    Outcome.STORED: "stored",
    Outcome.KNOWN: "stored before",
    Outcome.UNCHANGED: "not read again, in folders that have not changed since they were taken in",
    Outcome.COMPLETED: "stored before only in part, completed now",
    Outcome.SAME_PIXELS: "stored before with the same pixels and another header",
    Outcome.OTHER_PIXELS: "UID taken by an instance with other pixels: kept under conflicts/",
    Outcome.NOT_DICOM: "not DICOM",
    Outcome.MISSING_UID: "DICOM without study, series or instance UID",
    Outcome.UNREADABLE: "DICOM that cannot be read",
}


class ReportTaken(StrEnum):
    """What became of one incoming report."""

    STORED = "report_stored"
    KNOWN = "report_known"
    EMPTY = "report_empty"
    UNREADABLE = "report_unreadable"
    NO_REPORT = "no_report"

    @property
    def refused(self) -> bool:
        """Whether there was something that should have been a report and is none."""
        return self in {ReportTaken.EMPTY, ReportTaken.UNREADABLE}

    @property
    def words(self) -> str:
        """The outcome in words for people."""
        return _REPORT_WORDS[self]


_REPORT_WORDS = {
    ReportTaken.STORED: "reports stored",
    ReportTaken.KNOWN: "reports stored before",
    ReportTaken.EMPTY: "reports without text",
    ReportTaken.UNREADABLE: "messages, rows or resources that cannot be read as a report",
    ReportTaken.NO_REPORT: "tables or JSON files in a folder that carry no report",
}
