"""The recipe of the tests."""

from __future__ import annotations

from prima.model.networks.vision import VisionConfig
from prima.tokens.contract import OPEN
from prima.tokens.vqvae import VQVAEConfig
from prima.train.calibration.fit import CalibrationRecipe
from prima.train.heads.recipe import HeadRecipe
from prima.train.recipes.parts import (
    engine_config,
    names_task_config,
    report_encoder_config,
    text_encoder_config,
    token_row_width,
    transformer_config,
)
from prima.train.recipes.recipe import Recipe
from prima.train.study.dropout import DropoutConfig
from prima.train.study.model import StudyModelConfig
from prima.train.study.task import StudyTaskConfig
from prima.train.tokenizer.model import TokenModelConfig
from prima.train.tokenizer.task import TokenizerTaskConfig


def tiny() -> Recipe:
    """Small enough for two minutes on a CPU: it shows that every stage runs, and learns next to nothing."""
    tokenizer = TokenModelConfig(
        vqvae=VQVAEConfig(
            channels=(16, 32),
            residual_channels=(16, 32),
            num_residual_layers=1,
            downsample=((2, 4, 1, 1), (2, 2, 1, 0)),
            upsample=((2, 2, 1, 0, 0), (2, 4, 1, 1, 0)),
            num_codes=64,
            code_dim=4,
            flat_slices=2,
        ),
        reconstruction_share=0.5,
    )
    text = text_encoder_config(width=32, depth=1)
    vision = VisionConfig(
        token_width=token_row_width(tokenizer, OPEN),
        sequence=transformer_config(64, depth=1),
        sequence_registers=2,
        study=transformer_config(64, depth=1),
        study_registers=2,
        series_name=text,
        study_description=text,
        joint_dim=32,
    )
    return Recipe(
        name="tiny",
        contract=OPEN,
        tokenizer=TokenizerTaskConfig(model=tokenizer, patches_per_study=200),
        tokenizer_engine=engine_config(studies=2, steps=100, rate=3e-3, decay=1e-4, warmup=4),
        names=names_task_config(vision, hidden=32, joint_dim=32),
        names_engine=engine_config(studies=8, steps=30, rate=3e-3, warmup=3),
        study=StudyTaskConfig(
            model=StudyModelConfig(vision=vision, report=report_encoder_config(width=64, depth=1, joint_dim=32)),
            dropout=DropoutConfig(tokens=0.5),
        ),
        study_engine=engine_config(studies=8, steps=60, rate=2e-3, warmup=6, measure_every=30),
        series_engine=engine_config(studies=16, steps=30, rate=2e-3, warmup=3),
        vocabulary=512,
        heads=HeadRecipe(hidden=32, epochs=15, column_epochs=15),
        calibration=CalibrationRecipe(replicates=50),
    )
