"""One simulated study as training takes it: prepared as every study is, its report, its truth and its masks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prima.model.engine.prepare import PreparedStudy, prepare
from prima.model.gate.admit import Gate
from prima.report.label import RuleLabeller
from prima.report.labelled import label_reports
from prima.report.report import Report
from prima.simulate.people.case import Case
from prima.simulate.reports.writers import write_report
from prima.simulate.study.simulate import SimulatedStudy, simulate_study
from prima.study.ontology import DIAGNOSIS_NAMES
from prima.tokens.contract import Contract
from prima.train.data.dense_targets import DenseTargets, dense_targets
from prima.train.data.patch_file import StudyPatches, patches_of_prepared
from prima.train.data.token_folder import StudyFacts
from prima.workflow.simulated.data import Labels, SimulatedData

_COLUMN = {name: column for column, name in enumerate(DIAGNOSIS_NAMES)}
_FOR_EVALUATION = (
    "subtlety", "size_mm", "scanner", "site", "after_drift", "age_years", "sex", "race_ethnicity",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class SimulatedExample:
    """A simulated study.

    Args:
        prepared: what the gate has let in, cut into patches.
        dense: masks laid over its tokens.
        visible: [S, diagnoses] float32 contrast-to-noise of each finding on each series, NaN where it has none.
        truth: what was simulated and the report, as plain values: `study_uid`, `patient`, `labels`, `report` …
    """

    prepared: PreparedStudy
    dense: DenseTargets
    visible: NDArray[np.float32]
    truth: dict[str, Any]

    @property
    def patches(self) -> StudyPatches:
        """The study as a file of patches holds it; it needs at least one series."""
        patches = patches_of_prepared(self.prepared)
        return replace(patches, dense=self.dense, visible=self.visible, facts=self.truth)

    def facts(self, labels: Labels) -> StudyFacts:
        """What is known of the study.

        Args:
            labels: by the truth, or by what the rules read in the report. The summary is read in the report always.
        """
        truth = self.truth
        (read,) = label_reports([Report(text=truth["report"])], _rules(), age_of=lambda _: truth["age_years"])
        facts = StudyFacts(
            study_uid=truth["study_uid"],
            patient=truth["patient"],
            present=tuple(truth["labels"]),
            priority=truth["priority"],
            referrals=tuple(truth["referrals"]),
            sentences=read.findings,
            indication=self.prepared.indication,
            more={name: truth[name] for name in _FOR_EVALUATION},
        )
        if labels == "truth" or read.labels is None:
            return facts
        present = read.labels.present()
        uncertain = {name for name, label in read.labels.labels.items() if label.assertion == "uncertain"}
        return replace(
            facts,
            present=tuple(name for name in DIAGNOSIS_NAMES if name in present),
            unknown=tuple(sorted(uncertain - present)),
            priority=read.priority,
            referrals=read.referrals,
        )


def make_example(data: SimulatedData, index: int, contract: Contract, gate: Gate | None) -> SimulatedExample:
    """Simulate a study, and prepare it as a study that was read from files.

    Args:
        data: what is simulated.
        index: of the study.
        contract: how voxels become patches.
        gate: the input gate; None lets every series in.
    """
    case = data.case(index)
    simulated = simulate_study(case, spacing_mm=data.spacing_mm[index % len(data.spacing_mm)], variety=data.variety)
    prepared = prepare(simulated.study, contract, gate, workers=1)
    masks = {_COLUMN[name]: (mask.voxels, mask.affine) for name, mask in simulated.masks.items()}
    report = write_report(case, prior=data.prior(case), writers=data.writers, reading=data.plan.reading)
    return SimulatedExample(
        prepared=prepared,
        dense=dense_targets([series.patches for series in prepared.series], masks),
        visible=_visible(prepared, simulated),
        truth=_truth(case) | {"report": report.text},
    )


def _visible(prepared: PreparedStudy, simulated: SimulatedStudy) -> NDArray[np.float32]:
    row_of = {(series.series_uid, series.part): row for row, series in enumerate(prepared.series)}
    visible = np.full((len(row_of), len(_COLUMN)), np.nan, np.float32)
    for measured in simulated.visibility:
        row = row_of.get((measured.series_uid, measured.part))
        if row is not None:
            visible[row, _COLUMN[measured.diagnosis]] = measured.cnr
    return visible


def _truth(case: Case) -> dict[str, Any]:
    return {
        "study_uid": case.study_uid,
        "patient": case.person.patient_id,
        "labels": list(case.labels),
        "priority": case.priority,
        "referrals": list(case.referrals),
        "subtlety": {lesion.diagnosis: lesion.subtlety for lesion in case.lesions},
        "size_mm": {lesion.diagnosis: lesion.size_mm for lesion in case.lesions},
        "indication": case.visit.indication,
        "scanner": case.scanner,
        "site": case.visit.site,
        "scanned": case.visit.scanned.isoformat(),
        "age_years": case.age_years,
        "sex": case.person.sex,
        "race_ethnicity": case.person.race_ethnicity,
        "after_drift": bool(case.effects.get("drift")),
    }


@cache
def _rules() -> RuleLabeller:
    """The labeller, made once a process."""
    return RuleLabeller()
