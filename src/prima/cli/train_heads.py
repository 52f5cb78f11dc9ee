"""`prima train heads`: diagnoses, priority and referrals on frozen features, calibrated on validation patients."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prima.cli import train_options as given
from prima.cli.predict import Device, Dtype

if TYPE_CHECKING:
    from prima.cli.train_source import Studies
    from prima.model.networks.vision import HierarchicalViT
    from prima.study.mode import Mode
    from prima.tokens.contract import Contract
    from prima.train.heads.data import HeadData
    from prima.train.heads.network import TrainedHeads
    from prima.train.study.features import Features

NUM_NAMED = 8


def heads(
    source: given.Source,
    run: given.Run,
    *,
    recipe: given.RecipeName = "demo",
    release: Annotated[
        Path | None,
        typer.Option("--from", metavar="RELEASE", help="Heads for the vision model of a release, not of the run."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(metavar="TARGET", help="What thresholds are for: sensitivity=0.9, ppv=0.5 or alerts=0.05, say."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="TABLE", help="Labels of the site (CSV or Parquet), not of the reports."),
    ] = None,
    device: given.DeviceOption = Device.AUTO,
    dtype: given.DtypeOption = Dtype.AUTO,
    seed: given.Seed = 0,
    epochs: given.Epochs = None,
    watts: given.Watts = 0.0,
    dry_run: given.DryRun = False,
    as_json: given.AsJson = False,
) -> None:
    """Train heads on frozen features, calibrate them and choose thresholds; ends with RUN/heads."""
    if not given.is_first_rank():
        return
    options = given.RunOptions(
        device=device, dtype=dtype, minutes=None, seed=seed, steps=None, epochs=epochs, watts=watts, fsdp=False,
        compile=False, tensorboard=False, wandb=False, dry_run=dry_run, as_json=as_json,
    )  # fmt: skip
    import json
    from dataclasses import asdict

    from prima.cli.train_run import hardware, say, warn
    from prima.cli.train_source import read_studies
    from prima.files.durable import write_json
    from prima.model.release.stage_folder import StageRecord, write_run_facts
    from prima.tokens.shown import shows_indication
    from prima.train.calibration.fit import calibrate
    from prima.train.calibration.target import Target
    from prima.train.heads.fit import train_heads
    from prima.train.recipes import recipe_of
    from prima.train.run_folder import TOKENS_RELEASE, write_heads

    chosen = recipe_of(recipe)
    wanted = Target.parse(target or chosen.target)
    how = replace(chosen.heads, seed=seed, allow_empty=True, epochs=epochs or chosen.heads.epochs)
    facts: dict[str, Any] = {
        "recipe": recipe,
        "heads": asdict(how),
        "calibration": asdict(chosen.calibration),
        "target": str(wanted),
        "from": None if release is None else release.resolve().name,
    }
    frozen = _frozen(run, release)
    studies = read_studies(
        source,
        release or run / TOKENS_RELEASE,
        options,
        with_indication=shows_indication(frozen.mode),
        labels=labels,
    )
    if dry_run:
        values = {**facts, "features": frozen.vision.config.feature_dim, "studies": studies.words}
        say(json.dumps(values, indent=1), values, as_json)
        return
    start = time.monotonic()
    sides = {side: _features(run, side, studies, frozen, options) for side in ("train", "validation")}
    train, validation = (_head_data(sides[side]) for side in ("train", "validation"))
    empty = unlearnt_of(train)
    if empty:
        named = ", ".join(empty[:NUM_NAMED]) + (f" and {len(empty) - NUM_NAMED} more" if len(empty) > NUM_NAMED else "")
        warn(f"{len(empty)} heads have an empty class in training and stay without a probability: {named}")
    trained = train_heads(train, validation, how)
    calibration = calibrate(trained.logits(validation.features), validation.labels, wanted, chosen.calibration)
    measured = measure(trained, validation)
    record = StageRecord(
        recipe=facts,
        seed=seed,
        hardware=hardware(options),
        seconds=round(time.monotonic() - start, 1),
        watts=watts,
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
    num = sum(one.calibration is not None for one in (*config.diagnoses, *config.referrals))
    say(
        f"{num} heads trained and calibrated for {wanted}: {run / 'heads'}; on the validation studies that stopped "
        "and calibrated them: " + ", ".join(f"{name} {value:.3f}" for name, value in measured.items()),
        {"status": "done", "calibrated": num, "unlearnt": list(empty), "measured": measured, "target": str(wanted)},
        as_json,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Frozen:
    """The vision model, how its tokens are made, what it may see, and a hash of its weights."""

    vision: HierarchicalViT
    contract: Contract
    mode: Mode
    sha256: str


def _frozen(run: Path, release: Path | None) -> _Frozen:
    from prima.model.release.folder import load_release
    from prima.model.release.manifest import VISION_FILE
    from prima.train.run_folder import read_vision, weights_sha256

    if release is None:
        vision, contract, mode = read_vision(run)
        return _Frozen(vision=vision, contract=contract, mode=mode, sha256=weights_sha256(run))
    found = load_release(release)
    manifest = found.manifest
    return _Frozen(
        vision=found.vision(),
        contract=manifest.contract,
        mode=manifest.mode,
        sha256=manifest.files[VISION_FILE].sha256,
    )


def _features(run: Path, side: str, studies: Studies, frozen: _Frozen, options: given.RunOptions) -> Features:
    """Features of one side, kept in the run: another target or recipe of the heads needs them again."""
    import hashlib

    from rich.console import Console
    from rich.progress import Progress

    from prima.tokens.precision import choose_precision
    from prima.train.study.features import features_of, read_features, write_features

    examples = studies.train if side == "train" else studies.validation
    precision = choose_precision(options.device.value, options.dtype.value)
    about = "\n".join((frozen.sha256, frozen.mode, str(precision.dtype), repr(frozen.contract), *examples.study_uids))
    stamp = hashlib.sha256(about.encode()).hexdigest()[:16]
    path = run / "features" / f"{side}-{stamp}.npz"
    known = read_features(path, examples)
    if known is not None:
        return known
    err = Console(stderr=True, highlight=False, soft_wrap=True)
    with Progress(console=err, transient=True, disable=not err.is_terminal) as bars:
        task = bars.add_task(f"features of {side}", total=len(examples.study_uids))
        found = features_of(
            examples, frozen.vision, frozen.contract, mode=frozen.mode, device=precision.device,
            dtype=precision.dtype, on_studies=lambda done: bars.update(task, completed=done),
        )  # fmt: skip
    write_features(found, path)
    return found


def _head_data(features: Features) -> HeadData:
    from prima.train.heads.data import HeadData

    return HeadData(features=features.study, labels=features.labels)


def unlearnt_of(train: HeadData) -> tuple[str, ...]:
    """Heads whose training labels have no positive or no negative."""
    labels = train.labels
    found: list[str] = []
    for names, table in (
        (labels.diagnosis_names, labels.diagnoses),
        (labels.referral_names, labels.referrals),
    ):
        for name, column in zip(names, table.T, strict=True):
            if not ((column == 1).any() and (column == 0).any()):
                found.append(name)
    return tuple(found)


def measure(heads: TrainedHeads, validation: HeadData) -> dict[str, float]:
    """Mean AUROC over the diagnoses, and over the services, that have positives and negatives among the studies."""
    import numpy as np

    from prima.evaluate.metrics import auroc

    logits, labels = heads.logits(validation.features), validation.labels
    found: dict[str, float] = {}
    for what, scores, truth in (
        ("diagnosis AUROC", logits.diagnoses, labels.diagnoses),
        ("referral AUROC", logits.referrals, labels.referrals),
    ):
        values = []
        for score, column in zip(scores.T, truth.T, strict=True):
            known = ~np.isnan(column)
            present = column[known] == 1
            if present.any() and not present.all():
                values.append(auroc(score[known].astype(np.float64), present))
        if values:
            found[what] = float(np.mean(values))
            found[f"{what.split()[0]} heads measured"] = float(len(values))
    return found
