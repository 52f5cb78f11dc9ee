"""What heads gave, as findings: calibration, intervals, abstention, notes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from prima.model.release.calibration import HeadCalibration
from prima.model.release.familiarity import StudyFamiliarity
from prima.model.release.familiarity_record import UNFAMILIAR
from prima.model.release.heads import HeadOutputs
from prima.model.release.manifest import HeadRecord, Manifest, PriorityRecord
from prima.study import Familiarity, Finding, Findings, Priority, ReleaseStamp, SeriesEntry
from prima.study.findings import DEMONSTRATION
from prima.study.mode import Mode
from prima.study.ontology import LEVELS, display_name
from prima.study.triage import least_priority

ADAPTED = "the release was adapted to a site: probabilities and thresholds are those from before, not of its patients"
"""The note on findings of a release that knows a site's studies, and was not calibrated on them."""
SCORES_ANYWAY = "unlike the studies this release has seen: scores were asked for nonetheless, nothing is called"
"""The note on findings of an unfamiliar study."""


def findings_of(logits: dict[str, float], heads: Sequence[HeadRecord] = ()) -> tuple[Finding, ...]:
    """Logits by head name → findings.

    A head with a calibration gives probability, interval, threshold and decision, or a score alone where the labelled
    studies were too few. One without, and one that is not among `heads`, gives a score with its decision at zero, and
    no probability: published heads have their threshold subtracted, so zero is where their release calls.
    """
    calibrations = {head.name: head.calibration for head in heads}
    return tuple(_finding(name, logit, calibrations.get(name)) for name, logit in logits.items())


def _finding(name: str, logit: float, calibration: HeadCalibration | None) -> Finding:
    display = display_name(name)
    if calibration is None:
        return Finding(name=name, display=display, logit=logit, threshold=0.0, present=logit > 0)
    reading = calibration.read(logit)
    return Finding(
        name=name,
        display=display,
        logit=logit,
        probability=reading.probability,
        interval=reading.interval,
        threshold=calibration.threshold_called,
        threshold_source=calibration.threshold_source,
        present=reading.present,
    )


def priority_of(
    logits: dict[str, float] | None, record: PriorityRecord | None = None, flagged: Collection[str] = ()
) -> Priority | None:
    """The most probable level with the probability of each; without a calibration, that with the highest logit.

    A level below what the flagged diagnoses ask for at the least (`study.triage`) would contradict them, and is not
    taken while the release has another.

    Args:
        logits: by level; None when the release has no priority head.
        record: of the release.
        flagged: names of the diagnoses called present.
    """
    if logits is None:
        return None
    probabilities = None
    if record is not None and record.calibration is not None:
        values = record.calibration.probabilities([[logits[level] for level in record.levels]])[0].tolist()
        probabilities = dict(zip(record.levels, values, strict=True))
    scores = logits if probabilities is None else probabilities
    least = LEVELS.index(least_priority(flagged))
    allowed = [level for level in scores if LEVELS.index(level) >= least] or list(scores)
    level = max(allowed, key=scores.__getitem__)
    return Priority(level=level, logits=logits, probabilities=probabilities)  # type: ignore[arg-type]


def notes_on(findings: Sequence[Finding], manifest: Manifest, mode: Mode) -> tuple[str, ...]:
    """What a reader of the probabilities should know.

    Whether the weights saw made-up studies; how many heads are not called; one line for each finding called present by
    a threshold that rests on few positive studies; and one where the model saw less of the study than when it was
    calibrated.
    """
    heads = (*manifest.diagnoses, *manifest.referrals)
    calibrations = {head.name: head.calibration for head in heads if head.calibration is not None}
    notes = [DEMONSTRATION] if findings and manifest.demonstrates else []
    if num_silent := sum(finding.threshold is None for finding in findings):
        notes.append(
            f"{num_silent} of {len(findings)} findings are not called: too few positive studies for a threshold"
        )
    for finding in findings:
        calibration = calibrations.get(finding.name)
        if calibration is not None and calibration.weak and finding.present is True:
            num_positives = calibration.num_positives
            studies = "study" if num_positives == 1 else "studies"
            notes.append(f"{finding.display}: threshold weakly supported, by {num_positives} positive {studies}")
    if findings and calibrations and manifest.adapted_only:
        notes.append(ADAPTED)
    if findings and calibrations and mode != manifest.mode:
        notes.append(f"calibrated in the mode {manifest.mode}, used in the mode {mode}: probabilities may be off")
    return tuple(notes)


def make_findings(
    manifest: Manifest,
    stamp: ReleaseStamp,
    *,
    study_uid: str,
    description: str | None = None,
    series: tuple[SeriesEntry, ...] = (),
    logits: HeadOutputs | None,
    familiarity: StudyFamiliarity | None = None,
    scores_anyway: bool = False,
    reason: str | None = None,
    notes: tuple[str, ...] = (),
    timings_s: Mapping[str, float] | None = None,
) -> Findings:
    """Everything a release says of one study.

    Args:
        manifest: of the release.
        stamp: the release, and the mode of the call.
        study_uid: StudyInstanceUID.
        description: StudyDescription.
        series: the completeness statement.
        logits: None when the study is refused.
        familiarity: how far the study is from those that the release has seen; None without a check. Beyond the limit
            it is unanswered.
        scores_anyway: beyond the limit, give its scores nonetheless; nothing is called by them, and no priority given.
        reason: why it is refused.
        notes: what reading noted.
        timings_s: seconds by step.
    """
    strange = logits is not None and familiarity is not None and not familiarity.familiar
    answers = None if strange and not scores_anyway else logits
    diagnoses = findings_of(answers.diagnoses, manifest.diagnoses) if answers else ()
    referrals = findings_of(answers.referrals, manifest.referrals) if answers else ()
    flagged = [finding.name for finding in diagnoses if finding.present]
    priority = priority_of(answers.priority, manifest.priority, flagged) if answers else None
    remarks = notes_on((*diagnoses, *referrals), manifest, stamp.mode)
    if strange:
        diagnoses, referrals, priority = _uncalled(diagnoses), _uncalled(referrals), None
        remarks = (*((DEMONSTRATION,) if DEMONSTRATION in remarks else ()), *((SCORES_ANYWAY,) if answers else ()))
    return Findings(
        study_uid=study_uid,
        description=description,
        status="done" if answers else "unanswered" if strange else "refused",
        reason=UNFAMILIAR if strange and not answers else reason,
        release=stamp,
        series=series,
        diagnoses=diagnoses,
        priority=priority,
        referrals=referrals,
        timings_s={step: round(seconds, 4) for step, seconds in (timings_s or {}).items()},
        notes=(*notes, *remarks),
        familiarity=None if familiarity is None else _as_told(familiarity, is_answered=answers is not None),
    )


def _uncalled(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Findings with their scores, and without threshold and decision: a threshold says nothing of such a study."""
    return tuple(replace(finding, threshold=None, threshold_source="none", present=None) for finding in findings)


def _as_told(familiarity: StudyFamiliarity, *, is_answered: bool) -> Familiarity:
    return Familiarity(distance=familiarity.distance, limit=familiarity.limit, answered=is_answered)
