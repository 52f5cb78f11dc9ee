"""The folder that training leaves and a release is built from.

    RUN/contract.json                                   the preprocessing
    RUN/mode.json                                       {"mode": "image+names"}: what the model was trained to see
    RUN/tokenizer/ config.json weights.safetensors      VQVAEConfig; tensors of a VQVAE
    RUN/clip/      config.json weights.safetensors      VisionConfig; tensors of a HierarchicalViT
    RUN/heads/     config.json weights.safetensors      HeadsConfig; tensors `<network>.<layer>.weight` and `.bias`
    RUN/<stage>/record.json                             StageRecord: how the stage was made

A part may be absent: a release is put together from several runs. Whoever trains writes with `write_part`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from prima.errors import ReleaseError
from prima.files.durable import new_file, write_json
from prima.files.strict_json import read_json
from prima.model.networks.vision import VisionConfig
from prima.model.release.manifest import HeadRecord, PriorityRecord
from prima.study.mode import Mode
from prima.tokens.contract import Contract
from prima.tokens.vqvae import VQVAEConfig

Stage = Literal["tokenizer", "clip", "heads"]
STAGES: tuple[Stage, ...] = ("tokenizer", "clip", "heads")
CONFIG_FILE, WEIGHTS_FILE, RECORD_FILE = "config.json", "weights.safetensors", "record.json"
CONTRACT_FILE, MODE_FILE = "contract.json", "mode.json"

Tensors = dict[str, torch.Tensor]
Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class HeadsConfig:
    """The heads, as the manifest has them; `mlp` of a head is the number of its network in `networks`.

    Args:
        networks: names of the head networks, such as "shared".
    """

    networks: tuple[str, ...]
    diagnoses: tuple[HeadRecord, ...]
    referrals: tuple[HeadRecord, ...]
    priority: PriorityRecord | None


@dataclass(frozen=True, kw_only=True)
class StageRecord:
    """How a stage was made: what the card says of it.

    Args:
        recipe: its name and every resolved value.
        seed: of the run.
        hardware: in words, such as "1 × H100" or "2 cores of AMD EPYC".
        seconds: of work, over all starts.
        watts: mean power that the energy estimate assumes; 0 when nobody knows.
        data: what it was trained on, in words.
        num_studies: of the training side.
        num_patients: likewise.
        finished: date, YYYY-MM-DD.
        simulated: whether any of the data was; the card then says so in its first lines.
        measured: what was measured while training, such as {"validation retrieval@5": 0.4}.
    """

    recipe: dict[str, Any]
    seed: int
    hardware: str
    seconds: float
    watts: float
    data: str
    num_studies: int
    num_patients: int
    finished: str
    simulated: bool = True
    measured: dict[str, float] = field(default_factory=dict)

    @property
    def energy_kwh(self) -> float:
        """Estimate: seconds × watts."""
        return self.seconds * self.watts / 3.6e6


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """What one stage left: its configuration, its tensors, and how it was made (None when that is not recorded)."""

    config: VQVAEConfig | VisionConfig | HeadsConfig
    tensors: Tensors
    record: StageRecord | None


CONFIGS: dict[Stage, type[VQVAEConfig] | type[VisionConfig] | type[HeadsConfig]] = {
    "tokenizer": VQVAEConfig,
    "clip": VisionConfig,
    "heads": HeadsConfig,
}


def write_part(run: Path, stage: Stage, part: Part) -> Path:
    """Write what a stage made; each file is whole or absent, the weights come last.

    Returns:
        The folder of the stage.
    """
    folder = run / stage
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / CONFIG_FILE, asdict(part.config))
    if part.record is not None:
        write_json(folder / RECORD_FILE, asdict(part.record))
    with new_file(folder / WEIGHTS_FILE) as temporary:
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in part.tensors.items()}, temporary)
    return folder


def write_run_facts(run: Path, contract: Contract, mode: Mode) -> None:
    """Write contract and mode of a run."""
    run.mkdir(parents=True, exist_ok=True)
    write_json(run / CONTRACT_FILE, contract.to_json())
    write_json(run / MODE_FILE, {"mode": mode})


def read_part(run: Path, stage: Stage) -> Part | None:
    """What a stage left; None when it left nothing.

    Raises:
        ReleaseError: a file is missing or broken.
    """
    folder = run / stage
    if not (folder / WEIGHTS_FILE).exists():
        return None
    config = read_values(CONFIGS[stage], folder / CONFIG_FILE)
    record = read_values(StageRecord, folder / RECORD_FILE) if (folder / RECORD_FILE).exists() else None
    try:
        tensors = load_file(folder / WEIGHTS_FILE)
    except (SafetensorError, OSError) as error:
        raise ReleaseError(f"{folder.name}/{WEIGHTS_FILE}: cannot be read ({error}); train the stage again") from None
    return Part(config=config, tensors=tensors, record=record)


def read_contract(run: Path) -> Contract | None:
    """The contract of a run, None when it has none."""
    return read_values(Contract, run / CONTRACT_FILE) if (run / CONTRACT_FILE).exists() else None


def read_mode(run: Path) -> Mode | None:
    """The mode of a run, None when it has none."""
    return read_values(_Mode, run / MODE_FILE).mode if (run / MODE_FILE).exists() else None


@dataclass(frozen=True, kw_only=True)
class _Mode:
    mode: Mode


def read_values(kind: type[Value], path: Path) -> Value:
    """A dataclass from a file of JSON.

    Raises:
        ReleaseError: it cannot be read, is no JSON, or a value is missing, unknown or odd.
    """
    return read_json(kind, read_text_json(path), f"{path.parent.name}/{path.name}")


def read_text_json(path: Path) -> Any:
    """The JSON in a file.

    Raises:
        ReleaseError: it cannot be read or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        found = getattr(error, "strerror", None) or "text that is not JSON"
        raise ReleaseError(f"{path.parent.name}/{path.name}: found {found}, expected JSON; write it again") from None
