"""Made-up findings of the phantom study, for tests of the page: the fixture `examples` gives this module."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from prima.predict.pictures import SeriesPictures, make_pictures
from prima.simulate.phantom.scan import acquire, phantom_protocols
from prima.study import (
    Competitor,
    Differential,
    Familiarity,
    Finding,
    FindingEvidence,
    FindingPlace,
    Findings,
    Priority,
    ReleaseStamp,
    Series,
    SeriesEntry,
    Volume,
)
from prima.study.ontology import DIAGNOSES, display_name

TIMINGS = {"read": 1.2, "tokenize": 0.61, "encode": 4.9, "heads": 0.22, "total": 6.93}
RELEASE = ReleaseStamp(
    name="openprima-2025.1", sha256="3f7a" * 16, trained=True, calibrated=True, mode="image+names+indication"
)
PRESENT = {
    "tumor_adult_high_grade_glioma": 2.9,
    "tumor_adult_glioma": 3.4,
    "structural_edema": 2.2,
    "structural_mass_effect": 1.1,
}


def finding(name: str, logit: float, *, calibrated: bool, threshold: float = 0.5) -> Finding:
    probability = 1 / (1 + math.exp(-logit))
    low, high = (1 / (1 + math.exp(-(logit + shift))) for shift in (-0.5, 0.5))
    present: bool | None = probability >= threshold
    return Finding(
        name=name,
        display=display_name(name),
        logit=logit,
        probability=probability if calibrated else None,
        interval=(low, high) if calibrated else None,
        threshold=threshold if calibrated else 0.0,
        threshold_source="validation" if calibrated else "none",
        present=None if abs(logit) < 0.1 else present,
    )


@cache
def phantom_series() -> tuple[Series, ...]:
    return tuple(
        Series(
            series_uid=f"2.25.{protocol.number}",
            number=protocol.number,
            description=protocol.description,
            part=None if scan.b_value is None else f"b{scan.b_value:.0f}",
            volume=Volume(voxels=acquire(scan, lesion=True, seed=0, noise_seed=protocol.number), affine=scan.affine),
        )
        for protocol in phantom_protocols()
        if protocol.description != "localizer"
        for scan in protocol.scans
    )


@cache
def phantom_pictures() -> dict[tuple[str, str | None], SeriesPictures]:
    return {(series.series_uid, series.part): make_pictures(series) for series in phantom_series()}


def entries() -> tuple[SeriesEntry, ...]:
    common = {"status": "excluded", "num_tokens": 0, "num_foreground": 0, "part": None}
    used = tuple(
        SeriesEntry(
            series_uid=series.series_uid,
            number=series.number,
            description=series.description,
            part=series.part,
            status="used",
            reason=None,
            detail=None,
            num_slices=series.num_slices,
            num_tokens=384,
            num_foreground=171,
        )
        for series in phantom_series()
    )
    localizer = SeriesEntry(
        series_uid="2.25.1", number=1, description="localizer", reason="localizer",
        detail="3 orientations in one series", num_slices=3, **common,
    )  # fmt: skip
    screenshot = SeriesEntry(
        series_uid="2.25.99",
        number=None,
        description=None,
        reason="secondary_capture",
        detail=None,
        num_slices=None,
        **common,
    )
    return (localizer, *used, screenshot)


def calibrated_findings() -> Findings:
    random = np.random.default_rng(4)
    logits = {diagnosis.name: PRESENT.get(diagnosis.name, float(random.normal(-3.2, 1.1))) for diagnosis in DIAGNOSES}
    logits["tumor_adult_lymphoma"] = 0.05
    levels = {"none": 0.04, "low": 0.11, "medium": 0.23, "high": 0.62}
    referrals = {
        "neurosurgery": 2.1,
        "neuro_oncology": 1.4,
        "neurology": -0.4,
        "stroke_neurology": -2.6,
        "referral_7": -3.0,
    }
    return Findings(
        study_uid="2.25.329800735698586629295641978511506172918",
        description="MRI BRAIN WO CONTRAST",
        status="done",
        reason=None,
        release=RELEASE,
        series=entries(),
        diagnoses=tuple(finding(name, logit, calibrated=True) for name, logit in logits.items()),
        priority=Priority(
            level="high", logits={name: math.log(value) for name, value in levels.items()}, probabilities=levels
        ),
        referrals=tuple(finding(name, logit, calibrated=True) for name, logit in referrals.items()),
        timings_s=TIMINGS,
    )


def untrained_findings() -> Findings:
    random = np.random.default_rng(5)
    return replace(
        calibrated_findings(),
        release=replace(RELEASE, name="untrained", trained=False, calibrated=False, mode="image+names"),
        diagnoses=tuple(
            finding(diagnosis.name, float(random.normal(-0.6, 0.9)), calibrated=False) for diagnosis in DIAGNOSES
        ),
        referrals=tuple(finding(f"referral_{i}", float(random.normal(0, 1)), calibrated=False) for i in range(8)),
        priority=Priority(level="medium", logits={"none": -0.2, "low": 0.31, "medium": 0.74, "high": -1.1}),
        notes=("2 duplicate slices left out",),
    )


def explained_findings() -> Findings:
    """With places, a differential, and a head without a threshold."""
    findings = calibrated_findings()
    flair = next(entry for entry in findings.series if entry.description == "AX T2 FLAIR")
    peak = (-31.0, -14.5, 22.0)
    seen = FindingEvidence(
        sign="for", sentence="bright on FLAIR, left frontal", series_uid=flair.series_uid, peak_lps_mm=peak
    )
    unseen = FindingEvidence(sign="against", sentence="no restricted diffusion", series_uid=flair.series_uid)
    place = FindingPlace(
        method="evidence", sentence="left frontal, FLAIR and T2; also left insula", peak_lps_mm=peak,
        series_uid=flair.series_uid, reliability=0.82,
    )  # fmt: skip
    differential = Differential(
        evidence=(seen,),
        competitors=(
            Competitor(name="infection_abscess", display="Abscess", evidence=(seen, unseen)),
            Competitor(name="tumor_adult_lymphoma", display="CNS lymphoma", evidence=(unseen,)),
        ),
        missing=("a T1 series with contrast",),
    )
    changes: dict[str, dict[str, Any]] = {
        "tumor_adult_glioma": {"place": place, "differential": differential},
        "structural_edema": {"place": replace(place, sentence="around it, left frontal", reliability=None)},
        "structural_mass_effect": {"threshold_source": "fall-back"},
        "structural_cerebral_atrophy": {"threshold": None, "threshold_source": "none", "present": None},
    }
    return replace(
        findings,
        diagnoses=tuple(replace(one, **changes.get(one.name, {})) for one in findings.diagnoses),
        familiarity=Familiarity(distance=1.31, limit=4.1, answered=True),
        input="DOE_JOHN/export",
    )


def refused_findings() -> Findings:
    excluded = tuple(
        replace(entry, status="excluded", reason=reason, num_tokens=0, num_foreground=0, detail="made up for a test")
        for entry, reason in zip(entries(), ("localizer", "perfusion", "not_brain", "unreadable"), strict=False)
    )
    return replace(
        calibrated_findings(),
        status="refused",
        reason="no series of the study can be used",
        series=excluded,
        diagnoses=(),
        referrals=(),
        priority=None,
    )


def unanswered_findings() -> Findings:
    first, *others = calibrated_findings().series
    return replace(
        calibrated_findings(),
        series=(replace(first, distance=8.25), *others),
        status="unanswered",
        reason="unlike the studies this release has seen: no findings are given",
        familiarity=Familiarity(distance=9.3, limit=4.1, answered=False),
        diagnoses=(),
        referrals=(),
        priority=None,
    )


def scores_only_findings() -> Findings:
    """Of an unfamiliar study, when scores were asked for nonetheless."""
    findings = calibrated_findings()

    def uncalled(one: Finding) -> Finding:
        return replace(one, threshold=None, threshold_source="none", present=None)

    return replace(
        findings,
        familiarity=Familiarity(distance=9.3, limit=4.1, answered=True),
        diagnoses=tuple(map(uncalled, findings.diagnoses)),
        referrals=tuple(map(uncalled, findings.referrals)),
        priority=None,
    )


@pytest.fixture(scope="session")
def examples() -> ModuleType:
    """This module."""
    return sys.modules[__name__]
