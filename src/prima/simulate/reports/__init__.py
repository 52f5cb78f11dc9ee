"""Radiology reports of made-up studies, the truth of what they say, and the carriers that bring them."""

from prima.simulate.reports.writers import write_report
from prima.simulate.reports.written import Assertion, Stance, WrittenReport

__all__ = ["Assertion", "Stance", "WrittenReport", "write_report"]
