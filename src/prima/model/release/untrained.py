"""Releases with random weights: for tests, benchmarks and the first run, before anything was trained.

Their numbers mean nothing, and the manifest says so: `trained` is false.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from prima.model.networks.transformer import TransformerConfig
from prima.model.networks.vision import HierarchicalViT, TextEncoderConfig, VisionConfig
from prima.model.release.folder import ReleaseWriter
from prima.model.release.manifest import (
    CARD_FILE,
    TOKENIZER_FILE,
    VISION_FILE,
    HeadRecord,
    Manifest,
    PriorityRecord,
)
from prima.study.ontology import DIAGNOSES, PRIORITIES, SERVICES
from prima.tokens.contract import PUBLISHED, Contract
from prima.tokens.vqvae import VQVAE, VQVAEConfig

Module = TypeVar("Module", bound=nn.Module)


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Everything that decides how large a release is.

    Args:
        hidden: widths of the hidden layers of a head.
        own_networks: one whole head network per task, as published, or one shared by each kind of task.
    """

    tokenizer: VQVAEConfig
    vision: VisionConfig
    hidden: tuple[int, ...]
    own_networks: bool
    num_referrals: int


def _names(width: int = 256) -> TextEncoderConfig:
    transformer = TransformerConfig(width=width, depth=3, heads=4, head_dim=width // 4, mlp_dim=width + 44)
    return TextEncoderConfig(embedding=width - 10, position_dims=10, transformer=transformer)


PUBLISHED_SIZES = Sizes(
    tokenizer=VQVAEConfig(),
    vision=VisionConfig(
        sequence=TransformerConfig(width=289, depth=15, heads=16, head_dim=64, mlp_dim=1024),
        sequence_registers=20,
        study=TransformerConfig(width=1024, depth=4, heads=8, head_dim=64, mlp_dim=1024),
        study_registers=10,
        series_name=_names(),
        study_description=_names(),
        joint_dim=128,
    ),
    hidden=(4000, 1000),
    own_networks=True,
    num_referrals=10,
)

TINY_SIZES = Sizes(
    tokenizer=VQVAEConfig(channels=(16, 16), residual_channels=(16, 16), num_codes=64),
    vision=VisionConfig(
        sequence=TransformerConfig(width=289, depth=2, heads=4, head_dim=16, mlp_dim=64),
        sequence_registers=2,
        study=TransformerConfig(width=64, depth=2, heads=4, head_dim=16, mlp_dim=64),
        study_registers=2,
        series_name=_names(64),
        study_description=_names(64),
        joint_dim=32,
    ),
    hidden=(32,),
    own_networks=False,
    num_referrals=len(SERVICES),
)

CARD = """# {name}

**Untrained.** The weights are random numbers (seed {seed}). Whatever this release says of a study means nothing.
It exists so that the whole path from a raw study to a report can be run, tested and timed before a trained release is
at hand.
"""


def write_untrained_release(
    folder: Path, sizes: Sizes, *, name: str, seed: int = 0, contract: Contract = PUBLISHED
) -> Path:
    """Write a release with random weights; the same seed gives the same files.

    Raises:
        ReleaseError: the folder is not empty.
    """
    generator = torch.Generator().manual_seed(seed)
    writer = ReleaseWriter(folder=folder)
    tokenizer = _randomise(VQVAE(sizes.tokenizer), generator)
    writer.add_tensors(TOKENIZER_FILE, tokenizer.state_dict())
    vision = _randomise(HierarchicalViT(sizes.vision), generator)
    writer.add_tensors(VISION_FILE, vision.state_dict())

    kinds = {
        "diagnosis": [diagnosis.name for diagnosis in DIAGNOSES],
        "referral": [referral.name for referral in SERVICES[: sizes.num_referrals]],
    }
    mlps: list[str] = []

    def add_mlp(num_columns: int) -> int:
        file = f"heads/{len(mlps):03d}.safetensors"
        widths = (sizes.vision.feature_dim, *sizes.hidden, num_columns)
        writer.add_tensors(file, _random_mlp(widths, generator))
        mlps.append(file)
        return len(mlps) - 1

    records: dict[str, tuple[HeadRecord, ...]] = {}
    for kind, names in kinds.items():
        shared = None if sizes.own_networks else add_mlp(len(names))
        records[kind] = tuple(
            HeadRecord(name=head, mlp=add_mlp(len(names)) if shared is None else shared, column=column, offset=0.0)
            for column, head in enumerate(names)
        )
    levels = tuple(priority.level for priority in PRIORITIES)
    priority = PriorityRecord(mlp=add_mlp(len(levels)), levels=levels)
    writer.add_text(CARD_FILE, CARD.format(name=name, seed=seed))
    return writer.finish(
        Manifest(
            name=name,
            trained=False,
            calibrated=False,
            mode="image+names",
            contract=contract,
            tokenizer=sizes.tokenizer,
            vision=sizes.vision,
            mlps=tuple(mlps),
            diagnoses=records["diagnosis"],
            referrals=records["referral"],
            priority=priority,
            provenance={"weights": "random", "seed": seed},
            files={},
        )
    )


def _randomise(module: Module, generator: torch.Generator) -> Module:
    """Weights that keep activations of order one; norms and biases as initialised."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if parameter.ndim > 1:
                fan_in = parameter[0].numel()
                parameter.normal_(0.0, 1.0 if "embedding" in name else fan_in**-0.5, generator=generator)
            elif name.endswith("bias"):
                parameter.zero_()
    return module


def _random_mlp(widths: tuple[int, ...], generator: torch.Generator) -> dict[str, torch.Tensor]:
    tensors: dict[str, torch.Tensor] = {}
    for layer, (width_in, width_out) in enumerate(pairwise(widths)):
        weight = torch.empty(width_out, width_in).normal_(0.0, (2 / width_in) ** 0.5, generator=generator)
        tensors[f"{layer}.weight"] = weight
        tensors[f"{layer}.bias"] = torch.zeros(width_out)
    return tensors
