"""Radiology reports of made-up studies, the truth of what they say, and the carriers that bring them."""

from prima.simulate.reports.carrier_csv import write_csv
from prima.simulate.reports.carrier_fhir import write_fhir
from prima.simulate.reports.carrier_hl7 import write_hl7
from prima.simulate.reports.filed import Filed, report_labels
from prima.simulate.reports.writers import write_report
from prima.simulate.reports.written import Assertion, Stance, WrittenReport

__all__ = [
    "Assertion",
    "Filed",
    "Stance",
    "WrittenReport",
    "report_labels",
    "write_csv",
    "write_fhir",
    "write_hl7",
    "write_report",
]
