"""What each stage leaves in the run folder, and what the next one takes from it.

RUN/tokenizer, RUN/clip, RUN/heads   what a release is built from (`prima.model.release.stage_folder`)
RUN/release                          a release for `prima tokenize`: the trained tokenizer, the rest random
RUN/names                            the character encoder of series names, for the study stage to start from
RUN/tokenizer/dense.safetensors      the head that masks taught the tokenizer, likewise
RUN/clip/report.safetensors          the report encoder, with bpe.json: for zero-shot diagnosis and search
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from prima.errors import ReleaseError, UnreadableError
from prima.files.durable import new_file, new_folder
from prima.model.networks.report_encoder import ReportEncoder, ReportEncoderConfig
from prima.model.networks.vision import HierarchicalViT, VisionConfig
from prima.model.packaging.build import ReleaseParts, build_release
from prima.model.release.folder import load_release
from prima.model.release.manifest import TOKENIZER_FILE, HeadRecord, PriorityRecord
from prima.model.release.stage_folder import (
    WEIGHTS_FILE,
    HeadsConfig,
    Part,
    StageRecord,
    read_contract,
    read_mode,
    read_part,
    write_part,
    write_run_facts,
)
from prima.study.mode import Mode
from prima.study.ontology import DIAGNOSIS_NAMES, LEVELS, SERVICE_NAMES
from prima.tokens.contract import Contract
from prima.tokens.vqvae import VQVAE, VQVAEConfig
from prima.train.calibration.fit import Calibration
from prima.train.heads.network import TrainedHeads
from prima.train.study.bpe import ReportTokenizer
from prima.train.tokenizer.model import TokenModel, TokenModelConfig
from prima.train.tokenizer.task import latent_width

TOKENS_RELEASE = "release"
NAMES_FOLDER = "names"
DENSE_FILE = "tokenizer/dense.safetensors"
REPORT_FILE = "clip/report.safetensors"
BPE_FILE = "clip/bpe.json"
SHARED = "shared"


def write_tokenizer(run: Path, vqvae: VQVAE, contract: Contract, mode: Mode, record: StageRecord) -> None:
    """Write a trained tokenizer with its contract."""
    write_run_facts(run, contract, mode)
    write_part(run, "tokenizer", Part(config=vqvae.config, tensors=vqvae.state_dict(), record=record))


def write_tokens_release(run: Path, vqvae: VQVAE, vision: VisionConfig, contract: Contract, mode: Mode) -> Path:
    """Write RUN/release anew: the trained tokenizer with an untrained rest.

    Tokens made with it are those of the final release, because tokens are named by tokenizer and contract alone.
    """
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        network = HierarchicalViT(vision)
        outputs = len(DIAGNOSIS_NAMES) + len(SERVICE_NAMES) + len(LEVELS)
        weight = torch.randn(outputs, vision.feature_dim) * vision.feature_dim**-0.5
    heads = _heads_config(DIAGNOSIS_NAMES, SERVICE_NAMES, LEVELS)
    parts = ReleaseParts(
        name=f"{run.resolve().name}-tokenizer",
        trained=False,
        mode=mode,
        contract=contract,
        tokenizer=Part(config=vqvae.config, tensors=vqvae.state_dict(), record=None),
        vision=Part(config=vision, tensors=network.state_dict(), record=None),
        heads=Part(
            config=heads,
            tensors={f"{SHARED}.0.weight": weight, f"{SHARED}.0.bias": torch.zeros(outputs)},
            record=None,
        ),
        notes={"weights": "only the tokenizer is trained", "tokenizer_trained": True},
    )
    place = run / TOKENS_RELEASE
    with new_folder(place) as temporary:
        build_release(parts, temporary)
    return place


def tokenizer_sha256(run: Path) -> str:
    """Hash of the tokenizer's weights as a release holds them.

    Raises:
        UnreadableError: the run has no tokenizer yet.
    """
    place = run / TOKENS_RELEASE
    if not place.exists():
        raise UnreadableError(f"{run}: found no trained tokenizer, expected one; run prima train tokenizer first")
    return load_release(place).manifest.files[TOKENIZER_FILE].sha256


def read_run_contract(run: Path) -> Contract:
    """How the run's tokens were made.

    Raises:
        UnreadableError: the run has no tokenizer yet.
    """
    contract = read_contract(run)
    if contract is None:
        raise UnreadableError(f"{run}: found no contract.json, expected one; run prima train tokenizer first")
    return contract


def read_vision(run: Path) -> tuple[HierarchicalViT, Contract, Mode]:
    """The trained vision model of a run, how its tokens were made, and what it may see.

    Raises:
        UnreadableError: the study stage is not finished.
    """
    part, mode = read_part(run, "clip"), read_mode(run)
    if part is None or mode is None or not isinstance(part.config, VisionConfig):
        raise UnreadableError(f"{run}: found no trained vision model, expected one; run prima train clip to its end")
    vision = HierarchicalViT(part.config)
    vision.load_state_dict(part.tensors)
    return vision.eval(), read_run_contract(run), mode


def weights_sha256(run: Path) -> str:
    """Hash of the vision model's weights file: features that were made with others are not these."""
    with (run / "clip" / WEIGHTS_FILE).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_names(run: Path, encoder: torch.nn.Module) -> None:
    """Write the character encoder of series names."""
    _save(encoder, run / NAMES_FOLDER / WEIGHTS_FILE)


def write_dense(run: Path, head: torch.nn.Module) -> None:
    """Write the head that named findings from a token's row."""
    _save(head, run / DENSE_FILE)


def load_dense(run: Path, vision: HierarchicalViT) -> bool:
    """Start a vision model's context from the first layer of the tokenizer's head; False when there is none.

    Raises:
        UnreadableError: the file is broken, or its sizes are not the model's.
    """
    path = run / DENSE_FILE
    if not path.exists() or vision.context is None:
        return False
    try:
        tensors = load_file(path)
        vision.context.first.load_state_dict({name: tensors[f"1.{name}"] for name in ("weight", "bias")})
    except (OSError, SafetensorError, RuntimeError, KeyError):
        raise UnreadableError(
            f"{DENSE_FILE}: found no weights that fit the recipe; run prima train tokenizer again with it"
        ) from None
    return True


def read_dense(run: Path, contract: Contract) -> torch.nn.Module:
    """The head that masks taught to name findings from a token's row: [T, latent ∥ position ∥ plane] → [T, D] logits.

    Raises:
        UnreadableError: the tokenizer is not trained or has learnt from no masks, or the file is broken.
    """
    part = read_part(run, "tokenizer")
    if part is None or not isinstance(part.config, VQVAEConfig) or not (run / DENSE_FILE).exists():
        raise UnreadableError(f"{run}: found no tokenizer that has learnt from masks; run prima train tokenizer first")
    try:
        tensors = load_file(run / DENSE_FILE)
        config = TokenModelConfig(vqvae=part.config, dense_hidden=len(tensors["1.weight"]))
        head = TokenModel(config, latent_width(config, contract)).dense_head
        assert head is not None
        head.load_state_dict(tensors)
    except (OSError, SafetensorError, RuntimeError, KeyError):
        raise UnreadableError(f"{DENSE_FILE}: found no such head; run prima train tokenizer again") from None
    return head.eval()


def write_report_encoder(run: Path, encoder: torch.nn.Module) -> None:
    """Write the report side of the contrast: for zero-shot diagnosis and search, not for a release."""
    config = encoder.config.to_json() if isinstance(encoder, ReportEncoder) else {}
    _save(encoder, run / REPORT_FILE, {"config": json.dumps(config)})


def read_report_encoder(run: Path) -> tuple[ReportEncoder, ReportTokenizer]:
    """The report encoder of a run, and the tokenizer of its reports.

    Raises:
        UnreadableError: the study stage is not finished or had no reports, the encoder came from a folder of its own
            (`--text-model`), or a file is broken.
        MissingDependencyError: the `tokenizers` library is not installed.
    """
    path = run / REPORT_FILE
    if not path.exists():
        raise UnreadableError(f"{run}: found no report encoder; run prima train clip, with a recipe that reads reports")
    try:
        with safe_open(path, framework="pt") as file:
            values = json.loads(file.metadata()["config"])
        if not values:
            raise UnreadableError(f"{REPORT_FILE}: found an encoder of --text-model, expected that of a recipe")
        config = ReportEncoderConfig.from_json(values)
        encoder = ReportEncoder(config)
        encoder.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError, KeyError, TypeError, ValueError, ReleaseError):
        raise UnreadableError(f"{REPORT_FILE}: found no report encoder; run prima train clip again") from None
    return encoder.eval(), ReportTokenizer.load(run / BPE_FILE, config.max_tokens)


def _save(module: torch.nn.Module, path: Path, about: dict[str, str] | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}
    with new_file(path) as temporary:
        save_file(tensors, temporary, about)


def load_names(run: Path, encoder: torch.nn.Module) -> bool:
    """Start an encoder from the names stage; False when the run has none.

    Raises:
        UnreadableError: the file is broken, or its sizes are not the encoder's.
    """
    path = run / NAMES_FOLDER / WEIGHTS_FILE
    if not path.exists():
        return False
    try:
        encoder.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError):
        raise UnreadableError(
            f"{NAMES_FOLDER}/{WEIGHTS_FILE}: found no weights that fit the recipe; run prima train names again with it"
        ) from None
    return True


def write_heads(
    run: Path, heads: TrainedHeads, calibration: Calibration, unlearnt: Collection[str], record: StageRecord
) -> HeadsConfig:
    """Write trained heads with their calibration.

    Args:
        run: the run.
        heads: one network.
        calibration: of every head.
        unlearnt: heads that no training study taught: they get no probability, whatever the validation studies say.
        record: how they were made.
    """
    config = _heads_config(heads.diagnosis_names, heads.referral_names, heads.levels)
    curves = {name: curve for name, curve in calibration.heads.items() if name not in unlearnt}

    def calibrated(records: tuple[HeadRecord, ...]) -> tuple[HeadRecord, ...]:
        return tuple(replace(head, calibration=curves.get(head.name)) for head in records)

    assert config.priority is not None
    config = replace(
        config,
        diagnoses=calibrated(config.diagnoses),
        referrals=calibrated(config.referrals),
        priority=replace(config.priority, calibration=calibration.priority),
    )
    tensors = {f"{SHARED}.{name}": tensor for name, tensor in heads.tensors().items()}
    write_part(run, "heads", Part(config=config, tensors=tensors, record=record))
    return config


def _heads_config(diagnoses: tuple[str, ...], referrals: tuple[str, ...], levels: tuple[str, ...]) -> HeadsConfig:
    """One network with a column for each diagnosis, service and level, in this order."""
    names = (*diagnoses, *referrals)
    records = tuple(HeadRecord(name=name, mlp=0, column=column, offset=0.0) for column, name in enumerate(names))
    return HeadsConfig(
        networks=(SHARED,),
        diagnoses=records[: len(diagnoses)],
        referrals=records[len(diagnoses) :],
        priority=PriorityRecord(mlp=0, levels=levels, column=len(names)),
    )
