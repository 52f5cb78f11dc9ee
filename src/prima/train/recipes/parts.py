"""Parts that recipes are put together from: sizes of networks and settings of the engine."""

from __future__ import annotations

from typing import Literal

from prima.model.networks.report_encoder import ReportEncoderConfig
from prima.model.networks.transformer import TransformerConfig
from prima.model.networks.vision import TextEncoderConfig, VisionConfig
from prima.tokens.contract import Contract
from prima.train.engine.config import EngineConfig
from prima.train.engine.optimiser import OptimiserConfig
from prima.train.engine.sampler import SamplerConfig
from prima.train.study.names import NamesTaskConfig
from prima.train.tokenizer.model import TokenModelConfig
from prima.train.tokenizer.task import latent_width


def engine_config(
    *,
    studies: int,
    rate: float,
    epochs: int | None = None,
    steps: int | None = None,
    decay: float = 0.02,
    warmup: int = 100,
    schedule: Literal["cosine", "constant"] = "cosine",
    measure_every: int | None = None,
    clip: float = 1.0,
) -> EngineConfig:
    """How a stage is trained: studies a batch, length in epochs or in steps, AdamW with a warm-up."""
    optimiser = OptimiserConfig(
        learning_rate=rate, weight_decay=decay, warmup_steps=warmup, schedule=schedule, clip_norm=clip
    )
    return EngineConfig(
        order=SamplerConfig(studies_per_batch=studies),
        num_epochs=epochs,
        num_steps=steps,
        optimiser=optimiser,
        measure_every=measure_every,
    )


def token_row_width(model: TokenModelConfig, contract: Contract) -> int:
    """Width of a token row: latent, position, plane."""
    return latent_width(model, contract) + 3 * contract.position_dims + 3


def transformer_config(width: int, *, depth: int) -> TransformerConfig:
    """Heads of 32 channels, and an MLP of twice the width."""
    return TransformerConfig(width=width, depth=depth, heads=width // 32, head_dim=32, mlp_dim=2 * width)


def text_encoder_config(*, width: int, depth: int) -> TextEncoderConfig:
    """Characters with ten channels for their position."""
    return TextEncoderConfig(embedding=width - 10, position_dims=10, transformer=transformer_config(width, depth=depth))


def report_encoder_config(*, width: int, depth: int, joint_dim: int) -> ReportEncoderConfig:
    """Its vocabulary is set when the report tokenizer has been trained."""
    transformer = transformer_config(width, depth=depth)
    return ReportEncoderConfig(vocabulary=0, max_tokens=200, transformer=transformer, joint_dim=joint_dim)


def names_task_config(vision: VisionConfig, *, hidden: int, joint_dim: int) -> NamesTaskConfig:
    """The names stage of a vision model that reads series names."""
    assert vision.series_name is not None
    return NamesTaskConfig(
        encoder=vision.series_name,
        width=vision.sequence.width,
        token_width=vision.token_width or vision.sequence.width,
        hidden=hidden,
        joint_dim=joint_dim,
    )
