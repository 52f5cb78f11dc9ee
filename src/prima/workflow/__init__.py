"""What joins rooms and holds no option: each verb of the command line is one public call of this room or another."""

from typing import TYPE_CHECKING

from prima.files.lazy import lazy_exports

if TYPE_CHECKING:
    from prima.workflow.calibrate import Calibrated, calibrate_on
    from prima.workflow.deidentify import deidentify_source
    from prima.workflow.ingest import ingest_sources
    from prima.workflow.labels_of_archive import label_reports_of
    from prima.workflow.simulate import simulate_health_system
    from prima.workflow.watcher import NOBODY, Watcher

__all__ = [
    "NOBODY",
    "Calibrated",
    "Watcher",
    "calibrate_on",
    "deidentify_source",
    "ingest_sources",
    "label_reports_of",
    "simulate_health_system",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "Calibrated": "calibrate",
        "NOBODY": "watcher",
        "Watcher": "watcher",
        "calibrate_on": "calibrate",
        "deidentify_source": "deidentify",
        "ingest_sources": "ingest",
        "label_reports_of": "labels_of_archive",
        "simulate_health_system": "simulate",
    },
)
