"""A release put together from what training left: weights, contract, calibration, provenance, probe and card."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from prima import __version__
from prima.errors import ReleaseError
from prima.files.code import executed_code
from prima.files.strict_json import read_json
from prima.model.networks.vision import HierarchicalViT, VisionConfig
from prima.model.packaging.card import render_card
from prima.model.packaging.probe import add_probe
from prima.model.release.folder import Release, ReleaseWriter, load_release
from prima.model.release.manifest import CARD_FILE, MANIFEST_FILE, TOKENIZER_FILE, VISION_FILE, Manifest, uncalibrated
from prima.model.release.stage_folder import (
    STAGES,
    HeadsConfig,
    Part,
    Stage,
    StageRecord,
    Tensors,
    read_contract,
    read_mode,
    read_part,
    read_text_json,
)
from prima.study.mode import Mode
from prima.tokens.contract import Contract
from prima.tokens.vqvae import VQVAE, VQVAEConfig

EVALUATION_FILE = "evaluation.json"
# Of an evaluation these name studies one by one; a summary does not need them.
_STUDY_LISTS = ("no_truth", "no_prediction")
_SOURCE_ROOMS = ("files", "study", "tokens", "model")


@dataclass(frozen=True, kw_only=True, eq=False)
class ReleaseParts:
    """Everything a release is made of.

    Args:
        name: what it is called.
        trained: False for random weights.
        mode: what of a study besides the image the model may see.
        contract: the preprocessing.
        tokenizer: VQVAEConfig and the tensors of a VQVAE.
        vision: VisionConfig and the tensors of a HierarchicalViT.
        heads: HeadsConfig, calibration inside, and tensors `<network>.<layer>.weight` and `.bias`.
        records: how the stages were made; those of earlier releases among them.
        evaluation: what `prima evaluate` measured, as it writes it; None when nothing was.
        notes: further provenance, as plain values.
    """

    name: str
    trained: bool
    mode: Mode
    contract: Contract
    tokenizer: Part
    vision: Part
    heads: Part
    records: dict[str, StageRecord] = field(default_factory=dict)
    evaluation: dict[str, Any] | None = None
    notes: dict[str, Any] = field(default_factory=dict)


def build_release(parts: ReleaseParts, folder: Path) -> Path:
    """Write a release; it is complete or, when anything fails, not there.

    The same parts give the same files, byte for byte, on the same machine type.

    Args:
        parts: what it is made of.
        folder: new or empty.

    Returns:
        The folder.

    Raises:
        ReleaseError: the folder is not empty, tensors do not fit their configuration, or the probe is not finite.
    """
    evaluation = None if parts.evaluation is None else without_studies(_evaluation(parts.evaluation))
    heads = _config(parts.heads, HeadsConfig, "heads")
    tokenizer = _checked(parts.tokenizer, VQVAEConfig, VQVAE, "tokenizer")
    vision = _checked(parts.vision, VisionConfig, HierarchicalViT, "clip")
    networks = _networks(heads, parts.heads.tensors)
    writer = ReleaseWriter(folder=folder)
    try:
        writer.add_tensors(TOKENIZER_FILE, _float32(parts.tokenizer.tensors))
        writer.add_tensors(VISION_FILE, _float32(parts.vision.tensors))
        files = [f"heads/{index:03d}.safetensors" for index in range(len(networks))]
        for file, tensors in zip(files, networks, strict=True):
            writer.add_tensors(file, _float32(tensors))
        manifest = Manifest(
            name=parts.name,
            trained=parts.trained,
            calibrated=not uncalibrated([*heads.diagnoses, *heads.referrals], heads.priority),
            mode=parts.mode,
            contract=parts.contract,
            tokenizer=tokenizer,
            vision=vision,
            mlps=tuple(files),
            diagnoses=heads.diagnoses,
            referrals=heads.referrals,
            priority=heads.priority,
            provenance=_provenance(parts),
            files=writer.files,
        )
        add_probe(writer, manifest)
        if evaluation is not None:
            writer.add_text(EVALUATION_FILE, _json_text(evaluation))
        writer.add_text(CARD_FILE, render_card(manifest, parts.records, evaluation))
        return writer.finish(replace(manifest, files=writer.files))
    except BaseException:
        writer.abandon()
        raise


def collect(sources: Sequence[Path], *, name: str, evaluation: Path | None = None) -> ReleaseParts:
    """Parts from run folders and releases; a later source replaces what an earlier one has.

    Args:
        sources: run folders (`prima.model.release.stage_folder`) or releases.
        name: of the new release.
        evaluation: a JSON file that `prima evaluate` wrote; without it, that of the last source that has one.

    Raises:
        ReleaseError: a source holds nothing, a part is missing in all of them, or they do not fit each other.
    """
    parts: dict[str, Part] = {}
    records: dict[str, StageRecord] = {}
    trained: dict[str, bool] = {}
    facts: dict[str, Any] = {"evaluation": None}
    for source in sources:
        heads, made_by, notes = _from_release(source) if (source / MANIFEST_FILE).is_file() else _from_run(source)
        if not heads and not notes:
            raise ReleaseError(
                f"{source}: found neither a run nor a release, expected one (see prima release build --help)"
            )
        if heads:
            facts["evaluation"] = None  # what was measured of other parts says nothing of these
        is_trained = bool(notes.pop("trained", True))
        trained |= dict.fromkeys(heads, is_trained)
        parts |= heads
        records = {stage: record for stage, record in records.items() if stage not in heads} | made_by
        facts |= notes
    if evaluation is not None:
        facts["evaluation"] = read_text_json(evaluation)
    missing = [*(stage for stage in STAGES if stage not in parts), *({"contract", "mode"} - facts.keys())]
    if missing:
        raise ReleaseError(
            f"release: found no {missing[0]} in {', '.join(source.name for source in sources)}, expected "
            "tokenizer, clip, heads, contract and mode; add the run or release that has it"
        )
    return ReleaseParts(
        name=name,
        trained=all(trained.values()),
        tokenizer=parts["tokenizer"],
        vision=parts["clip"],
        heads=parts["heads"],
        records=records,
        **facts,
    )


def card_without_evaluation(manifest: Manifest) -> str:
    """The card of a release whose parts were changed after it was measured: what was measured is not carried over."""
    return render_card(manifest, _records(manifest), None)


def card_of_release(release: Release) -> str:
    """The card of a built release, with what was measured of it."""
    measured = EVALUATION_FILE in release.manifest.files
    evaluation = read_text_json(release.folder / EVALUATION_FILE) if measured else None
    return render_card(release.manifest, _records(release.manifest), evaluation)


def take_file(writer: ReleaseWriter, release: Release, name: str) -> None:
    """A file of another release: the same bytes on disk where that can be, since neither release ever changes."""
    source, place = release.folder / name, writer.folder / name
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, place)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, place)
    writer.files[name] = release.manifest.files[name]


def without_studies(evaluation: dict[str, Any]) -> dict[str, Any]:
    """An evaluation without the lists that name single studies: the summary that travels with a release."""
    account = evaluation.get("account")
    if not isinstance(account, dict):
        return evaluation
    counted = {
        key: len(value) if key in _STUDY_LISTS and isinstance(value, list | tuple) else value
        for key, value in account.items()
    }
    return {**evaluation, "account": counted}


def _evaluation(values: Any) -> dict[str, Any]:
    needed = ("studies", "scored", "patients", "means")
    if not isinstance(values, dict) or any(key not in values for key in needed):
        raise ReleaseError(f"{EVALUATION_FILE}: found no {', '.join(needed)}, expected what prima evaluate writes")
    return values


_Found = tuple[dict[str, Part], dict[str, StageRecord], dict[str, Any]]


def _from_run(run: Path) -> _Found:
    parts: dict[str, Part] = {stage: part for stage in STAGES if (part := read_part(run, stage)) is not None}
    facts: dict[str, Any] = {}
    if (contract := read_contract(run)) is not None:
        facts["contract"] = contract
    if (mode := read_mode(run)) is not None:
        facts["mode"] = mode
    if (run / EVALUATION_FILE).is_file():
        facts["evaluation"] = read_text_json(run / EVALUATION_FILE)
    records = {stage: part.record for stage, part in parts.items() if part.record is not None}
    return parts, records, facts


def _from_release(folder: Path) -> _Found:
    release = load_release(folder)
    manifest = release.manifest
    names = tuple(f"{index:03d}" for index in range(len(manifest.mlps)))
    heads = HeadsConfig(
        networks=names, diagnoses=manifest.diagnoses, referrals=manifest.referrals, priority=manifest.priority
    )
    tensors = {
        f"{name}.{key}": tensor
        for name, file in zip(names, manifest.mlps, strict=True)
        for key, tensor in load_file(folder / file).items()
    }
    parts = {
        "tokenizer": Part(config=manifest.tokenizer, tensors=load_file(folder / TOKENIZER_FILE), record=None),
        "clip": Part(config=manifest.vision, tensors=load_file(folder / VISION_FILE), record=None),
        "heads": Part(config=heads, tensors=tensors, record=None),
    }
    records = _records(manifest)
    facts: dict[str, Any] = {"contract": manifest.contract, "mode": manifest.mode, "trained": manifest.trained}
    if EVALUATION_FILE in manifest.files:
        facts["evaluation"] = read_text_json(folder / EVALUATION_FILE)
    notes = {key: value for key, value in manifest.provenance.items() if key not in _OWN_FACTS}
    if notes:
        facts["notes"] = notes
    return parts, records, facts


def _records(manifest: Manifest) -> dict[str, StageRecord]:
    stages = manifest.provenance.get("stages", {})
    return {stage: read_json(StageRecord, values, f"{MANIFEST_FILE} {stage}") for stage, values in stages.items()}


_OWN_FACTS = ("openprima", "source_sha256", "finished", "energy_kwh", "stages")


def _provenance(parts: ReleaseParts) -> dict[str, Any]:
    """Where the weights come from; says nothing of the moment or place of building, so that building again is equal."""
    return {
        **parts.notes,
        "openprima": __version__,
        "source_sha256": source_sha256(),
        "finished": max((record.finished for record in parts.records.values()), default=None),
        "energy_kwh": sum(record.energy_kwh for record in parts.records.values()),
        "stages": {stage: asdict(record) for stage, record in sorted(parts.records.items())},
    }


def source_sha256() -> str:
    """A hash of the code that makes and runs a model: which openprima it was, without asking git.

    It covers the rooms up to this one, and of each module what Python executes: comments, docstrings and layout do not
    count. What trained the weights stands in the record of each stage.
    """
    digest = hashlib.sha256()
    top = Path(str(resources.files("prima")))
    for path in sorted(path for room in _SOURCE_ROOMS for path in (top / room).rglob("*.py")):
        code = executed_code(path.read_text(encoding="utf-8"))
        digest.update(path.relative_to(top).as_posix().encode() + b"\0" + code.encode() + b"\0")
    return digest.hexdigest()


def _config(part: Part, kind: type[Any], stage: str) -> Any:
    if not isinstance(part.config, kind):
        raise ReleaseError(f"{stage}: found a {type(part.config).__name__}, expected a {kind.__name__}")
    return part.config


def _checked(part: Part, kind: type[Any], network: type[torch.nn.Module], stage: Stage) -> Any:
    """The configuration of a part whose tensors are those of its network, by name and shape."""
    config = _config(part, kind, stage)
    with torch.device("meta"):
        expected = {name: tuple(tensor.shape) for name, tensor in network(config).state_dict().items()}
    shapes = {name: tuple(tensor.shape) for name, tensor in part.tensors.items()}
    if odd := sorted(name for name in expected.keys() | shapes.keys() if expected.get(name) != shapes.get(name)):
        name = odd[0]
        raise ReleaseError(
            f"{stage}: found {len(odd)} tensors that do not fit config.json: {name} is "
            f"{shapes.get(name, 'absent')}, expected {expected.get(name, 'none of that name')}; write the stage again"
        )
    if bad := [name for name, tensor in part.tensors.items() if not bool(torch.isfinite(tensor).all())]:
        raise ReleaseError(f"{stage}: found values in {bad[0]} that are not finite, expected numbers; train again")
    return config


def _networks(heads: HeadsConfig, tensors: Tensors) -> list[Tensors]:
    """The tensors of each head network, by layer."""
    networks: list[Tensors] = []
    for name in heads.networks:
        own = {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")}
        if not own:
            raise ReleaseError(f"heads: found no tensors of the network {name!r}; write the stage again")
        networks.append(own)
    if sum(map(len, networks)) != len(tensors):
        raise ReleaseError("heads: found tensors of no network that config.json names; write the stage again")
    if bad := [name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor).all())]:
        raise ReleaseError(f"heads: found values in {bad[0]} that are not finite, expected numbers; train again")
    return networks


def _float32(tensors: Tensors) -> Tensors:
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}


def _json_text(values: dict[str, Any]) -> str:
    return json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
