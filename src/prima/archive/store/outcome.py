"""How an ingested instance or report can end: every outcome by name, with its description."""

from __future__ import annotations

from enum import StrEnum


class IngestOutcome(StrEnum):
    """How one incoming instance ended."""

    STORED = "stored"
    KNOWN = "known"
    UNCHANGED = "unchanged"
    COMPLETED = "completed"
    CATALOGUED = "catalogued_again"
    SAME_PIXELS = "same_pixels"
    OTHER_PIXELS = "duplicate_uid_other_pixels"
    NOT_DICOM = "not_dicom"
    NOT_FOLLOWED = "not_followed"
    MISSING_UID = "missing_uid"
    UNREADABLE = "unreadable"

    @property
    def refused(self) -> bool:
        """Whether the instance was DICOM and is not among the archive's instances now."""
        return self in {IngestOutcome.OTHER_PIXELS, IngestOutcome.MISSING_UID, IngestOutcome.UNREADABLE}

    @property
    def held(self) -> bool:
        """Whether the archive holds now what was offered."""
        return self in {
            IngestOutcome.STORED,
            IngestOutcome.KNOWN,
            IngestOutcome.UNCHANGED,
            IngestOutcome.COMPLETED,
            IngestOutcome.CATALOGUED,
            IngestOutcome.SAME_PIXELS,
        }

    @property
    def words(self) -> str:
        """The outcome in words for people."""
        return _WORDS[self]


_WORDS = {
    IngestOutcome.STORED: "stored",
    IngestOutcome.KNOWN: "stored before",
    IngestOutcome.UNCHANGED: "not read again, in folders that have not changed since they were ingested",
    IngestOutcome.COMPLETED: "stored before only in part, completed now",
    IngestOutcome.CATALOGUED: "studies whose rows were made again from what is stored",
    IngestOutcome.SAME_PIXELS: "stored before with the same pixels and another header",
    IngestOutcome.OTHER_PIXELS: "UID taken by an instance with other pixels: kept under conflicts/",
    IngestOutcome.NOT_DICOM: "not DICOM",
    IngestOutcome.NOT_FOLLOWED: "links, pipes, sockets and devices: not read",
    IngestOutcome.MISSING_UID: "DICOM without study, series or instance UID",
    IngestOutcome.UNREADABLE: "DICOM that cannot be read",
}


class ReportIngestOutcome(StrEnum):
    """How one incoming report ended."""

    STORED = "report_stored"
    KNOWN = "report_known"
    PRELIMINARY = "report_preliminary"
    UNKNOWN_STATUS = "report_unknown_status"
    CANCELLED = "report_cancelled"
    WITHDRAWN = "report_withdrawn"
    ENTERED_IN_ERROR = "report_entered_in_error"
    SUPERSEDED = "report_superseded"
    EMPTY = "report_empty"
    UNREADABLE = "report_unreadable"
    NO_REPORT = "no_report"

    @property
    def refused(self) -> bool:
        """Whether there was something that should have been a report and is none."""
        return self in {ReportIngestOutcome.EMPTY, ReportIngestOutcome.UNREADABLE}

    @property
    def held(self) -> bool:
        """Whether the archive holds now what was offered."""
        return self in {ReportIngestOutcome.STORED, ReportIngestOutcome.KNOWN}

    @property
    def words(self) -> str:
        """The outcome in words for people."""
        return _REPORT_WORDS[self]


_REPORT_WORDS = {
    ReportIngestOutcome.STORED: "reports stored",
    ReportIngestOutcome.KNOWN: "reports stored before",
    ReportIngestOutcome.PRELIMINARY: "preliminary reports: stored, and never labelled as they are",
    ReportIngestOutcome.UNKNOWN_STATUS: "reports of a status that no table has: stored, and never labelled as they are",
    ReportIngestOutcome.CANCELLED: "cancelled: what came before of their study is taken back",
    ReportIngestOutcome.WITHDRAWN: "withdrawn: what came before of their study is taken back",
    ReportIngestOutcome.ENTERED_IN_ERROR: "entered in error: what came before of their study is taken back",
    ReportIngestOutcome.SUPERSEDED: "called superseded by their carrier: not stored",
    ReportIngestOutcome.EMPTY: "reports without text",
    ReportIngestOutcome.UNREADABLE: "messages, rows or resources that cannot be read as a report",
    ReportIngestOutcome.NO_REPORT: "tables or JSON files in a folder that carry no report",
}
