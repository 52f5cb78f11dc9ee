"""The third stage: diagnoses, priority and referrals on frozen features, calibrated on validation patients."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prima.evaluate.metrics import mean_auroc
from prima.files.durable import write_json
from prima.model.networks.vision import HierarchicalViT
from prima.model.release.folder import load_release
from prima.model.release.manifest import VISION_FILE
from prima.model.release.stage_folder import StageRecord, write_run_facts
from prima.study.mode import Mode
from prima.tokens.contract import Contract
from prima.tokens.precision import choose_precision
from prima.tokens.shown import shows_indication
from prima.train.calibration.fit import calibrate
from prima.train.calibration.target import Target
from prima.train.heads.data import HeadData
from prima.train.heads.fit import train_heads as fit_heads
from prima.train.heads.network import TrainedHeads
from prima.train.recipes import Recipe
from prima.train.run_folder import TOKENS_RELEASE, read_vision, weights_sha256, write_heads
from prima.train.study.features import Features, features_of, read_features, write_features
from prima.workflow.training.source import Studies, read_studies
from prima.workflow.training.stage import StageOptions, StageResult, hardware
from prima.workflow.watcher import NOBODY, Watcher

NUM_NAMED = 8


def train_heads(
    source: Path,
    run: Path,
    recipe: Recipe,
    options: StageOptions | None = None,
    *,
    release: Path | None = None,
    target: str | None = None,
    labels: Path | None = None,
    watcher: Watcher = NOBODY,
) -> StageResult:
    """Train heads on frozen features, calibrate them and choose thresholds; ends with RUN/heads.

    Args:
        source: an archive, or a folder with train/ and validation/ of tokens.
        run: the folder that all stages share.
        recipe: what to train and how.
        options: see there; of the lengths, epochs alone.
        release: heads for the vision model of a release, not of the run.
        target: what thresholds are for, such as sensitivity=0.9; the recipe's when None.
        labels: a site's own table, in place of what the labeller read in the reports.
        watcher: told how many studies have features, and which heads stay without a probability.
    """
    options = options or StageOptions()
    goal = Target.parse(target or recipe.target)
    head_recipe = replace(
        recipe.heads, seed=options.seed, allow_empty=True, epochs=options.epochs or recipe.heads.epochs
    )
    facts: dict[str, Any] = {
        "recipe": recipe.name,
        "heads": asdict(head_recipe),
        "calibration": asdict(recipe.calibration),
        "target": str(goal),
        "from": None if release is None else release.resolve().name,
    }
    frozen = _frozen(run, release)
    with_indication = shows_indication(frozen.mode)
    studies = read_studies(
        source, release or run / TOKENS_RELEASE, options,
        with_indication=with_indication, labels=labels, watcher=watcher,
    )  # fmt: skip
    if options.dry_run:
        values = {**facts, "features": frozen.vision.config.feature_dim, "studies": studies.words}
        return StageResult(words=json.dumps(values, indent=1), values=values)
    start = time.monotonic()
    train, validation = (
        _head_data(_features(run, side, studies, frozen, options=options, watcher=watcher))
        for side in ("train", "validation")
    )
    empty = unlearnt_of(train)
    if empty:
        named = ", ".join(empty[:NUM_NAMED]) + (f" and {len(empty) - NUM_NAMED} more" if len(empty) > NUM_NAMED else "")
        watcher.warn(f"{len(empty)} heads have an empty class in training and stay without a probability: {named}")
    trained = fit_heads(train, validation, head_recipe)
    calibration = calibrate(trained.logits(validation.features), validation.labels, goal, recipe.calibration)
    measured = measure(trained, validation)
    record = StageRecord(
        recipe=facts,
        seed=options.seed,
        hardware=hardware(options),
        seconds=round(time.monotonic() - start, 1),
        watts=options.watts,
        data=studies.words,
        num_studies=len(train.labels),
        num_patients=len(set(train.labels.patients)),
        finished=datetime.now(UTC).date().isoformat(),
        simulated=studies.simulated,
        measured=measured,
    )
    (run / "heads").mkdir(parents=True, exist_ok=True)
    write_json(run / "heads" / "recipe.json", facts)
    write_run_facts(run, frozen.contract, frozen.mode)
    config = write_heads(run, trained, calibration, empty, record)
    num = sum(head.calibration is not None for head in (*config.diagnoses, *config.referrals))
    return StageResult(
        words=f"{num} heads trained and calibrated for {goal}: {run / 'heads'}; on the validation studies that "
        "stopped and calibrated them: " + ", ".join(f"{name} {value:.3f}" for name, value in measured.items()),
        values={
            "status": "done",
            "calibrated": num,
            "unlearnt": list(empty),
            "measured": measured,
            "target": str(goal),
        },
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Frozen:
    """The vision model, how its tokens are made, what it may see, and a hash of its weights."""

    vision: HierarchicalViT
    contract: Contract
    mode: Mode
    sha256: str


def _frozen(run: Path, release: Path | None) -> _Frozen:
    if release is None:
        vision, contract, mode = read_vision(run)
        return _Frozen(vision=vision, contract=contract, mode=mode, sha256=weights_sha256(run))
    frozen = load_release(release)
    manifest = frozen.manifest
    return _Frozen(
        vision=frozen.vision(),
        contract=manifest.contract,
        mode=manifest.mode,
        sha256=manifest.files[VISION_FILE].sha256,
    )


def _features(
    run: Path, side: str, studies: Studies, frozen: _Frozen, *, options: StageOptions, watcher: Watcher
) -> Features:
    """Features of one side, kept in the run: another target or recipe of the heads needs them again."""
    examples = studies.train if side == "train" else studies.validation
    precision = choose_precision(options.device, options.dtype)
    about = "\n".join((frozen.sha256, frozen.mode, str(precision.dtype), repr(frozen.contract), *examples.study_uids))
    stamp = hashlib.sha256(about.encode()).hexdigest()[:16]
    path = run / "features" / f"{side}-{stamp}.npz"
    stored = read_features(path, examples)
    if stored is not None:
        return stored
    total = len(examples.study_uids)
    features = features_of(
        examples, frozen.vision, frozen.contract, mode=frozen.mode, device=precision.device,
        dtype=precision.dtype, on_studies=lambda done: watcher.count(f"features of {side}", done, total),
    )  # fmt: skip
    write_features(features, path)
    return features


def _head_data(features: Features) -> HeadData:
    return HeadData(features=features.study, labels=features.labels)


def unlearnt_of(train: HeadData) -> tuple[str, ...]:
    """Heads whose training labels have no positive or no negative."""
    labels = train.labels
    unlearnt: list[str] = []
    for names, table in (
        (labels.diagnosis_names, labels.diagnoses),
        (labels.referral_names, labels.referrals),
    ):
        for name, column in zip(names, table.T, strict=True):
            if not ((column == 1).any() and (column == 0).any()):
                unlearnt.append(name)
    return tuple(unlearnt)


def measure(heads: TrainedHeads, validation: HeadData) -> dict[str, float]:
    """Mean AUROC over the diagnoses, and over the services, that have positives and negatives among the studies."""
    logits, labels = heads.logits(validation.features), validation.labels
    measured: dict[str, float] = {}
    for family, scores, truth in (
        ("diagnosis AUROC", logits.diagnoses, labels.diagnoses),
        ("referral AUROC", logits.referrals, labels.referrals),
    ):
        value, num_measured = mean_auroc(scores, truth)
        if num_measured:
            measured[family] = value
            measured[f"{family.split()[0]} heads measured"] = float(num_measured)
    return measured
