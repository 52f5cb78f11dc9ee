"""Reports from files: CSV, HL7 v2 and FHIR R4, and what is said of input that is none."""

from typing import TYPE_CHECKING

from prima.files.lazy import lazy_exports

if TYPE_CHECKING:
    from prima.report.carriers.files import SUFFIXES, read_reports, reports_from

__all__ = ["SUFFIXES", "read_reports", "reports_from"]

__getattr__ = lazy_exports(__name__, {"SUFFIXES": "files", "read_reports": "files", "reports_from": "files"})
