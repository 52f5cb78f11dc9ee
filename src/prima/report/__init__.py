"""Radiology prose and its carriers: sections, summary, labels with evidence."""

from typing import TYPE_CHECKING

from prima.files.lazy import lazy_exports

if TYPE_CHECKING:
    from prima.report.carriers.files import read_reports
    from prima.report.label import RuleLabeller
    from prima.report.labelled import label_reports
    from prima.report.labels import Failure, Labeller, Labels
    from prima.report.report import Report

__all__ = [
    "Failure",
    "Labeller",
    "Labels",
    "Report",
    "RuleLabeller",
    "label_reports",
    "read_reports",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "Failure": "labels",
        "Labeller": "labels",
        "Report": "report",
        "Labels": "labels",
        "RuleLabeller": "label",
        "label_reports": "labelled",
        "read_reports": "carriers.files",
    },
)
