"""The nouns that cross a border between rooms: volumes, series, studies, findings. No torch here."""

from prima.study.affine import Affine
from prima.study.exclusion import Excluded, Reason
from prima.study.findings import (
    Competitor,
    Differential,
    Familiarity,
    Finding,
    FindingEvidence,
    FindingPlace,
    Findings,
    Priority,
    ReleaseStamp,
    SeriesEntry,
)
from prima.study.findings_reader import read_findings
from prima.study.study import Acquisition, Patient, Series, Study
from prima.study.triage import priority_and_referrals
from prima.study.volume import Plane, Volume

__all__ = [
    "Acquisition",
    "Affine",
    "Competitor",
    "Differential",
    "Excluded",
    "Familiarity",
    "Finding",
    "FindingEvidence",
    "FindingPlace",
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
    "priority_and_referrals",
    "read_findings",
]
