"""The nouns that cross a border between rooms: volumes, series, studies, findings. No torch here."""

from prima.study.exclusion import Excluded, Reason
from prima.study.findings import Finding, Findings, Priority, ReleaseStamp, SeriesEntry
from prima.study.study import Acquisition, Patient, Series, Study
from prima.study.volume import Plane, Volume

__all__ = [
    "Acquisition",
    "Excluded",
    "Finding",
    "Findings",
    "Patient",
    "Plane",
    "Priority",
    "Reason",
    "ReleaseStamp",
    "Series",
    "SeriesEntry",
    "Study",
    "Volume",
]
