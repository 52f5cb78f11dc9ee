"""The recipe of the release that ships, and the same as a hospital could train it."""

from __future__ import annotations

from dataclasses import replace

from prima.model.networks.vision import VisionConfig
from prima.study.ontology import DIAGNOSES
from prima.tokens.contract import OPEN
from prima.tokens.vqvae import VQVAEConfig
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
from prima.train.tokenizer.augment import PatchAugmentation
from prima.train.tokenizer.model import TokenModelConfig
from prima.train.tokenizer.task import TokenizerTaskConfig


def demo() -> Recipe:
    """The release that ships: our own contract, and the simulator's masks as dense supervision."""
    base = demo_reports()
    return replace(
        base,
        name="demo",
        tokenizer=replace(
            base.tokenizer,
            model=replace(base.tokenizer.model, dense_hidden=256, reconstruction_share=0.125),
            weights={**base.tokenizer.weights, "dense": 1.0},
            patches_per_study=32,
        ),
        study=replace(
            base.study,
            model=replace(base.study.model, dense=True, vision=replace(base.study.model.vision, compared=True)),
            weights={**base.study.weights, **MASKS_FIRST},
        ),
        heads=replace(
            base.heads,
            evidence=len(DIAGNOSES),
            kinds=6,
            left_out=base.study.model.vision.study_layout.registers.stop,
        ),
    )


# Masks generalise, and the labels of a thousand studies are learnt by heart: so tokens come first.
MASKS_FIRST = {"tokens": 1.0, "series": 0.3, "labels": 0.3, "priority": 0.2, "referrals": 0.1}


def demo_reports() -> Recipe:
    """As a hospital could train it: the sizes of `demo`, with reports and the labels read in them alone."""
    tokenizer = TokenModelConfig(
        vqvae=VQVAEConfig(
            channels=(32, 64),
            residual_channels=(32, 64),
            num_residual_layers=1,
            downsample=((2, 4, 1, 1), (2, 2, 1, 0)),
            upsample=((2, 2, 1, 0, 0), (2, 4, 1, 1, 0)),
            num_codes=1024,
            code_dim=16,
            flat_slices=2,
        ),
        batch_norm=True,
    )
    text = text_encoder_config(width=64, depth=1)
    vision = VisionConfig(
        token_width=token_row_width(tokenizer, OPEN),
        sequence=transformer_config(128, depth=1),
        sequence_registers=4,
        study=transformer_config(256, depth=2),
        study_registers=4,
        series_name=text,
        study_description=text,
        joint_dim=128,
        evidence=len(DIAGNOSES),
        moments=True,
        context=256,
        words=64,
    )
    return Recipe(
        name="demo_reports",
        contract=OPEN,
        tokenizer=TokenizerTaskConfig(model=tokenizer, patches_per_study=8, augmentation=PatchAugmentation()),
        tokenizer_engine=engine_config(studies=16, epochs=60, rate=3e-3, decay=1e-4, warmup=100, clip=20.0),
        names=names_task_config(vision, hidden=128, joint_dim=64),
        names_engine=engine_config(studies=16, epochs=1, rate=1e-3),
        study=StudyTaskConfig(
            model=StudyModelConfig(vision=vision, report=report_encoder_config(width=128, depth=2, joint_dim=128)),
            mode="image+names+indication",
            dropout=DropoutConfig(series=0.15, tokens=0.7, names=0.3, description=0.15, indication=0.2, protocol=0.4),
        ),
        study_engine=engine_config(studies=8, epochs=8, rate=2e-3, decay=0.02, warmup=200, measure_every=5000),
        series_engine=replace(
            engine_config(studies=64, epochs=20, rate=1e-3, decay=0.05, warmup=50, measure_every=100),
            best="auroc",
            best_is="highest",
        ),
        heads=HeadRecipe(hidden=0, penalties=(0.1, 0.03, 0.01, 0.003)),
        target="ppv=0.5",
    )
